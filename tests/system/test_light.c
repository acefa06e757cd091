/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Light connections beside greedy ones: short turns, and packets that are used
 * before their turn. */
#include "base/bytes.h"
#include "system/system.h"

#define GREEDY 12
#define MANY 8
#define PLENTY (1024ull * MIB)
#define VMS 4
#define STOPS 200
#define ROUNDS_MAX 20000

static void begin_greedy(struct pair *p)
{
	pair_begin_to_host(p, PLENTY);
	pair_begin_to_guest(p, PLENTY);
	gsock_read_all(p->guest);
}

static void end_greedy(struct pair *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		host_close(&p[i].host);
		gsock_close(p[i].guest);
	}
}

/* The smallest amount that one of the N pairs got. */
static uint64_t least(const struct pair *p, unsigned n)
{
	uint64_t got = UINT64_MAX;

	for (unsigned i = 0; i < n; i++) {
		if (p[i].host.in.seed)
			got = min_u64(got, p[i].host.in.got);
		if (p[i].guest->in.seed)
			got = min_u64(got, p[i].guest->in.got);
	}
	return got;
}

/* Turns stay short as long as a light connection is active. Meanwhile each
 * greedy one, whichever direction it uses, must get a few megabytes more. */
static void expect_share(struct pair *greedy, unsigned n, struct pair *light)
{
	uint64_t enough = least(greedy, n) + 4 * MIB;

	for (unsigned i = 0; least(greedy, n) < enough; i++) {
		ck_assert_uint_lt(i, ROUNDS_MAX);
		pair_both_ways(light, 64);
	}
}

/* Greedy connections of both origins, and a light one that only wants answers.
 * */
START_TEST(a_light_connection_is_served_beside_greedy_ones)
{
	struct pair greedy[MANY], light;
	struct scene s;

	scene_open(&s, _i);
	pair_from_guest(&s, &light);
	for (unsigned i = 0; i < MANY; i++) {
		pair_from_guest(&s, &greedy[i]);
		begin_greedy(&greedy[i]);
	}
	for (unsigned i = 0; i < 200; i++)
		pair_both_ways(&light, 64);
	for (unsigned i = 0; i < MANY; i++) {
		/* and none of the greedy ones was left out */
		drive_until(&s.world, greedy[i].host.in.got > MIB &&
					      greedy[i].guest->in.got > MIB);
		host_close(&greedy[i].host);
		gsock_close(greedy[i].guest);
	}
	pair_close(&light);
	scene_close(&s);
}
END_TEST

/* The ring stops while the light connection's packets were used ahead of
 * others: nothing is lost, and nothing is sent twice. */
START_TEST(rings_stop_at_any_time)
{
	struct pair greedy[GREEDY], light;
	struct scene s;

	scene_open(&s, _i);
	pair_from_guest(&s, &light);
	for (unsigned i = 0; i < GREEDY; i++) {
		pair_from_guest(&s, &greedy[i]);
		begin_greedy(&greedy[i]);
	}
	for (unsigned i = 0; i < STOPS; i++) {
		uint64_t due;

		for (unsigned j = 0; j < i % 5; j++)
			pair_both_ways(&light, 64);
		due = pair_begin_to_host(&light, 100);
		drive_until(&s.world, light.guest->out.sent == due);
		guest_pause(&s.guest);
		guest_start(&s.guest);
		drive_until(&s.world, light.host.in.got == due);
	}
	expect_share(greedy, GREEDY, &light);
	end_greedy(greedy, GREEDY);
	pair_close(&light);
	scene_close(&s);
}
END_TEST

/* If light connections were always served first, 64 of them would leave the
 * greedy one nothing. */
