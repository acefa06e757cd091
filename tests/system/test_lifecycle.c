/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Hypervisors and daemons that die or stop while bytes move, and daemons
 * without load. */
#include <signal.h>
#include <unistd.h>

#include "base/fd.h"
#include "system/system.h"

#define KILLS 100
#define PAIRS 4

/* Endless flows in both directions, on connections that either side opened. */
static void load(struct scene *s, struct pair *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (i % 2)
			pair_from_guest(s, &p[i]);
		else
			pair_from_host(s, &p[i]);
		pair_begin_to_host(&p[i], 1ull << 40);
		pair_begin_to_guest(&p[i], 1ull << 40);
		gsock_read_all(p[i].guest);
	}
}

static uint64_t moved(const struct pair *p, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += p[i].host.in.got + p[i].guest->in.got;
	return sum;
}

/* Each kill comes a little later in the flows than the last one. Four MiB are
 * left to the allocator, for what it keeps. */
START_TEST(hypervisor_killed_a_hundred_times_under_load)
{
	struct daemon_usage before;
	struct pair p[PAIRS];
	struct scene s;
	unsigned fds;

	scene_open(&s, _i);
	fds = daemon_fds(&s.daemon);
	scene_check_works(&s);
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	before = daemon_usage(&s.daemon);
	for (unsigned k = 0; k < KILLS; k++) {
		load(&s, p, PAIRS);
		drive_until(&s.world, moved(p, PAIRS) >= k * 20000);
		guest_kill(&s.guest);
		for (unsigned i = 0; i < PAIRS; i++) {
			drive_until(&s.world, host_over(&p[i].host));
			host_close(&p[i].host);
		}
		guest_revive(&s.guest, s.daemon.socket[0]);
	}
	scene_check_works(&s);
	drive_until(&s.world, daemon_fds(&s.daemon) == before.fds);
	expect_memory(daemon_usage(&s.daemon).anonymous_kib,
		      before.anonymous_kib + 4096);
	scene_close(&s);
}
END_TEST

/* A new hypervisor connects before the daemon can have seen the old one go. */
START_TEST(the_next_hypervisor_is_served_at_once)
{
	struct scene s;

	scene_open(&s, _i);
	for (unsigned k = 0; k < 200; k++) {
		guest_kill(&s.guest);
		guest_revive(&s.guest, s.daemon.socket[0]);
	}
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* Makes COUNT connections. Each has a port of its own, the same in each call.
 * */
static void connect_many(struct scene *s, struct host_conn *c, unsigned count,
			 int listener)
{
	enum { FIRST_PORT = 20000, BATCH = 200 };

	for (unsigned i = 0; i < count; i += BATCH) {
		for (unsigned k = i; k < i + BATCH; k++)
			gsock_connect_from(&s->guest.sockets, FIRST_PORT + k,
					   PACKET_HOST_CID, PORT);
		for (unsigned k = i; k < i + BATCH; k++)
			drive_until(&s->world,
				    host_accept(&c[k], &s->world, listener));
	}
}

static void expect_over(struct scene *s, struct host_conn *c, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		drive_until(&s->world, host_over(&c[i]));
		host_close(&c[i]);
	}
}

/* The last session has more connections than end in a few turns. The next
 * machine connects from the same ports to the same ones and meets none of them.
 * The host programs that talked to the last machine learn of its end. */
START_TEST(the_next_session_meets_no_connection_of_the_last)
{
	enum { BEFORE = 2000, NOW = 400 };
	static struct host_conn before[BEFORE], now[NOW];
	struct scene s;
	int listener;

	ck_assert(!fd_raise_limit());
	scene_open(&s, _i);
	listener = host_listen(s.daemon.uds[0], PORT, 4096);
	connect_many(&s, before, BEFORE, listener);
	guest_kill(&s.guest);
	guest_revive(&s.guest, s.daemon.socket[0]);
	connect_many(&s, now, NOW, listener);
	host_unlisten(s.daemon.uds[0], PORT, listener);
	expect_over(&s, before, BEFORE);
	scene_check_works(&s);
	for (unsigned i = 0; i < NOW; i++)
		ck_assert(!host_over(&now[i]));
	guest_kill(&s.guest);
	expect_over(&s, now, NOW);
	scene_close(&s);
}
END_TEST

