/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest that wants all there is of something: places in a host program's
 * backlog, descriptors, memory. It gets its share, and the VM beside it notices
 * nothing.
 */
#include <stdlib.h>
#include <unistd.h>

#include "system/system.h"

/* The daemon's bounds for one guest. */
#define DIALS_MAX 1024u
#define PARTED_MAX 256u
#define CREDIT_TOTAL (512ull * MIB)
#define CREDIT_LEAST 4096u

struct neighbours {
	struct scene s;	     /* a healthy guest, if there is one, is in VM 0 */
	struct guest greedy; /* in VM 1 */
};

static void neighbours_open(struct neighbours *n, int engine,
			    const struct daemon_config *config)
{
	struct guest_config c = guest_defaults(DAEMON_CID + 1);
	struct daemon_config d = *config;

	d.vms = 2;
	scene_daemon(&n->s, engine, &d);
	guest_boot(&n->greedy, &c, &n->s.world, n->s.daemon.socket[1]);
}

static void boot_healthy(struct neighbours *n)
{
	struct guest_config c = guest_defaults(DAEMON_CID);

	guest_boot(&n->s.guest, &c, &n->s.world, n->s.daemon.socket[0]);
}

static void neighbours_close(struct neighbours *n)
{
	guest_free(&n->greedy);
	scene_check_works(&n->s);
	scene_close(&n->s);
}

static void close_many(struct gsock **g, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		gsock_close(g[i]);
}

/* Dials wait for room in a backlog, but only some of them, and nobody else
 * waits. */
START_TEST(a_flood_of_a_full_backlog_stops_nobody)
{
	enum { FLOOD = 3 * DIALS_MAX };
	static struct gsock *g[FLOOD];
	static const struct daemon_config d = { .vms = 2 };
	struct neighbours n;
	struct pair healthy;
	unsigned fds, clients, refused = 0;
	int listener, client[8];

	neighbours_open(&n, _i, &d);
	boot_healthy(&n);
	pair_from_guest(&n.s, &healthy);
	listener = host_listen(n.s.daemon.uds[1], PORT, 0);
	clients = host_fill_backlog(n.s.daemon.uds[1], PORT, client, 8);
	fds = daemon_fds(&n.s.daemon);
	for (unsigned i = 0; i < FLOOD; i++)
		g[i] = gsock_connect(&n.greedy.sockets, PORT);
	while (refused < FLOOD) {
		pair_both_ways(&healthy, MIB);
		/* and the one that is tried at the moment */
		ck_assert_uint_le(daemon_fds(&n.s.daemon), fds + DIALS_MAX + 1);
		refused = 0;
		for (unsigned i = 0; i < FLOOD; i++)
			refused += g[i]->refused;
	}
	drive_until(&n.s.world, daemon_fds(&n.s.daemon) == fds);
	close_many(g, FLOOD);
	while (clients)
		close(client[--clients]);
	host_unlisten(n.s.daemon.uds[1], PORT, listener);
	pair_close(&healthy);
	neighbours_close(&n);
}
END_TEST

/* When the guest goes, the daemon keeps what it sent to host programs that do
 * not read, but for so many connections only. Of the others the oldest are cut
 * off. */
START_TEST(leftovers_for_slow_host_programs_are_bounded)
{
	enum {
		EXTRA = 20,
		MANY = PARTED_MAX + EXTRA,
		WINDOW = 512 * 1024,
		/* more than a socket takes, and within the credit from the
		 * start */
		BYTES = WINDOW,
	};
	static const struct daemon_config d = {
		.vm_keys = ",tx-buffer-size=512K"
	};
	static struct gsock *g[MANY];
	static struct host_conn c[MANY];
	struct neighbours n;
	unsigned fds;
	int listener;

	neighbours_open(&n, _i, &d);
	boot_healthy(&n);
	n.greedy.sockets.buf_alloc = WINDOW;
	listener = host_listen(n.s.daemon.uds[1], PORT, MANY);
	fds = daemon_fds(&n.s.daemon);
	ck_assert_uint_eq(guest_connect_many(&n.greedy, g, MANY), 0);
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert(host_accept(&c[i], &n.s.world, listener));
		host_pause(&c[i], true);
		sink_expect(&c[i].in, 7);
		gsock_send(g[i], 7, BYTES);
	}
	for (unsigned i = 0; i < MANY; i++) {
		drive_until(&n.s.world, gsock_sent(g[i]));
		gsock_emit(g[i], VIRTIO_VSOCK_OP_RST, 0, false);
		g[i]->done = true;
		gsock_close(g[i]);
		/* or the next one, as long as it is light, overtakes it */
		drive_until(&n.s.world,
			    driver_tx_idle(&n.greedy.sockets.driver));
	}
	drive_until(&n.s.world, daemon_fds(&n.s.daemon) == fds + PARTED_MAX);
	ck_assert_uint_ge(daemon_log_count(&n.s.daemon, "is cut off"), 1);
	scene_check_works(&n.s);
	for (unsigned i = 0; i < MANY; i++) {
		host_pause(&c[i], false);
		drive_until(&n.s.world, host_over(&c[i]));
		ck_assert((c[i].in.got < BYTES) == (i < EXTRA));
		host_close(&c[i]);
	}
	drive_until(&n.s.world, daemon_fds(&n.s.daemon) == fds);
	host_unlisten(n.s.daemon.uds[1], PORT, listener);
	neighbours_close(&n);
}
END_TEST

