/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Hypervisors that come, pause, reset and die, and others that connect to their
 * socket. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/system.h"

/* From an event to the end of file that host programs see: far below any
 * deadline. */
#define AT_ONCE_MS 1000

/* As tools do that only look whether somebody serves the socket. */
static void probe(const struct scene *s, unsigned times)
{
	while (times--) {
		int fd = host_dial(s->daemon.socket[0]);

		ck_assert_int_ge(fd, 0);
		close(fd);
	}
}

/*
 * Cuts around the end of a header (12 bytes) and of a header with a number
 * behind it (20). Descriptors come with the first piece of a message or with a
 * later one.
 */
START_TEST(messages_may_come_in_any_pieces)
{
	static const size_t chunks[] = { 1, 2, 11, 12, 13, 20, 21, 4095 };
	static const size_t fd_chunks[] = { 0, 1, 5, 1000 };
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;

	scene_daemon(&s, _i, NULL);
	c.regions = 3;
	for (unsigned i = 0; i < ARRAY_SIZE(chunks); i++) {
		for (unsigned k = 0; k < ARRAY_SIZE(fd_chunks); k++) {
			c.chunk = chunks[i];
			c.fd_chunk = fd_chunks[k];
			guest_boot(&s.guest, &c, &s.world, s.daemon.socket[0]);
			scene_check_works(&s);
			guest_free(&s.guest);
		}
	}
	s.guest.world = NULL;
	scene_close(&s);
}
END_TEST

START_TEST(probes_change_nothing)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;
	struct pair p;
	unsigned fds;

	scene_daemon(&s, _i, NULL);
	fds = daemon_fds(&s.daemon);
	probe(&s, 30);
	guest_init(&s.guest, &c, &s.world);
	guest_attach(&s.guest, s.daemon.socket[0]);
	probe(&s, 30);
	guest_start(&s.guest);
	pair_from_guest(&s, &p);
	pair_both_ways(&p, 65536);
	probe(&s, 30);
	pair_both_ways(&p, MIB);
	pair_close(&p);
	guest_kill(&s.guest);
	probe(&s, 30);
	guest_revive(&s.guest, s.daemon.socket[0]);
	scene_check_works(&s);
	guest_kill(&s.guest);
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	scene_close(&s);
}
END_TEST

/* A connection becomes the front end by a valid request, not by connecting. */
START_TEST(silent_connections_do_not_keep_the_front_end_out)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;
	int silent[8];

	scene_daemon(&s, _i, NULL);
	for (unsigned i = 0; i < 8; i++)
		silent[i] = host_dial(s.daemon.socket[0]);
	guest_boot(&s.guest, &c, &s.world, s.daemon.socket[0]);
	scene_check_works(&s);
	for (unsigned i = 0; i < 8; i++)
		close(silent[i]);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(second_front_end_is_refused_while_the_first_lives)
{
	struct scene s;
	struct pair p;
	struct vhost second;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	for (unsigned i = 0; i < 20; i++) {
		vhost_dial(&second, s.daemon.socket[0]);
		vhost_send(&second, VU_GET_FEATURES, 0, NULL, 0, NULL, 0);
		vhost_await_hang_up(&second);
		vhost_hang_up(&second);
		pair_both_ways(&p, 65536);
	}
	pair_close(&p);
	guest_kill(&s.guest);
	guest_revive(&s.guest, s.daemon.socket[0]);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

static void expect_eof(struct scene *s, struct pair *pairs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		drive_until(&s->world, host_over(&pairs[i].host));
		host_close(&pairs[i].host);
	}
}

/* Host programs see the end of file soon after the event at START. */
static void expect_eof_at_once(struct scene *s, struct pair *pairs, unsigned n,
			       uint64_t start)
{
	expect_eof(s, pairs, n);
	ck_assert_uint_lt(clock_ms() - start, AT_ONCE_MS);
}