START_TEST(guest_reboots_a_hundred_times_under_load)
{
	struct pair p[PAIRS];
	struct scene s;
	unsigned fds;

	scene_open(&s, _i);
	fds = daemon_fds(&s.daemon);
	for (unsigned k = 0; k < KILLS; k++) {
		load(&s, p, PAIRS);
		drive_until(&s.world, moved(p, PAIRS) >= k * 20000);
		guest_reboot(&s.guest);
		for (unsigned i = 0; i < PAIRS; i++) {
			drive_until(&s.world, host_over(&p[i].host));
			host_close(&p[i].host);
		}
	}
	scene_check_works(&s);
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	scene_close(&s);
}
END_TEST

/* Chains that were used are complete; the others are untouched. */
static void expect_consistent(struct ring *r)
{
	uint32_t len;

	while (ring_take(r, &len))
		;
	ck_assert_uint_eq(r->last_used, le16toh(r->used->idx));
}

static void stop_under_load(int engine, int signal)
{
	struct pair p[PAIRS];
	struct scene s;

	scene_open(&s, engine);
	load(&s, p, PAIRS);
	drive_until(&s.world, moved(p, PAIRS) > 4 * MIB);
	kill(s.daemon.pid, signal);
	daemon_expect_exit(&s.daemon);
	for (unsigned i = 0; i < PAIRS; i++) {
		drive_until(&s.world, host_over(&p[i].host));
		host_close(&p[i].host);
	}
	driver_halt(&s.guest.sockets.driver);
	expect_consistent(&s.guest.sockets.driver.rings[DRIVER_RX]);
	expect_consistent(&s.guest.sockets.driver.rings[DRIVER_TX]);
	vhost_await_hang_up(&s.guest.vhost);
	scene_close(&s);
}

/* Each signal three times: under full load it finds the workers in different
 * places. */
START_TEST(signals_under_load_end_it_cleanly)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	for (unsigned i = 0; i < 9; i++)
		stop_under_load(_i, signals[i % ARRAY_SIZE(signals)]);
}
END_TEST

