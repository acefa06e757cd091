/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How rings are set up, enabled, stopped, and set up anew. */
#include <unistd.h>

#include "system/system.h"

#define STEPS 6 /* NUM, BASE, ADDR, KICK, CALL, ENABLE */
#define ORDERS 720

static void set_up_step(struct guest *g, unsigned i, unsigned step)
{
	struct ring *r = &g->sockets.driver.rings[i];
	struct vhost *v = &g->vhost;
	struct vu_addr addr = {
		.index = i,
		.desc = ram_user_addr(&g->ram, r->desc),
		.avail = ram_user_addr(&g->ram, r->avail),
		.used = ram_user_addr(&g->ram, r->used),
	};
	uint64_t answer = 1;

	switch (step) {
	case 0:
		answer = vhost_tell_state(v, VU_SET_VRING_NUM, i, r->size);
		break;
	case 1:
		answer = vhost_tell_state(v, VU_SET_VRING_BASE, i, g->bases[i]);
		break;
	case 2:
		answer = vhost_tell(v, VU_SET_VRING_ADDR, &addr, sizeof(addr),
				    NULL, 0);
		break;
	case 3:
		answer = vhost_tell_fd(v, VU_SET_VRING_KICK, i, r->kick_fd);
		break;
	case 4:
		answer = vhost_tell_fd(v, VU_SET_VRING_CALL, i, r->call_fd);
		break;
	case 5:
		answer = vhost_tell_state(v, VU_SET_VRING_ENABLE, i, 1);
		break;
	}
	ck_assert_uint_eq(answer, 0);
}

/* The Nth order of the steps. */
static void set_up_in_order(struct guest *g, unsigned ring, unsigned n)
{
	unsigned left[STEPS] = { 0, 1, 2, 3, 4, 5 };

	for (unsigned count = STEPS; count; count--) {
		unsigned at = n % count;

		n /= count;
		set_up_step(g, ring, left[at]);
		for (unsigned i = at; i + 1 < count; i++)
			left[i] = left[i + 1];
	}
}

/*
 * SET_VRING_BASE after a ring has started cannot be meant for the running ring.
 * So bases stay 0 here; other tests set them at another time.
 */
START_TEST(rings_may_be_set_up_in_any_order)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;

	scene_daemon(&s, _i, NULL);
	for (unsigned n = 0; n < ORDERS; n += 7) {
		struct pair p;

		guest_init(&s.guest, &c, &s.world);
		guest_attach(&s.guest, s.daemon.socket[0]);
		guest_set_features(&s.guest);
		if (n % 2)
			guest_set_mem_table(&s.guest);
		set_up_in_order(&s.guest, DRIVER_RX, n);
		set_up_in_order(&s.guest, DRIVER_TX, (n * 31 + 5) % ORDERS);
		if (n % 2 == 0)
			guest_set_mem_table(&s.guest);
		driver_run(&s.guest.sockets.driver);
		pair_from_host(&s, &p);
		pair_both_ways(&p, 1000);
		pair_close(&p);
		guest_free(&s.guest);
	}
	s.guest.world = NULL;
	scene_close(&s);
}
END_TEST

/* Packets are taken that lay in the ring before anybody could kick. */
START_TEST(rings_are_looked_at_when_they_start)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct gsock *g;
	struct scene s;

	scene_daemon(&s, _i, NULL);
	for (unsigned how = 0; how < 2; how++) {
		uint64_t count;

		guest_init(&s.guest, &c, &s.world);
		guest_attach(&s.guest, s.daemon.socket[0]);
		guest_set_features(&s.guest);
		guest_set_mem_table(&s.guest);
		driver_run(&s.guest.sockets.driver);
		g = gsock_connect(&s.guest.sockets, 9);
		world_rest(&s.world, 5);
		for (unsigned i = 0; i < 2; i++) {
			/* the driver's kicks were lost */
			int kick = s.guest.sockets.driver.rings[i].kick_fd;

			ck_assert(read(kick, &count, 8) == 8);
			guest_set_ring(&s.guest, i);
		}
		guest_enable_ring(&s.guest, how, true);
		guest_enable_ring(&s.guest, !how, true);
		drive_until(&s.world, g->refused);
		guest_free(&s.guest);
	}
	s.guest.world = NULL;
	scene_close(&s);
}
END_TEST

