/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Host programs that send descriptors whose close(2) waits, while a guest in
 * another VM of the same worker must go on. The failure is a hang. The test
 * runs on the kernel as it is, which refuses descriptors since Linux 6.16, and
 * on one that lets them through. Needs FUSE, for a file system that never
 * answers.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "system/silent_fs.h"
#include "system/system.h"

#define LINGERING 250
#define CREDIT 262144u /* of a guest that does not read */
#define GUEST_PORT 2000u
#define LINE "CONNECT 2000\n"

/* With so few descriptors no VM may have as many as one message can bring. */
#define NOFILE_FEW 400u

/* With so few a VM's clients soon have all that it may have. */
#define NOFILE_FEWER 200u

struct night {
	struct scene s; /* programs come to VM 0 */
	struct guest other;
	struct pair healthy; /* with a guest in VM 1 */
	struct gsock *listener;
	struct silent_fs fs;
	bool refused;
};

/* The kernels that a test goes through. */
static const struct machine {
	bool old;
	unsigned nofile; /* 0: as it is */
} machines[] = { { false, 0 }, { true, 0 }, { true, NOFILE_FEW } };

static bool kernel_refuses(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refuses = !fd_refuse_rights(fd);

	close(fd);
	return refuses;
}

static void begin(struct night *n, int engine, const struct machine *machine)
{
	struct daemon_config d = { .vms = 2,
				   .workers = "1",
				   .nofile = machine->nofile };
	struct guest_config c = guest_defaults(DAEMON_CID);

	if (machine->old)
		preload_begin("FAKE_OLD_KERNEL",
			      "tests/system/fake_old_kernel.so");
	scene_daemon(&n->s, engine, &d);
	preload_end();
	n->refused = !machine->old && kernel_refuses();
	guest_boot(&n->s.guest, &c, &n->s.world, n->s.daemon.socket[0]);
	n->listener = gsock_listen(&n->s.guest.sockets, GUEST_PORT);
	c = guest_defaults(DAEMON_CID + 1);
	guest_boot(&n->other, &c, &n->s.world, n->s.daemon.socket[1]);
	pair_open_from_guest(&n->healthy, &n->other, n->s.daemon.uds[1]);
	/* After the daemon's fork: it closes all inherited descriptors, and
	 * would sleep in closing the file. */
	ck_assert(silent_fs_open(&n->fs));
	silent_fs_lock_epoll(&n->fs);
}

/* The neighbour's bytes still move. */
static void expect_awake(struct night *n)
{
	pair_both_ways(&n->healthy, 100000);
}

static void end_awake(struct night *n)
{
	scene_check_works(&n->s);
	gsock_close(n->listener);
	pair_close(&n->healthy);
	guest_free(&n->other);
	scene_close(&n->s);
}

static void end(struct night *n)
{
	expect_awake(n);
	silent_fs_close(&n->fs);
	end_awake(n);
}

/* To the frozen daemon: sends TEXT with an eventfd. Afterwards either the
 * daemon has that eventfd's last descriptor, or the kernel has refused it. */
static void pass_stopped(struct night *n, int to, const char *text, int flags)
{
	int *fd = &n->fs.watched[n->fs.nwatched - 1];
	int err = host_pass_descriptors(to, text, strlen(text), flags, fd, 1);

	if (n->refused) {
		ck_assert_int_eq(err, EPERM);
		return;
	}
	ck_assert_int_eq(err, 0);
	n->fs.nwatched--;
	fd_close(fd);
}

static void pass(struct night *n, int to, const char *text, int flags)
{
	daemon_freeze(&n->s.daemon);
	pass_stopped(n, to, text, flags);
	daemon_thaw(&n->s.daemon);
}

static bool hears(int fd, char *bytes, size_t len, ssize_t *n)
{
	*n = recv(fd, bytes, len, MSG_DONTWAIT);
	return *n >= 0 || errno != EAGAIN;
}

/* Expects an answer or, where the descriptors were taken, the end. */
static void expect_answer(struct night *n, int fd)
{
	char bytes[64];
	ssize_t got;

	drive_until(&n->s.world, hears(fd, bytes, sizeof(bytes), &got));
	if (n->refused)
		ck_assert(got > 3 && !memcmp(bytes, "OK ", 3));
	else
		ck_assert_int_le(got, 0);
	close(fd);
	expect_awake(n);
}

static void with_the_line(struct night *n)
{
	int fd = host_dial(n->s.daemon.uds[0]);

	pass(n, fd, LINE, 0);
	expect_awake(n);
	if (n->refused)
		ck_assert_int_gt(send(fd, LINE, strlen(LINE), MSG_NOSIGNAL), 0);
	expect_answer(n, fd);
}

