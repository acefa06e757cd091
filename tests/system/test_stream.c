/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Many bytes, in both directions at once, compared; and refusals. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "system/system.h"

#define PAIRS 8
/* From connect() to ECONNRESET. The best of several counts, as machines are
 * busy. */
#define REFUSED_MS 50

/* Connections of both origins, guests of both kinds. */
static void move(int engine, const struct guest_config *config, uint64_t bytes)
{
	struct scene s;
	struct pair p;

	scene_open_with(&s, engine, config);
	pair_from_guest(&s, &p);
	pair_both_ways(&p, bytes);
	pair_close(&p);
	pair_from_host(&s, &p);
	pair_to_guest(&p, bytes);
	pair_to_host(&p, bytes);
	pair_close(&p);
	ck_assert_uint_eq(s.guest.sockets.strays, 0);
	scene_close(&s);
}

static const uint64_t lengths[] = { 1, 65536, MIB, 64 * MIB };

START_TEST(linux_6_12_talks_both_ways)
{
	struct guest_config c = guest_defaults(DAEMON_CID);

	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
		move(_i, &c, lengths[i]);
}
END_TEST

START_TEST(linux_6_1_talks_both_ways)
{
	struct guest_config c = guest_linux_6_1(DAEMON_CID);

	for (unsigned i = 0; i < ARRAY_SIZE(lengths); i++)
		move(_i, &c, lengths[i]);
}
END_TEST

/* Large writes beside small ones, and the other way round in the other
 * direction: no two connections have the same turn at the ring. */
START_TEST(connections_do_not_mix)
{
	struct pair p[PAIRS];
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < PAIRS; i++) {
		if (i % 2)
			pair_from_guest(&s, &p[i]);
		else
			pair_from_host(&s, &p[i]);
		sink_expect(&p[i].host.in, 1 + i);
		sink_expect(&p[i].guest->in, 101 + i);
		gsock_read_all(p[i].guest);
		p[i].guest->write_size = 65536 >> 2 * i;
		p[i].host.write_size = (size_t)4 << 2 * i;
		gsock_send(p[i].guest, 1 + i, MIB >> i);
		host_send(&p[i].host, 101 + i, 65536ull << i);
	}
	for (unsigned i = 0; i < PAIRS; i++) {
		drive_until(&s.world,
			    p[i].host.in.got == MIB >> i &&
				    p[i].guest->in.got == 65536ull << i);
		pair_close(&p[i]);
	}
	scene_close(&s);
}
END_TEST

/* Sizes around a header (44), the room in the guest's buffers behind one (3,776
 * less 44), a page, 32 KiB and the largest packet. */
START_TEST(writes_of_every_size_arrive)
{
	static const size_t sizes[] = { 1,     2,     43,    44,    45,	  127,
					128,   129,   3731,  3732,  3733, 4096,
					32767, 32768, 32769, 65535, 65536 };
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct pair p;

		pair_from_guest(&s, &p);
		p.guest->write_size = sizes[i];
		p.host.write_size = sizes[i];
		pair_both_ways(&p, sizes[i] < 100 ? sizes[i] * 500 : MIB);
		pair_close(&p);
	}
	scene_close(&s);
}
END_TEST

/* Fewer bytes under TSan, which looks at the order of accesses and not at sums.
 * */
#ifdef DAEMON_WITH_TSAN
#define WRAPPING (MIB * 512ull)
#else
#define WRAPPING (5ull << 30)
#endif

/* The 32-bit counters of both directions wrap. To be faster, bytes are not
 * compared. */
START_TEST(five_gigabytes_each_way_wrap_the_counters)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	const uint64_t bytes = WRAPPING;
	struct scene s;
	struct pair p;

	c.driver.trusting = true;
	scene_open_with(&s, _i, &c);
	pair_from_guest(&s, &p);
	p.host.write_size = p.host.read_size = 262144;
	gsock_read_all(p.guest);
	gsock_send(p.guest, FLOW_BLANK, bytes);
	host_send(&p.host, FLOW_BLANK, bytes);
	for (uint64_t at = bytes / 16; at <= bytes; at += bytes / 16)
		drive_until(&s.world,
			    p.host.in.got >= at && p.guest->in.got >= at);
	ck_assert_uint_eq(p.host.in.got, bytes);
	ck_assert_uint_eq(p.guest->in.got, bytes);
	drive_until(&s.world, gsock_acknowledged(p.guest));
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* Ways in which nobody is there. */
static void make_absent(const char *path, unsigned how)
{
	int fd;

	unlink(path);
	switch (how) {
	case 1: /* no socket */
		fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
		need(fd >= 0, path);
		close(fd);
		return;
	case 2: /* a dangling link */
		need(!symlink("/nonexistent/x", path), path);
		return;
	case 3: /* the link leads to itself */
		need(!symlink(path, path), path);
		return;
	default:
		return;
	}
}

static uint64_t time_of_refusal(struct scene *s)
{
	uint64_t start = clock_ms();
	struct gsock *g = gsock_connect(&s->guest.sockets, PORT);

	drive_until(&s->world, g->refused);
	gsock_close(g);
	return clock_ms() - start;
}

START_TEST(refused_connections_are_reset_at_once)
{
	struct scene s;
	char path[128];

	scene_open(&s, _i);
	snprintf(path, sizeof(path), "%s_%u", s.daemon.uds[0], PORT);
	for (unsigned how = 0; how < 5; how++) {
		uint64_t best = UINT64_MAX;

		make_absent(path, how);
		if (how == 4) /* a socket at which nobody listens any more */
			close(host_listen(s.daemon.uds[0], PORT, 1));
		for (unsigned i = 0; i < 10; i++) {
			uint64_t ms = time_of_refusal(&s);

			best = ms < best ? ms : best;
		}
		ck_assert_uint_lt(best, REFUSED_MS);
	}
	unlink(path);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(the_command_line_of_vhost_device_vsock_works)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct daemon_config d = { .classic = true };
	struct scene s;

	scene_daemon(&s, _i, &d);
	guest_boot(&s.guest, &c, &s.world, s.daemon.socket[0]);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		linux_6_12_talks_both_ways,
		linux_6_1_talks_both_ways,
		connections_do_not_mix,
		writes_of_every_size_arrive,
		five_gigabytes_each_way_wrap_the_counters,
		refused_connections_are_reset_at_once,
		the_command_line_of_vhost_device_vsock_works,
	};

	return run_tests("system/stream", tests, ARRAY_SIZE(tests));
}