/* as nohup(1) leaves it: SIGHUP is ignored */
START_TEST(sighup_is_left_alone_if_it_was_ignored)
{
	struct daemon_config d = { .nohup = true };
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;

	scene_daemon(&s, _i, &d);
	guest_boot(&s.guest, &c, &s.world, s.daemon.socket[0]);
	kill(s.daemon.pid, SIGHUP);
	world_rest(&s.world, 50);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* The report's line of the only VM, when nothing moves any more. */
static unsigned reports(const struct daemon *d)
{
	return daemon_log_count(d, "hypervisor connected; connections: 1, 2 so "
				   "far; bytes: 12345 from the guest, 54321 to "
				   "it");
}

START_TEST(sigusr1_asks_for_a_report)
{
	struct scene s;
	struct pair p[2];
	unsigned n;

	scene_open(&s, _i);
	pair_from_guest(&s, &p[0]);
	pair_from_host(&s, &p[1]);
	pair_to_host(&p[0], 12345);
	pair_to_guest(&p[1], 54321);
	pair_close(&p[0]);
	/* Waits until the daemon has seen the end as well. */
	for (unsigned i = 0; i < 1000 && !reports(&s.daemon); i++) {
		kill(s.daemon.pid, SIGUSR1);
		world_rest(&s.world, 5);
	}
	world_rest(&s.world, 50);
	n = reports(&s.daemon);
	ck_assert_uint_gt(n, 0);
	kill(s.daemon.pid, SIGUSR1);
	drive_until(&s.world, reports(&s.daemon) == n + 1);
	pair_close(&p[1]);
	scene_close(&s);
}
END_TEST

START_TEST(sigterm_without_a_guest_exits_cleanly)
{
	struct scene s;

	scene_daemon(&s, _i, NULL);
	scene_close(&s);
}
END_TEST

/* Sixteen machines in one daemon, each with its own bytes. */
START_TEST(machines_do_not_mix)
{
	enum { VMS = 16 };
	static struct guest guests[VMS];
	static struct pair p[VMS];
	struct daemon_config d = { .vms = VMS };
	struct scene s;

	scene_daemon(&s, _i, &d);
	for (unsigned i = 0; i < VMS; i++) {
		struct guest_config c = guest_defaults(DAEMON_CID + i);

		guest_boot(&guests[i], &c, &s.world, s.daemon.socket[i]);
		pair_open_from_guest(&p[i], &guests[i], s.daemon.uds[i]);
		sink_expect(&p[i].host.in, 1 + i);
		sink_expect(&p[i].guest->in, 101 + i);
		gsock_read_all(p[i].guest);
		gsock_send(p[i].guest, 1 + i, 4 * MIB);
		host_send(&p[i].host, 101 + i, 4 * MIB);
	}
	for (unsigned i = 0; i < VMS; i++)
		drive_until(&s.world, p[i].host.in.got == 4 * MIB &&
					      p[i].guest->in.got == 4 * MIB);
	/* one goes, the others stay */
	guest_kill(&guests[3]);
	drive_until(&s.world, host_over(&p[3].host));
	for (unsigned i = 0; i < VMS; i++) {
		if (i != 3)
			guest_check_works(&guests[i], s.daemon.uds[i]);
		guest_free(&guests[i]);
	}
	scene_close(&s);
}
END_TEST

/* The daemon logs its start, and a hypervisor that comes and goes; nothing else
 * is worth a line. */
START_TEST(a_quiet_daemon_logs_little)
{
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < 50; i++)
		scene_check_works(&s);
	guest_kill(&s.guest);
	drive_until(&s.world, daemon_log_lines(&s.daemon) >= 3);
	world_rest(&s.world, 50);
	ck_assert_uint_eq(daemon_log_lines(&s.daemon), 3);
	scene_close(&s);
}
END_TEST

static uint64_t wakeups_in(struct scene *s, unsigned ms)
{
	uint64_t before = daemon_usage(&s->daemon).wakeups;

	world_rest(&s->world, ms);
	return daemon_usage(&s->daemon).wakeups - before;
}

/* Once the daemon has done what is still under way, which takes its time on a
 * busy machine, there is not one wake-up and not one tick of processor time in
 * two seconds. */
static void expect_asleep(struct scene *s)
{
	uint64_t until = clock_ms() + HANG_MS;
	struct daemon_usage before;

	while (wakeups_in(s, 500))
		ck_assert_uint_lt(clock_ms(), until);
	before = daemon_usage(&s->daemon);
	ck_assert_uint_eq(wakeups_in(s, 2000), 0);
	ck_assert_uint_eq(daemon_usage(&s->daemon).cpu_ticks - before.cpu_ticks,
			  0);
}

START_TEST(an_idle_daemon_sleeps)
{
	struct pair p[8];
	struct scene s;

	scene_daemon(&s, _i, NULL);
	expect_asleep(&s);
	scene_close(&s);
	scene_open(&s, _i);
	expect_asleep(&s);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		pair_from_guest(&s, &p[i]);
		pair_both_ways(&p[i], MIB);
	}
	expect_asleep(&s);
	scene_close(&s);
}
END_TEST