START_TEST(many_light_ones_leave_the_greedy_their_share)
{
	struct pair light[64], greedy;
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(light); i++)
		pair_from_guest(&s, &light[i]);
	pair_from_guest(&s, &greedy);
	begin_greedy(&greedy);
	for (unsigned round = 0; round < 50; round++) {
		uint64_t all = 100 * (round + 1);

		for (unsigned i = 0; i < ARRAY_SIZE(light); i++) {
			pair_begin_to_host(&light[i], 100);
			pair_begin_to_guest(&light[i], 100);
			gsock_read_all(light[i].guest);
		}
		for (unsigned i = 0; i < ARRAY_SIZE(light); i++)
			drive_until(&s.world,
				    light[i].host.in.got == all &&
					    light[i].guest->in.got == all);
	}
	expect_share(&greedy, 1, &light[0]);
	end_greedy(&greedy, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(light); i++)
		pair_close(&light[i]);
	scene_close(&s);
}
END_TEST

/* A turn is short for all guests. The guests that it leaves out are first in
 * the next one. */
START_TEST(a_light_guest_leaves_greedy_guests_their_share)
{
	struct daemon_config d = { .vms = VMS };
	struct guest guests[VMS];
	struct pair greedy[VMS - 1], light;
	struct scene s;

	scene_daemon(&s, _i, &d);
	for (unsigned i = 0; i < VMS; i++) {
		struct guest_config c = guest_defaults(DAEMON_CID + i);

		guest_boot(&guests[i], &c, &s.world, s.daemon.socket[i]);
	}
	pair_open_from_guest(&light, &guests[0], s.daemon.uds[0]);
	for (unsigned i = 0; i < VMS - 1; i++) {
		pair_open_from_guest(&greedy[i], &guests[i + 1],
				     s.daemon.uds[i + 1]);
		begin_greedy(&greedy[i]);
	}
	expect_share(greedy, VMS - 1, &light);
	end_greedy(greedy, VMS - 1);
	pair_close(&light);
	for (unsigned i = 0; i < VMS; i++)
		guest_free(&guests[i]);
	s.guest.world = NULL;
	scene_close(&s);
}
END_TEST

/* One guest only sends, another only receives: neither is always served first.
 * Light connections of host programs use up nothing of a stream's share. */
START_TEST(each_direction_has_its_share)
{
	struct daemon_config d = { .vms = 2 };
	struct pair greedy[2], light[20];
	struct guest guests[2];
	struct scene s;

	scene_daemon(&s, _i, &d);
	for (unsigned i = 0; i < 2; i++) {
		struct guest_config c = guest_defaults(DAEMON_CID + i);

		guest_boot(&guests[i], &c, &s.world, s.daemon.socket[i]);
		pair_open_from_guest(&greedy[i], &guests[i], s.daemon.uds[i]);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(light); i++)
		pair_open_from_guest(&light[i], &guests[1], s.daemon.uds[1]);
	pair_begin_to_host(&greedy[0], PLENTY);
	pair_begin_to_guest(&greedy[1], PLENTY);
	gsock_read_all(greedy[1].guest);
	for (unsigned round = 0; least(greedy, 2) < 16 * MIB; round++) {
		ck_assert_uint_lt(round, ROUNDS_MAX);
		for (unsigned i = 0; i < ARRAY_SIZE(light); i++) {
			pair_begin_to_guest(&light[i], 1);
			gsock_read_all(light[i].guest);
		}
		drive_until(&s.world,
			    light[0].guest->in.got == round + 1 &&
				    light[19].guest->in.got == round + 1);
	}
	end_greedy(greedy, 2);
	for (unsigned i = 0; i < ARRAY_SIZE(light); i++)
		pair_close(&light[i]);
	for (unsigned i = 0; i < 2; i++)
		guest_free(&guests[i]);
	s.guest.world = NULL;
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_light_connection_is_served_beside_greedy_ones,
		rings_stop_at_any_time,
		many_light_ones_leave_the_greedy_their_share,
		a_light_guest_leaves_greedy_guests_their_share,
		each_direction_has_its_share,
	};

	return run_tests("system/light", tests, ARRAY_SIZE(tests));
}
