/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Front ends that hand over descriptors on which system calls sleep, while a
 * guest in another VM of the same worker must go on. The failure is a hang.
 * Needs FUSE, for a file system that never answers.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/silent_fs.h"
#include "system/talk.h"

#define LINGERING 250
#define LINGERERS 8

struct night {
	struct talk t; /* with the healthy guest in VM 0 */
	struct pair pair;
	struct silent_fs fs;
};

static void begin(struct night *n, int engine)
{
	struct daemon_config d = { .vms = 2, .workers = "1" };
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene *s = &n->t.scene;

	scene_daemon(s, engine, &d);
	guest_boot(&s->guest, &c, &s->world, s->daemon.socket[0]);
	pair_from_guest(s, &n->pair);
	/* After the daemon's fork: it closes all inherited descriptors, and
	 * would sleep in closing the file. */
	ck_assert(silent_fs_open(&n->fs));
	silent_fs_lock_epoll(&n->fs);
}

/* The neighbour's bytes still move. */
static void expect_awake(struct night *n)
{
	pair_both_ways(&n->pair, 100000);
}

static void end(struct night *n)
{
	expect_awake(n);
	pair_close(&n->pair);
	silent_fs_close(&n->fs);
	scene_close(&n->t.scene);
}

/* A front end of VM 1, after the negotiation. */
static void dial(struct night *n)
{
	struct vhost *v = &n->t.v;

	*v = (struct vhost){ .fd = -1 };
	vhost_dial(v, n->t.scene.daemon.socket[1]);
	vhost_ask_u64(v, VU_GET_FEATURES);
	vhost_tell_u64(v, VU_SET_PROTOCOL_FEATURES, TALK_PROTOCOL_FEATURES);
	v->reply_ack = true;
}

/* Sends a request and does not wait for the answer. */
static void say(struct night *n, uint32_t code, const void *payload,
		uint32_t size, const int *fds, unsigned nfds)
{
	struct vu_header header = { code, VU_VERSION | VU_NEED_REPLY, size };
	uint8_t bytes[512];

	memcpy(bytes, &header, sizeof(header));
	if (size)
		memcpy(bytes + sizeof(header), payload, size);
	ck_assert_int_eq(host_pass_descriptors(n->t.v.fd, bytes,
					       sizeof(header) + size, 0, fds,
					       nfds),
			 0);
}

/* The caller hands this descriptor over and closes it: the daemon then has the
 * last one of the eventfd. */
static int give_up_watched(struct night *n)
{
	ck_assert_uint_gt(n->fs.nwatched, 0);
	return n->fs.watched[--n->fs.nwatched];
}

/* Hands FD over in each place that takes descriptors, and as one too many. */
static void hand_over(struct night *n, int fd)
{
	static const uint32_t vring[] = { VU_SET_VRING_KICK, VU_SET_VRING_CALL,
					  VU_SET_VRING_ERR };
	const struct vu_single_region region = {
		.region = { .guest_addr = 1 << 30, .size = 4096 },
	};
	const uint64_t index = 1;

	for (unsigned i = 0; i < 3; i++) {
		dial(n);
		say(n, vring[i], &index, 8, &fd, 1);
		expect_awake(n);
		vhost_hang_up(&n->t.v);
	}
	dial(n);
	say(n, VU_ADD_MEM_REG, &region, sizeof(region), &fd, 1);
	expect_awake(n);
	vhost_hang_up(&n->t.v);
	dial(n);
	say(n, VU_GET_FEATURES, NULL, 0, &fd, 1);
	expect_awake(n);
	vhost_hang_up(&n->t.v);
	expect_awake(n);
}

START_TEST(file_that_is_never_answered_for)
{
	struct night n;

	begin(&n, _i);
	hand_over(&n, n.fs.file);
	end(&n);
}
END_TEST

/* close(2) of an eventfd's last descriptor waits for the lock of each epoll
 * that watches it. */