static void within_the_line(struct night *n)
{
	int fd = host_dial(n->s.daemon.uds[0]);

	ck_assert_int_eq(send(fd, LINE, 5, MSG_NOSIGNAL), 5);
	pass(n, fd, &LINE[5], 0);
	expect_awake(n);
	if (n->refused)
		ck_assert_int_gt(
			send(fd, &LINE[5], strlen(LINE) - 5, MSG_NOSIGNAL), 0);
	expect_answer(n, fd);
}

static void behind_the_line(struct night *n)
{
	int fd = host_dial(n->s.daemon.uds[0]);

	daemon_freeze(&n->s.daemon);
	ck_assert_int_gt(send(fd, LINE, strlen(LINE), MSG_NOSIGNAL), 0);
	pass_stopped(n, fd, "x", 0);
	daemon_thaw(&n->s.daemon);
	expect_answer(n, fd);
}

/* Descriptors come behind a line that is wrong, whose client is not heard any
 * more. */
static void behind_a_wrong_line(struct night *n)
{
	int fd = host_dial(n->s.daemon.uds[0]);
	char byte;
	ssize_t got;

	daemon_freeze(&n->s.daemon);
	ck_assert_int_eq(send(fd, "HELLO\n", 6, MSG_NOSIGNAL), 6);
	ck_assert_int_eq(send(fd, LINE, strlen(LINE), MSG_NOSIGNAL),
			 (int)strlen(LINE));
	pass_stopped(n, fd, "x", 0);
	daemon_thaw(&n->s.daemon);
	drive_until(&n->s.world, hears(fd, &byte, 1, &got));
	ck_assert_int_le(got, 0);
	close(fd);
	expect_awake(n);
}

static void with_the_message(struct night *n)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s_seqpacket", n->s.daemon.uds[0]);
	fd = host_dial_seqpacket(path);
	ck_assert_int_ge(fd, 0);
	pass(n, fd, LINE, 0);
	expect_awake(n);
	if (n->refused)
		close(fd);
	else
		expect_answer(n, fd);
}

/* Both ends of P hear of the end; or P works as before. */
static void expect_cut_off(struct night *n, struct pair *p)
{
	expect_awake(n);
	if (n->refused) {
		pair_close(p);
		return;
	}
	gsock_read_all(p->guest);
	drive_until(&n->s.world, host_over(&p->host));
	drive_until(&n->s.world, gsock_eof(p->guest));
	pair_close(p);
	expect_awake(n);
}

static void pass_in(struct night *n, struct pair *p, int flags)
{
	host_write(&p->host, "hello");
	gsock_read_all(p->guest);
	drive_until(&n->s.world, sink_is(&p->guest->in, "hello"));
	pass(n, p->host.watch.fd, "x", flags);
	expect_cut_off(n, p);
}

static void between_bytes(struct night *n)
{
	struct pair p;

	pair_from_host(&n->s, &p);
	pass_in(n, &p, 0);
}

static void urgently(struct night *n)
{
	struct pair p;

	pair_from_host(&n->s, &p);
	pass_in(n, &p, MSG_OOB);
}

static void by_a_server(struct night *n)
{
	struct pair p;

	pair_from_guest(&n->s, &p);
	pass_in(n, &p, 0);
}

static void between_messages(struct night *n)
{
	struct pair p;

	pair_seqpacket_from_host(&n->s, &p);
	pass(n, p.host.watch.fd, "x", 0);
	expect_cut_off(n, &p);
}

static void by_a_server_of_messages(struct night *n)
{
	struct pair p;

	pair_seqpacket_from_guest(&n->s, &p);
	pass(n, p.host.watch.fd, "", 0);
	expect_cut_off(n, &p);
}

/* The daemon finds the end and the descriptors at once. */
static void behind_the_end(struct night *n)
{
	struct pair p;

	pair_from_host(&n->s, &p);
	daemon_freeze(&n->s.daemon);
	pass_stopped(n, p.host.watch.fd, "x", 0);
	host_close(&p.host);
	daemon_thaw(&n->s.daemon);
	expect_awake(n);
	gsock_read_all(p.guest);
	drive_until(&n->s.world, gsock_eof(p.guest));
	gsock_close(p.guest);
	expect_awake(n);
}

