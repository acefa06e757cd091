/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One VM's guest, host programs or hypervisors want all descriptors that there
 * are. Still another VM's hypervisor can come, and its connections are made.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/system.h"

#define CROWD 400u
#define NOFILE 300u
#define GUEST_PORT 1024u
#define FDS 8u /* in one message */

/* VM 0's guaranteed descriptors, and a few more. */
#define SHARE 30u

static const char *const workers[] = { "1", "2" };

struct neighbours {
	struct scene s;	     /* VM 0 is the VM that comes late */
	struct guest greedy; /* in VM 1 */
	unsigned fds;	     /* the daemon's, with the greedy VM alone */
};

static void neighbours_open(struct neighbours *n, int engine, const char *of)
{
	struct daemon_config d = { .vms = 2, .nofile = NOFILE, .workers = of };
	struct guest_config c = guest_defaults(DAEMON_CID + 1);

	scene_daemon(&n->s, engine, &d);
	guest_boot(&n->greedy, &c, &n->s.world, n->s.daemon.socket[1]);
	n->fds = daemon_fds(&n->s.daemon);
}

/* The late VM has its hypervisor, and its share. */
static void expect_served(struct neighbours *n)
{
	struct guest_config c = guest_defaults(DAEMON_CID);
	static struct pair p[SHARE];

	guest_boot(&n->s.guest, &c, &n->s.world, n->s.daemon.socket[0]);
	for (unsigned i = 0; i < SHARE; i += 2) {
		pair_from_guest(&n->s, &p[i]);
		pair_from_host(&n->s, &p[i + 1]);
	}
	for (unsigned i = 0; i < SHARE; i++)
		pair_both_ways(&p[i], 10000);
	for (unsigned i = 0; i < SHARE; i++)
		pair_close(&p[i]);
}

static void neighbours_close(struct neighbours *n)
{
	guest_free(&n->s.guest);
	memset(&n->s.guest, 0, sizeof(n->s.guest));
	drive_until(&n->s.world, daemon_fds(&n->s.daemon) <= n->fds);
	guest_check_works(&n->greedy, n->s.daemon.uds[1]);
	guest_free(&n->greedy);
	scene_close(&n->s);
}

static bool accepting_pauses(const struct neighbours *n)
{
	return daemon_log_count(&n->s.daemon, "accepting pauses") > 0;
}

static void programs_connect(struct neighbours *n)
{
	static struct host_conn c[CROWD];
	struct gsock *listener = gsock_listen(&n->greedy.sockets, GUEST_PORT),
		     *g;

	for (unsigned i = 0; i < CROWD; i++)
		host_connect(&c[i], &n->s.world, n->s.daemon.uds[1],
			     GUEST_PORT);
	drive_until(&n->s.world, accepting_pauses(n));
	expect_served(n);
	for (unsigned i = 0; i < CROWD; i++) {
		drive_until(&n->s.world, !c[i].wants_line);
		drive_until(&n->s.world, (g = gsock_accept(listener)) != NULL);
		host_close(&c[i]);
		gsock_close(g);
	}
	gsock_close(listener);
}

START_TEST(host_programs_leave_another_vm_its_share)
{
	for (unsigned i = 0; i < ARRAY_SIZE(workers); i++) {
		struct neighbours n;

		neighbours_open(&n, _i, workers[i]);
		programs_connect(&n);
		neighbours_close(&n);
	}
}
END_TEST

static bool at_end(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void programs_stay_silent(struct neighbours *n)
{
	static int fds[CROWD];

	for (unsigned i = 0; i < CROWD; i++)
		fds[i] = host_dial(n->s.daemon.uds[1]);
	/* In the end the oldest programs are closed, or nobody is accepted any
	 * more. */
	drive_until(&n->s.world, accepting_pauses(n) || at_end(fds[200]));
	expect_served(n);
	for (unsigned i = 0; i < CROWD; i++)
		close(fds[i]);
}

START_TEST(silent_host_programs_leave_another_vm_its_share)
{
	for (unsigned i = 0; i < ARRAY_SIZE(workers); i++) {
		struct neighbours n;

		neighbours_open(&n, _i, workers[i]);
		programs_stay_silent(&n);
		neighbours_close(&n);
	}
}
END_TEST

/* Sends eleven bytes of a header, and descriptors. */
static void say_part(int fd)
{
	struct vu_header header = { VU_SET_MEM_TABLE, 1, 8 };
	struct iovec iov = { &header, sizeof(header) - 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(FDS * sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(FDS * sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fds[FDS];

	for (unsigned i = 0; i < FDS; i++)
		fds[i] = fd;
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	ck_assert_int_eq((int)sendmsg(fd, &msg, 0), 11);
}

static void hypervisors_wait(struct neighbours *n)
{
	enum { HYPERVISORS = 12 };
	static struct gsock *g[CROWD];
	struct vhost v[HYPERVISORS];
	int listener = host_listen(n->s.daemon.uds[1], PORT, CROWD);

	ck_assert_uint_gt(guest_connect_many(&n->greedy, g, CROWD), 0);
	for (unsigned i = 0; i < HYPERVISORS; i++) {
		v[i] = (struct vhost){ .fd = -1 };
		vhost_dial(&v[i], n->s.daemon.socket[1]);
		say_part(v[i].fd);
	}
	/* When the last one has its answer, all of them were accepted and
	 * heard. */
	for (unsigned i = 0; i < 2 * HYPERVISORS; i++)
		vhost_ask_u64(&n->greedy.vhost, VU_GET_FEATURES);
	expect_served(n);
	for (unsigned i = 0; i < HYPERVISORS; i++)
		vhost_hang_up(&v[i]);
	for (unsigned i = 0; i < CROWD; i++)
		gsock_close(g[i]);
	drive_until(&n->s.world, n->greedy.sockets.count == 0);
	host_unlisten(n->s.daemon.uds[1], PORT, listener);
}

START_TEST(hypervisors_that_wait_leave_another_vm_its_share)
{
	for (unsigned i = 0; i < ARRAY_SIZE(workers); i++) {
		struct neighbours n;

		neighbours_open(&n, _i, workers[i]);
		hypervisors_wait(&n);
		neighbours_close(&n);
	}
}
END_TEST

/* All three at once, and the guest with what it was given before the others. */
START_TEST(all_together_leave_another_vm_its_share)
{
	for (unsigned i = 0; i < ARRAY_SIZE(workers); i++) {
		static int silent[CROWD];
		struct neighbours n;

		neighbours_open(&n, _i, workers[i]);
		for (unsigned k = 0; k < CROWD; k++)
			silent[k] = host_dial(n.s.daemon.uds[1]);
		hypervisors_wait(&n);
		for (unsigned k = 0; k < CROWD; k++)
			close(silent[k]);
		neighbours_close(&n);
	}
}
END_TEST

START_TEST(a_low_limit_is_said_at_the_start)
{
	static const struct {
		unsigned nofile;
		bool said;
	} rows[] = { { 80, true }, { 400, false } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct daemon_config d = { .vms = 2, .nofile = rows[i].nofile };
		struct scene s;

		scene_daemon(&s, _i, &d);
		ck_assert_uint_eq(daemon_log_count(&s.daemon,
						   "RLIMIT_NOFILE leaves"),
				  rows[i].said);
		scene_close(&s);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		host_programs_leave_another_vm_its_share,
		silent_host_programs_leave_another_vm_its_share,
		hypervisors_that_wait_leave_another_vm_its_share,
		all_together_leave_another_vm_its_share,
		a_low_limit_is_said_at_the_start,
	};

	return run_tests("system/shares", tests, ARRAY_SIZE(tests));
}