START_TEST(descriptors_are_left_for_another_vms_hypervisor)
{
	enum { MANY = 400 };
	static const struct daemon_config d = { .nofile = 300 };
	static struct gsock *g[MANY];
	struct neighbours n;
	unsigned refused;
	int listener;

	neighbours_open(&n, _i, &d);
	listener = host_listen(n.s.daemon.uds[1], PORT, MANY);
	refused = guest_connect_many(&n.greedy, g, MANY);
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_lt(refused, MANY - 100);
	boot_healthy(&n);
	ck_assert_uint_ne(vhost_ask_u64(&n.s.guest.vhost, VU_GET_FEATURES), 0);
	close_many(g, MANY);
	drive_until(&n.s.world, n.greedy.sockets.count == 0);
	host_unlisten(n.s.daemon.uds[1], PORT, listener);
	neighbours_close(&n);
}
END_TEST

/* A guest's connections share the memory for what is under way to slow host
 * programs. Connections that come late are granted little, but they work. */
START_TEST(credit_of_one_guest_is_bounded)
{
	enum { MANY = 200, WINDOW = 16 * MIB };
	static const struct daemon_config d = { .vm_keys =
							",tx-buffer-size=16M" };
	static struct gsock *g[MANY];
	static struct host_conn c[MANY];
	struct neighbours n;
	int listener;

	neighbours_open(&n, _i, &d);
	boot_healthy(&n);
	listener = host_listen(n.s.daemon.uds[1], PORT, MANY);
	for (unsigned round = 0; round < 2; round++) {
		unsigned fds = daemon_fds(&n.s.daemon);
		uint64_t sum = 0;

		ck_assert_uint_eq(guest_connect_many(&n.greedy, g, MANY), 0);
		for (unsigned i = 0; i < MANY; i++) {
			ck_assert(host_accept(&c[i], &n.s.world, listener));
			ck_assert_uint_ge(g[i]->peer_buf_alloc, CREDIT_LEAST);
			sum += g[i]->peer_buf_alloc;
		}
		ck_assert_uint_eq(g[0]->peer_buf_alloc, WINDOW);
		ck_assert_uint_eq(g[MANY - 1]->peer_buf_alloc, CREDIT_LEAST);
		ck_assert_uint_le(sum, CREDIT_TOTAL + MANY * CREDIT_LEAST);
		sink_expect(&c[MANY - 1].in, 7);
		gsock_send(g[MANY - 1], 7, MIB);
		drive_until(&n.s.world, c[MANY - 1].in.got == MIB);
		close_many(g, MANY);
		for (unsigned i = 0; i < MANY; i++) {
			drive_until(&n.s.world, host_over(&c[i]));
			host_close(&c[i]);
		}
		drive_until(&n.s.world, daemon_fds(&n.s.daemon) == fds);
	}
	host_unlisten(n.s.daemon.uds[1], PORT, listener);
	neighbours_close(&n);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_flood_of_a_full_backlog_stops_nobody,
		leftovers_for_slow_host_programs_are_bounded,
		descriptors_are_left_for_another_vms_hypervisor,
		credit_of_one_guest_is_bounded,
	};

	return run_tests("system/exhaustion", tests, ARRAY_SIZE(tests));
}
