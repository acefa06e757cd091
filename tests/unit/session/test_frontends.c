/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Which connection becomes the front end, and which must not be in its way. Both
 * engines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "ring/ring.h"
#include "session/frontend.h"
#include "session/frontends.h"
#include "suite.h"
#include "turn/loop.h"
#include "unit/session/session_fixture.h"

static bool has_front_end(void)
{
	session_pump();
	return facts.guest->session.frontend;
}

static void become_front_end(int fd)
{
	negotiate(fd, true);
	give_memory(fd);
	set_up_queue(fd, 0, 0);
	ck_assert(has_front_end());
}

START_TEST(test_probes_change_nothing)
{
	int fd, probe;

	session_open(_i);
	for (int i = 0; i < 20; i++)
		close(session_connect());
	ck_assert(!has_front_end());
	fd = session_connect();
	probe = session_connect();
	ck_assert(!has_front_end());
	become_front_end(fd);
	close(probe);
	for (int i = 0; i < 20; i++) {
		close(session_connect());
		say_nothing(fd, VHOST_USER_GET_QUEUE_NUM);
		ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_QUEUE_NUM), 3);
	}
	ck_assert(virtq_running(&facts.guest->queue[0].vq));
	ck_assert_uint_eq(facts.ended, 0);
	close(fd);
	ck_assert(!has_front_end());
	ck_assert_uint_eq(facts.ended, 1);
	close(session_connect());
	ck_assert(!has_front_end());
	ck_assert_uint_eq(facts.ended, 1);
	session_close();
}
END_TEST

START_TEST(test_first_word_decides)
{
	int first, second;

	session_open(_i);
	first = session_connect();
	second = session_connect();
	become_front_end(second);
	say_nothing(first, VHOST_USER_SET_OWNER);
	expect_closed(first);
	expect_silence(second);
	close(first);
	first = session_connect();
	say_nothing(first, VHOST_USER_GET_FEATURES);
	expect_closed(first);
	ck_assert_uint_eq(facts.ended, 0);
	close(first);
	close(second);
	session_close();
}
END_TEST

START_TEST(test_nonsense_is_no_first_word)
{
	static const char nonsense[] = "GET / HTTP/1.1\r\n\r\n";
	int fd, kick;

	session_open(_i);
	kick = eventfd(0, EFD_CLOEXEC);
	fd = session_connect();
	ck_assert_int_gt(send(fd, nonsense, sizeof(nonsense), 0), 0);
	expect_closed(fd);
	close(fd);
	fd = session_connect();
	give_kick(fd, 3, kick); /* no such queue */
	expect_closed(fd);
	close(fd);
	fd = session_connect();
	say_number(fd, VHOST_USER_SEND_RARP, 0);
	expect_closed(fd);
	close(fd);
	ck_assert_uint_eq(facts.ended, 0);
	close(kick);
	session_close();
}
END_TEST

START_TEST(test_few_wait_and_the_oldest_goes)
{
	int fds[FRONTENDS_WAITING + 2];

	session_open(_i);
	for (unsigned i = 0; i < FRONTENDS_WAITING; i++)
		fds[i] = session_connect();
	for (unsigned i = 0; i < FRONTENDS_WAITING; i++)
		expect_silence(fds[i]);
	for (unsigned i = 0; i < 2; i++) {
		fds[FRONTENDS_WAITING + i] = session_connect();
		expect_closed(fds[i]);
		expect_silence(fds[i + 2]);
	}
	become_front_end(fds[FRONTENDS_WAITING + 1]);
	for (unsigned i = 2; i < FRONTENDS_WAITING + 1; i++)
		expect_silence(fds[i]);
	for (unsigned i = 0; i < FRONTENDS_WAITING + 2; i++)
		close(fds[i]);
	session_close();
}
END_TEST

/* The end and the new connection are found in the same turn. */
START_TEST(test_next_hypervisor_comes_as_the_last_dies)
{
	int fd, next;

	session_open(_i);
	fd = session_connect();
	become_front_end(fd);
	for (unsigned i = 0; i < 10; i++) {
		next = session_connect();
		say_nothing(next, VHOST_USER_SET_OWNER);
		close(fd);
		say_nothing(next, VHOST_USER_GET_QUEUE_NUM);
		ck_assert_uint_eq(hear_number(next, VHOST_USER_GET_QUEUE_NUM),
				  3);
		ck_assert_uint_eq(facts.ended, i + 1);
		fd = next;
	}
	close(fd);
	session_close();
}
END_TEST

/* The new one's first message is heard before the old one's end is reported. */
START_TEST(test_next_hypervisor_outruns_the_end_of_the_last)
{
	int fd, next;

	session_open(_i);
	fd = session_connect();
	become_front_end(fd);
	next = session_connect();
	say_nothing(next, VHOST_USER_SET_OWNER);
	close(fd);
	for (unsigned i = 0; i < 5; i++)
		ring_wait(facts.guest->loop->ring, 0);
	facts.guest->session.frontend->readable = false;
	frontends_run(facts.frontends);
	say_nothing(next, VHOST_USER_GET_QUEUE_NUM);
	ck_assert_uint_eq(hear_number(next, VHOST_USER_GET_QUEUE_NUM), 3);
	close(next);
	session_close();
}
END_TEST

/* Sends the first 11 bytes of a message, with a descriptor. */
static void say_part(int fd)
{
	struct vhost_user_header header = { VHOST_USER_SET_VRING_KICK, 1, 8 };
	struct iovec iov = { &header, sizeof(header) - 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &ram_fd, sizeof(int));
	ck_assert_int_eq((int)sendmsg(fd, &msg, 0), 11);
}