/* Two connections of each origin; the even ones have bytes under way. */
static void open_four(struct scene *s, struct pair p[4])
{
	for (unsigned i = 0; i < 4; i++) {
		if (i < 2)
			pair_from_guest(s, &p[i]);
		else
			pair_from_host(s, &p[i]);
		if (i % 2)
			continue;
		pair_begin_to_host(&p[i], 64 * MIB);
		pair_begin_to_guest(&p[i], 64 * MIB);
		gsock_read_all(p[i].guest);
		drive_until(&s->world, p[i].host.in.got > 65536 &&
					       p[i].guest->in.got > 65536);
	}
}

START_TEST(hosts_see_eof_when_the_hypervisor_dies)
{
	struct scene s;
	struct pair p[4];
	uint64_t start;

	scene_open(&s, _i);
	open_four(&s, p);
	start = clock_ms();
	guest_kill(&s.guest);
	expect_eof_at_once(&s, p, 4, start);
	guest_revive(&s.guest, s.daemon.socket[0]);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(hosts_see_eof_when_the_guest_reboots)
{
	struct scene s;
	struct pair p[4];
	uint64_t start;

	scene_open(&s, _i);
	open_four(&s, p);
	start = clock_ms();
	guest_reboot(&s.guest);
	expect_eof_at_once(&s, p, 4, start);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* The device is reset while its rings run. */
static const struct {
	const char *name;
	uint32_t code;
	bool status;
} resets[] = {
	{ "RESET_DEVICE", VU_RESET_DEVICE, false },
	{ "RESET_OWNER", VU_RESET_OWNER, false },
	{ "SET_STATUS 0", VU_SET_STATUS, true },
};

START_TEST(hosts_see_eof_when_a_running_device_is_reset)
{
	for (unsigned i = 0; i < ARRAY_SIZE(resets); i++) {
		uint64_t start, zero = 0;
		struct pair p[4];
		struct scene s;

		scene_open(&s, _i);
		open_four(&s, p);
		start = clock_ms();
		ck_assert_uint_eq(vhost_tell(&s.guest.vhost, resets[i].code,
					     &zero, resets[i].status ? 8 : 0,
					     NULL, 0),
				  0);
		driver_halt(&s.guest.sockets.driver);
		expect_eof_at_once(&s, p, 4, start);
		guest_kill(&s.guest);
		guest_revive(&s.guest, s.daemon.socket[0]);
		scene_check_works(&s);
		scene_close(&s);
	}
}
END_TEST

/* What QEMU does since 9.1 when a driver goes: it stops the rings, then resets
 * the device. */
START_TEST(hosts_see_eof_when_a_stopped_device_is_reset)
{
	struct pair p[4];
	struct scene s;

	scene_open(&s, _i);
	open_four(&s, p);
	guest_pause(&s.guest);
	ck_assert_uint_eq(vhost_tell(&s.guest.vhost, VU_RESET_DEVICE, NULL, 0,
				     NULL, 0),
			  0);
	expect_eof(&s, p, 4);
	guest_kill(&s.guest);
	guest_revive(&s.guest, s.daemon.socket[0]);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* Before 9.1 QEMU says nothing, but a driver that goes takes its buffers back.
 * */
START_TEST(hosts_see_eof_when_the_driver_takes_its_buffers_back)
{
	/* from where the ring stopped; from now on somebody else uses its
	 * memory */
	static const uint16_t indexes[] = { 0, 30000 };

	for (unsigned i = 0; i < ARRAY_SIZE(indexes); i++) {
		struct vring_avail *avail;
		struct pair p[2];
		struct scene s;

		scene_open(&s, _i);
		pair_from_guest(&s, &p[0]);
		pair_from_host(&s, &p[1]);
		guest_pause(&s.guest);
		avail = s.guest.sockets.driver.rings[DRIVER_RX].avail;
		avail->idx = htole16(
			(uint16_t)(s.guest.bases[DRIVER_RX] + indexes[i]));
		expect_eof(&s, p, 2);
		/* a driver that comes later */
		sockets_forget(&s.guest.sockets);
		guest_reboot(&s.guest);
		scene_check_works(&s);
		scene_close(&s);
	}
}
END_TEST

/* A pause ends nothing, however long it is. */
START_TEST(a_long_pause_is_not_taken_for_an_end)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	guest_pause(&s.guest);
	world_rest(&s.world, 700);
	guest_start(&s.guest);
	pair_both_ways(&p, MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* What QEMU's "stop" and "cont" do, in the middle of traffic. */
START_TEST(pauses_keep_connections_and_bytes)
{
	struct scene s;
	struct pair p[2];

	scene_open(&s, _i);
	pair_from_guest(&s, &p[0]);
	pair_from_host(&s, &p[1]);
	for (unsigned k = 0; k < 2; k++) {
		pair_begin_to_host(&p[k], 32 * MIB);
		pair_begin_to_guest(&p[k], 32 * MIB);
		gsock_read_all(p[k].guest);
	}
	for (unsigned i = 1; i <= 50; i++) {
		for (unsigned k = 0; k < 2; k++)
			drive_until(&s.world,
				    p[k].host.in.got >= i * MIB / 2 &&
					    p[k].guest->in.got >= i * MIB / 2);
		guest_pause(&s.guest);
		guest_start(&s.guest);
	}
	for (unsigned k = 0; k < 2; k++) {
		drive_until(&s.world, p[k].host.in.got == 32 * MIB &&
					      p[k].guest->in.got == 32 * MIB);
		pair_close(&p[k]);
	}
	scene_close(&s);
}
END_TEST

static uint64_t sum_of(const struct ram *ram)
{
	const uint64_t *words = (const uint64_t *)ram->base;
	uint64_t sum = 0;

	for (size_t i = 0; i < ram->size / 8; i++)
		sum = sum * 31 + words[i];
	return sum;
}

/* After GET_VRING_BASE the memory belongs to somebody else. */
START_TEST(nothing_is_written_to_memory_of_stopped_rings)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	pair_begin_to_guest(&p, 16 * MIB);
	gsock_read_all(p.guest);
	for (unsigned i = 1; i <= 5; i++) {
		uint64_t sum;

		drive_until(&s.world, p.guest->in.got >= i * 2 * MIB);
		guest_pause(&s.guest);
		sum = sum_of(&s.guest.ram);
		world_rest(&s.world, 50);
		ck_assert_uint_eq(sum_of(&s.guest.ram), sum);
		guest_start(&s.guest);
	}
	drive_until(&s.world, p.guest->in.got == 16 * MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* A host program that connects during a pause is served later or refused; it
 * does not hang. */
START_TEST(dials_during_a_pause_end_one_way_or_the_other)
{
	struct scene s;
	struct pair p;
	struct host_conn late;
	struct gsock *listener;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	guest_pause(&s.guest);
	listener = gsock_listen(&s.guest.sockets, 1024);
	host_connect(&late, &s.world, s.daemon.uds[0], 1024);
	world_rest(&s.world, 20);
	guest_start(&s.guest);
	drive_until(&s.world, host_over(&late) || !late.wants_line);
	pair_both_ways(&p, MIB);
	pair_close(&p);
	host_close(&late);
	gsock_close(listener);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		messages_may_come_in_any_pieces,
		probes_change_nothing,
		silent_connections_do_not_keep_the_front_end_out,
		second_front_end_is_refused_while_the_first_lives,
		hosts_see_eof_when_the_hypervisor_dies,
		hosts_see_eof_when_the_guest_reboots,
		hosts_see_eof_when_a_running_device_is_reset,
		hosts_see_eof_when_a_stopped_device_is_reset,
		hosts_see_eof_when_the_driver_takes_its_buffers_back,
		a_long_pause_is_not_taken_for_an_end,
		pauses_keep_connections_and_bytes,
		nothing_is_written_to_memory_of_stopped_rings,
		dials_during_a_pause_end_one_way_or_the_other,
	};

	return run_tests("system/vhost_session", tests, ARRAY_SIZE(tests));
}