START_TEST(eventfds_that_a_locked_epoll_watches)
{
	static const uint32_t vring[] = { VU_SET_VRING_KICK, VU_SET_VRING_CALL,
					  VU_SET_VRING_ERR };
	const uint64_t index = 1;
	struct night n;

	begin(&n, _i);
	for (unsigned i = 0; i < 6; i++) {
		int fd = give_up_watched(&n);

		dial(&n);
		ck_assert_uint_eq(
			vhost_tell(&n.t.v, vring[i % 3], &index, 8, &fd, 1), 0);
		close(fd);
		/* The eventfds are replaced by others, or kept until the
		 * session ends. */
		if (i < 3)
			vhost_tell_fd(&n.t.v, vring[i], 1, -1);
		expect_awake(&n);
		vhost_hang_up(&n.t.v);
		expect_awake(&n);
	}
	end(&n);
}
END_TEST

/* The daemon reads only the first header, which makes no sense. It is stopped
 * until both messages are there. */
START_TEST(descriptors_in_a_message_that_is_not_read)
{
	const struct vu_header broken = { VU_GET_FEATURES, 0, 0 };
	struct night n;
	int fd;

	begin(&n, _i);
	fd = give_up_watched(&n);
	dial(&n);
	daemon_freeze(&n.t.scene.daemon);
	ck_assert(send(n.t.v.fd, &broken, sizeof(broken), MSG_NOSIGNAL) > 0);
	ck_assert_int_eq(host_pass_descriptors(n.t.v.fd, &broken,
					       sizeof(broken), 0, &fd, 1),
			 0);
	close(fd);
	daemon_thaw(&n.t.scene.daemon);
	vhost_await_hang_up(&n.t.v);
	expect_awake(&n);
	vhost_hang_up(&n.t.v);
	end(&n);
}
END_TEST

static int lingering(const struct sockaddr_in *at)
{
	const struct linger linger = { 1, 60 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static char bytes[65536];
	const int small = 4096;

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)at, sizeof(*at)),
			 0);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	return fd;
}

static int listen_tcp(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);
	const int small = 4096;

	*at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)at, len), 0);
	ck_assert_int_eq(listen(fd, LINGERING * LINGERERS), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

/* Sends one message on a connection of its own, which stays open. The daemon
 * must not close its descriptors before we do: our close(2) would linger. */
static int send_lingering(struct night *n, const struct sockaddr_in *at)
{
	int fds[LINGERING];

	n->t.v = (struct vhost){ .fd = -1 };
	vhost_dial(&n->t.v, n->t.scene.daemon.socket[1]);
	for (unsigned i = 0; i < LINGERING; i++)
		fds[i] = lingering(at);
	daemon_freeze(&n->t.scene.daemon);
	say(n, VU_GET_FEATURES, NULL, 0, fds, LINGERING);
	for (unsigned i = 0; i < LINGERING; i++)
		close(fds[i]);
	daemon_thaw(&n->t.scene.daemon);
	return n->t.v.fd;
}

/*
 * The watchdog ends each close(2) after 20 ms. A worker that closed them all
 * itself would be away for longer than any deadline of this test.
 */
START_TEST(sockets_that_linger)
{
	int senders[LINGERERS];
	struct sockaddr_in at;
	struct night n;
	int listener;
	unsigned before;

	begin(&n, _i);
	listener = listen_tcp(&at);
	before = daemon_fds(&n.t.scene.daemon);
	for (unsigned i = 0; i < LINGERERS; i++)
		senders[i] = send_lingering(&n, &at);
	expect_awake(&n);
	drive_until(&n.t.scene.world, daemon_fds(&n.t.scene.daemon) <= before);
	for (unsigned i = 0; i < LINGERERS; i++)
		close(senders[i]);
	close(listener);
	end(&n);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		file_that_is_never_answered_for,
		eventfds_that_a_locked_epoll_watches,
		descriptors_in_a_message_that_is_not_read,
		sockets_that_linger,
	};
	struct silent_fs fs;

	if (!silent_fs_open(&fs)) {
		printf("FUSE is needed here: %s\n", strerror(errno));
		return 77;
	}
	silent_fs_close(&fs);
	return run_tests("system/asleep", tests, ARRAY_SIZE(tests));
}