/* The guest does not read: it takes no more than its buffer holds, and ends. */
static void unread(struct night *n)
{
	struct pair p;

	pair_from_host(&n->s, &p);
	host_send(&p.host, 1, CREDIT + 1000);
	drive_until(&n->s.world, host_sent(&p.host));
	pass(n, p.host.watch.fd, "x", 0);
	expect_awake(n);
	gsock_close(p.guest);
	drive_until(&n->s.world, host_over(&p.host));
	host_close(&p.host);
	expect_awake(n);
}

static void (*const ways[])(struct night *n) = {
	with_the_line,	  within_the_line,
	behind_the_line,  behind_a_wrong_line,
	with_the_message, between_bytes,
	urgently,	  by_a_server,
	between_messages, by_a_server_of_messages,
	behind_the_end,	  unread,
};

START_TEST(eventfds_that_a_locked_epoll_watches)
{
	for (unsigned m = 0; m < ARRAY_SIZE(machines); m++) {
		for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
			static struct night n;

			begin(&n, _i, &machines[m]);
			ways[i](&n);
			end(&n);
		}
	}
}
END_TEST

static int listen_tcp(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)at, len), 0);
	ck_assert_int_eq(listen(fd, LINGERING), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

/* Descriptors come with bytes that nobody reads. */
static int lingering(const struct sockaddr_in *at)
{
	const struct linger linger = { 1, 30 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char bytes[65536];

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)at, sizeof(*at)),
			 0);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	return fd;
}

/* Nearly as many descriptors as a message may bring, from a client and from a
 * server. */
static void pass_lingering(struct night *n, struct pair *p)
{
	unsigned before = daemon_fds(&n->s.daemon);
	int fds[LINGERING];
	struct sockaddr_in at;
	int listener = listen_tcp(&at);
	int err;

	for (unsigned i = 0; i < LINGERING; i++)
		fds[i] = lingering(&at);
	daemon_freeze(&n->s.daemon);
	err = host_pass_descriptors(p->host.watch.fd, "x", 1, 0, fds,
				    LINGERING);
	ck_assert_int_eq(err, n->refused ? EPERM : 0);
	for (unsigned i = 0; i < LINGERING; i++) {
		if (n->refused)
			setsockopt(fds[i], SOL_SOCKET, SO_LINGER,
				   &(struct linger){ 0 },
				   sizeof(struct linger));
		close(fds[i]);
	}
	daemon_thaw(&n->s.daemon);
	expect_cut_off(n, p);
	/* the message's descriptors, and the connection's socket */
	drive_until(&n->s.world, daemon_fds(&n->s.daemon) < before);
	close(listener);
}

START_TEST(sockets_that_linger)
{
	for (unsigned m = 0; m < ARRAY_SIZE(machines); m++) {
		static struct night n;
		struct pair p;

		begin(&n, _i, &machines[m]);
		pair_from_host(&n.s, &p);
		pass_lingering(&n, &p);
		pair_from_guest(&n.s, &p);
		pass_lingering(&n, &p);
		end(&n);
	}
}
END_TEST

/*
 * Clients whose sockets hang in the closer, more of them than VM 0 may have
 * descriptors. When the sockets are closed at last, the clients that had to wait
 * are heard, although nothing else happens in the VM.
 */
START_TEST(descriptors_that_are_closed_late)
{
	enum { CLIENTS = 150 };
	static const struct machine old = { true, NOFILE_FEWER };
	static struct night n;
	int fds[CLIENTS];
	char byte;
	ssize_t got;

	begin(&n, _i, &old);
	daemon_freeze(&n.s.daemon);
	for (unsigned i = 0; i < CLIENTS; i++) {
		fds[i] = host_dial(n.s.daemon.uds[0]);
		ck_assert_int_eq(send(fds[i], "HELLO\n", 6, MSG_NOSIGNAL), 6);
		pass_stopped(&n, fds[i], "x", 0);
	}
	daemon_thaw(&n.s.daemon);
	drive_until(&n.s.world,
		    daemon_log_count(&n.s.daemon, "accepting pauses"));
	expect_awake(&n);
	silent_fs_close(&n.fs);
	for (unsigned i = 0; i < CLIENTS; i++) {
		drive_until(&n.s.world, hears(fds[i], &byte, 1, &got));
		ck_assert_int_le(got, 0);
		close(fds[i]);
	}
	end_awake(&n);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		eventfds_that_a_locked_epoll_watches,
		sockets_that_linger,
		descriptors_that_are_closed_late,
	};
	struct silent_fs fs;

	if (!silent_fs_open(&fs)) {
		printf("FUSE is needed here: %s\n", strerror(errno));
		return 77;
	}
	silent_fs_close(&fs);
	return run_tests("system/rights", tests, ARRAY_SIZE(tests));
}