/* Nor does it wake up for connections that nobody expects anything of. */
START_TEST(half_closed_and_paused_daemons_sleep)
{
	struct pair p[3];
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		pair_from_guest(&s, &p[i]);
		pair_both_ways(&p[i], 10000);
	}
	host_shutdown(&p[0].host);
	drive_until(&s.world, gsock_eof(p[0].guest));
	gsock_shutdown(p[1].guest, SHUT_SEND);
	drive_until(&s.world, p[1].host.eof);
	gsock_shutdown(p[2].guest, SHUT_RCV);
	drive_until(&s.world, driver_tx_idle(&s.guest.sockets.driver));
	expect_asleep(&s);
	guest_pause(&s.guest);
	/* for three seconds the daemon looks whether the driver has gone */
	world_rest(&s.world, 3000);
	expect_asleep(&s);
	guest_start(&s.guest);
	pair_to_host(&p[0], MIB);
	pair_to_guest(&p[1], MIB);
	scene_close(&s);
}
END_TEST

/* The hypervisor leaves while its guest is paused, and comes back with the
 * guest as it was: as after restoring a snapshot or restarting the device. */
static void come_back(struct guest *g, const char *path)
{
	guest_pause(g);
	vhost_hang_up(&g->vhost);
	guest_attach(g, path);
	guest_start(g);
}

/* TRANSPORT_RESET is for a guest whose rings go on while its connections do not
 * (virtio 1.3, 5.10.6.7). A pause loses no connection, and a guest that boots
 * knows by itself. */
START_TEST(a_guest_that_goes_on_is_told_of_its_loss)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	const struct driver *driver;
	struct scene s;
	struct pair p;

	c.driver.event_size = 8;
	scene_open_with(&s, _i, &c);
	driver = &s.guest.sockets.driver;
	pair_from_guest(&s, &p);
	pair_both_ways(&p, 65536);
	guest_pause(&s.guest);
	guest_start(&s.guest);
	pair_both_ways(&p, 65536);
	ck_assert_uint_eq(driver->events, 0);
	come_back(&s.guest, s.daemon.socket[0]);
	drive_until(&s.world, driver->events == 1);
	drive_until(&s.world, host_over(&p.host));
	host_close(&p.host);
	sockets_forget(&s.guest.sockets);
	scene_check_works(&s);
	guest_reboot(&s.guest);
	scene_check_works(&s);
	ck_assert_uint_eq(driver->events, 1);
	scene_close(&s);
}
END_TEST

/* Eight resets use up the event buffers that the guest has; the ninth waits for
 * one. */
START_TEST(a_reset_is_owed_until_there_is_a_buffer)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct driver *driver;
	struct scene s;

	c.driver.event_size = 8;
	scene_open_with(&s, _i, &c);
	scene_check_works(&s);
	driver = &s.guest.sockets.driver;
	driver->keeps_events = true;
	for (unsigned i = 1; i <= 8; i++) {
		come_back(&s.guest, s.daemon.socket[0]);
		drive_until(&s.world, driver->events == i);
	}
	come_back(&s.guest, s.daemon.socket[0]);
	scene_check_works(&s);
	ck_assert_uint_eq(driver->events, 8);
	driver_return_events(driver);
	drive_until(&s.world, driver->events == 9);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		hypervisor_killed_a_hundred_times_under_load,
		the_next_hypervisor_is_served_at_once,
		the_next_session_meets_no_connection_of_the_last,
		guest_reboots_a_hundred_times_under_load,
		signals_under_load_end_it_cleanly,
		sighup_is_left_alone_if_it_was_ignored,
		sigusr1_asks_for_a_report,
		sigterm_without_a_guest_exits_cleanly,
		machines_do_not_mix,
		a_quiet_daemon_logs_little,
		an_idle_daemon_sleeps,
		half_closed_and_paused_daemons_sleep,
		a_guest_that_goes_on_is_told_of_its_loss,
		a_reset_is_owed_until_there_is_a_buffer,
	};

	return run_tests("system/lifecycle", tests, ARRAY_SIZE(tests));
}