START_TEST(test_unfinished_messages_leak_nothing)
{
	int fd;

	session_open(_i);
	for (unsigned i = 0; i < 2; i++) {
		fd = session_connect();
		if (i)
			become_front_end(fd);
		say_part(fd);
		if (i)
			expect_silence(fd);
		else
			expect_closed(
				fd); /* a connection may not wait with descriptors */
		close(fd);
		ck_assert(!has_front_end());
	}
	session_close();
}
END_TEST

START_TEST(test_byte_by_byte)
{
	const uint32_t request[3] = { VHOST_USER_GET_QUEUE_NUM, 1, 0 };
	const uint8_t *bytes = (const void *)request;
	int fd;

	session_open(_i);
	fd = session_connect();
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 12; i++) {
			expect_silence(fd);
			ck_assert_int_eq(send(fd, bytes + i, 1, 0), 1);
		}
		ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_QUEUE_NUM), 3);
	}
	close(fd);
	session_close();
}
END_TEST

/* More messages than a turn serves, and no other connection wakes the guest. */
START_TEST(test_many_messages_at_once)
{
	int fd;

	session_open(_i);
	fd = session_connect();
	for (unsigned i = 0; i < 200; i++)
		say_number(fd, VHOST_USER_SET_STATUS, i);
	say_nothing(fd, VHOST_USER_GET_STATUS);
	ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_STATUS), 199);
	close(fd);
	session_close();
}
END_TEST

START_TEST(test_hostile_kicks_are_dropped_again)
{
	int fd, kick;

	session_open(_i);
	kick = eventfd(0, EFD_CLOEXEC);
	fd = session_connect();
	for (unsigned i = 0; i < 100; i++)
		give_kick(fd, i % 3, kick);
	ck_assert(has_front_end());
	close(fd);
	ck_assert(!has_front_end());
	close(kick);
	session_close();
}
END_TEST

static int dial(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (const void *)addr, sizeof(*addr)), 0);
	return fd;
}

/* A blocking listening socket, as it may be inherited. */
static int start_listening(struct sockaddr_un *addr)
{
	static unsigned count;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(addr->sun_path + 1, sizeof(addr->sun_path) - 1,
		 "test_frontends.%d.%u", getpid(), count++);
	ck_assert_int_eq(bind(listener, (void *)addr, sizeof(*addr)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(frontends_listen(facts.frontends, listener), 0);
	return listener;
}

/* No service runs the timers here: ends the pause as a loop would. */
static void let_pause_pass(void)
{
	struct timer *timer = timer_take_due(&facts.guest->loop->pauses.timers,
					     clock_ms() + LOOP_RESUMING_MS);
	struct loop_pause *pause;

	ck_assert_ptr_nonnull(timer);
	pause = container_of(timer, struct loop_pause, timer);
	pause->over(pause);
}

/* Both sides are one process: its limit is high while the client opens
 * something, and low whenever the daemon's side accepts. */
START_TEST(test_accepting_goes_on_after_emfile)
{
	struct rlimit limit, low;
	struct sockaddr_un addr;
	int fd, listener;

	session_open(_i);
	getrlimit(RLIMIT_NOFILE, &limit);
	low = limit;
	fd = eventfd(0, EFD_CLOEXEC);
	low.rlim_cur = (rlim_t)fd + 1;
	close(fd);
	setrlimit(RLIMIT_NOFILE, &low);
	listener = start_listening(&addr);
	session_pump();
	setrlimit(RLIMIT_NOFILE, &limit);
	fd = dial(&addr);
	setrlimit(RLIMIT_NOFILE, &low);
	session_pump();
	setrlimit(RLIMIT_NOFILE, &limit);
	say_nothing(fd, VHOST_USER_GET_QUEUE_NUM);
	let_pause_pass();
	ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_QUEUE_NUM), 3);
	close(fd);
	close(listener);
	session_close();
}
END_TEST

START_TEST(test_listens)
{
	struct sockaddr_un addr;
	int fd, listener, second;

	session_open(_i);
	listener = start_listening(&addr);
	close(dial(&addr));
	fd = dial(&addr);
	become_front_end(fd);
	second = dial(&addr);
	say_nothing(second, VHOST_USER_SET_OWNER);
	expect_closed(second);
	close(second);
	close(fd);
	fd = dial(&addr);
	become_front_end(fd);
	frontends_stop(facts.frontends);
	ck_assert_int_eq((int)recv(fd, &addr, 1, MSG_DONTWAIT), 0);
	close(fd);
	close(listener);
	session_close();
}
END_TEST

#define LOOP(test) tcase_add_loop_test(tcase, test, 0, ENGINES_TESTED)

int main(void)
{
	Suite *suite = suite_create("frontends");
	TCase *tcase = tcase_create("frontends");

	tcase_set_timeout(tcase, 30);
	LOOP(test_probes_change_nothing);
	LOOP(test_first_word_decides);
	LOOP(test_nonsense_is_no_first_word);
	LOOP(test_few_wait_and_the_oldest_goes);
	LOOP(test_next_hypervisor_comes_as_the_last_dies);
	LOOP(test_next_hypervisor_outruns_the_end_of_the_last);
	LOOP(test_unfinished_messages_leak_nothing);
	LOOP(test_byte_by_byte);
	LOOP(test_many_messages_at_once);
	LOOP(test_hostile_kicks_are_dropped_again);
	LOOP(test_listens);
	LOOP(test_accepting_goes_on_after_emfile);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