/* What the guest sent meanwhile is not lost: it goes on with the ring. */
START_TEST(disabled_rings_stand_still)
{
	struct scene s;
	struct pair p;
	uint64_t got;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	pair_both_ways(&p, 100000);
	guest_enable_ring(&s.guest, DRIVER_TX, false);
	got = p.host.in.got;
	pair_begin_to_host(&p, 200000);
	world_rest(&s.world, 100);
	ck_assert_uint_eq(p.host.in.got, got);
	guest_enable_ring(&s.guest, DRIVER_TX, true);
	drive_until(&s.world, p.host.in.got == got + 200000);
	guest_enable_ring(&s.guest, DRIVER_RX, false);
	got = p.guest->in.got;
	pair_begin_to_guest(&p, 200000);
	world_rest(&s.world, 100);
	ck_assert_uint_eq(p.guest->in.got, got);
	guest_enable_ring(&s.guest, DRIVER_RX, true);
	drive_until(&s.world, p.guest->in.got == got + 200000);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* Notification descriptors are exchanged under load. */
START_TEST(kick_and_call_are_replaced_while_bytes_move)
{
	struct scene s;
	struct pair p;
	unsigned fds;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	fds = daemon_fds(&s.daemon);
	pair_begin_to_host(&p, 32 * MIB);
	pair_begin_to_guest(&p, 32 * MIB);
	gsock_read_all(p.guest);
	for (unsigned i = 1; i <= 100; i++) {
		unsigned ring = i % 2;
		struct ring *r = &s.guest.sockets.driver.rings[ring];

		drive_until(&s.world,
			    p.host.in.got >= i * (32 * MIB / 100) &&
				    p.guest->in.got >= i * (32 * MIB / 100));
		vhost_tell_fd(&s.guest.vhost, VU_SET_VRING_CALL, ring,
			      r->call_fd);
		vhost_tell_fd(&s.guest.vhost, VU_SET_VRING_KICK, ring,
			      r->kick_fd);
	}
	drive_until(&s.world,
		    p.host.in.got == 32 * MIB && p.guest->in.got == 32 * MIB);
	drive_until(&s.world, daemon_fds(&s.daemon) <= fds);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* GET_VRING_BASE for rings that never ran, and twice for one that did. */
START_TEST(bases_can_be_asked_at_any_time)
{
	struct scene s;

	scene_open(&s, _i);
	scene_check_works(&s);
	driver_halt(&s.guest.sockets.driver);
	for (unsigned ring = 0; ring < 2; ring++) {
		uint32_t base = vhost_ask_base(&s.guest.vhost, ring);

		ck_assert_uint_gt(base, 0);
		ck_assert_uint_eq(vhost_ask_base(&s.guest.vhost, ring), base);
	}
	ck_assert_uint_eq(vhost_ask_base(&s.guest.vhost, 2), 0);
	scene_close(&s);
}
END_TEST

/* The addresses are aligned: only where they lie is wrong. */
START_TEST(addresses_outside_memory_do_not_start_a_ring)
{
	static const uint64_t wrong[] = { 0, 0x1000, UINT64_MAX - 7 };
	struct scene s;

	scene_open(&s, _i);
	scene_check_works(&s);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct vu_addr addr = { .index = DRIVER_TX,
					.desc = wrong[i] & ~15ull,
					.avail = wrong[i] & ~1ull,
					.used = wrong[i] & ~3ull };

		guest_pause(&s.guest);
		vhost_tell(&s.guest.vhost, VU_SET_VRING_ADDR, &addr,
			   sizeof(addr), NULL, 0);
		vhost_tell_fd(&s.guest.vhost, VU_SET_VRING_KICK, DRIVER_TX,
			      s.guest.sockets.driver.rings[1].kick_fd);
		world_rest(&s.world, 20);
		guest_start(&s.guest);
		scene_check_works(&s);
	}
	scene_close(&s);
}
END_TEST

/* The driver wants no call, and none comes; later one is enough. */
START_TEST(calls_come_only_when_asked_for)
{
	static const uint64_t features[] = { 0, VU_F_EVENT_IDX };

	for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
		struct guest_config c = guest_defaults(DAEMON_CID);
		struct scene s;
		struct ring *rx;
		struct pair p;
		uint64_t calls, used;

		c.driver.features = features[i];
		c.driver.tx_shape.mode = RING_DIRECT;
		scene_open_with(&s, _i, &c);
		rx = &s.guest.sockets.driver.rings[DRIVER_RX];
		pair_from_guest(&s, &p);
		pair_to_guest(&p, 1000);
		driver_pause_rx(&s.guest.sockets.driver, true);
		ring_calls_off(rx);
		if (features[i]) /* an event index that lies behind */
			rx->avail->ring[rx->size] =
				htole16((uint16_t)(rx->last_used - 1));
		ring_called(rx);
		calls = rx->calls;
		used = rx->last_used + ring_waiting(rx);
		pair_begin_to_guest(&p, 60 * 3732);
		drive_until(&s.world, ring_waiting(rx) >= 60);
		ck_assert(!ring_called(rx));
		ck_assert_uint_eq(rx->calls, calls);
		ck_assert_uint_ge(rx->last_used + ring_waiting(rx), used + 60);
		driver_pause_rx(&s.guest.sockets.driver, false);
		drive_until(&s.world, p.guest->in.got == 1000 + 60 * 3732);
		pair_close(&p);
		scene_close(&s);
	}
}
END_TEST

/* Many packets at once cost few interrupts and few kicks. */
START_TEST(notifications_are_few)
{
	struct scene s;
	struct pair p;
	struct driver *d = &s.guest.sockets.driver;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	pair_both_ways(&p, 64 * MIB);
	ck_assert_uint_lt(d->rings[DRIVER_TX].kicks, d->sent / 2);
	ck_assert_uint_lt(d->rings[DRIVER_RX].calls, d->received / 4);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		rings_may_be_set_up_in_any_order,
		rings_are_looked_at_when_they_start,
		disabled_rings_stand_still,
		kick_and_call_are_replaced_while_bytes_move,
		bases_can_be_asked_at_any_time,
		addresses_outside_memory_do_not_start_a_ring,
		calls_come_only_when_asked_for,
		notifications_are_few,
	};

	return run_tests("system/vhost_rings", tests, ARRAY_SIZE(tests));
}
