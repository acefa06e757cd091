/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Closing elsewhere: a thread that hands descriptors over never waits. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/closer.h"
#include "suite.h"

#define MANY 250

static bool no_threads;
static sigset_t inherited; /* what the thread that was started last blocks */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
			  void *(*start)(void *), void *argument)
{
	pthread_sigmask(SIG_SETMASK, NULL, &inherited);
	return no_threads
		       ? EAGAIN
		       : __real_pthread_create(thread, attr, start, argument);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* The test has a deadline. */
static void await_closed(int fd)
{
	while (is_open(fd))
		sched_yield();
}

START_TEST(test_closes_all_that_it_gets)
{
	struct closer *c = closer_new();
	int fds[MANY + 1];
	int one;

	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < MANY; i++)
			fds[i] = eventfd(0, EFD_CLOEXEC);
		fds[MANY] = -1;
		one = eventfd(0, EFD_CLOEXEC);
		closer_close(c, fds, MANY + 1);
		errno = ENOSPC;
		closer_close_one(c, &one);
		ck_assert_int_eq(errno, ENOSPC);
		ck_assert_int_eq(one, -1);
		closer_close_one(c, &one);
		closer_close(c, NULL, 0);
		for (unsigned i = 0; i < MANY; i++)
			await_closed(fds[i]);
	}
	closer_free(c);
	closer_free(NULL);
}
END_TEST

START_TEST(test_without_one_they_are_closed_at_once)
{
	int fds[2] = { eventfd(0, EFD_CLOEXEC), -1 };

	closer_close(NULL, fds, 2);
	ck_assert(!is_open(fds[0]));
	ck_assert_uint_eq(closer_pending(NULL), 0);
}
END_TEST

/* Its last thread frees it. */
START_TEST(test_owner_need_not_wait)
{
	int end[2];
	struct pollfd p;

	for (unsigned i = 0; i < 100; i++) {
		struct closer *c = closer_new();

		ck_assert_int_eq(pipe2(end, O_CLOEXEC), 0);
		closer_close(c, &end[1], 1);
		closer_free(c);
		p = (struct pollfd){ .fd = end[0] };
		ck_assert_int_eq(poll(&p, 1, -1), 1);
		close(end[0]);
	}
}
END_TEST

/* As under a limit of threads, which may have gone when the owner does. */
START_TEST(test_without_threads_the_owner_closes)
{
	struct closer *c = closer_new();
	int fds[2] = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) };

	no_threads = true;
	closer_close(c, fds, ARRAY_SIZE(fds));
	ck_assert_uint_eq(closer_pending(c), ARRAY_SIZE(fds));
	no_threads = _i;
	closer_free(c);
	no_threads = false;
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		await_closed(fds[i]);
}
END_TEST

/* Connected, with bytes under way that nobody takes: close(2) waits for that,
 * 30 s here. */
static int lingering(int listener, const struct sockaddr_in *at)
{
	const struct linger linger = { 1, 30 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char bytes[65536] = { 0 };

	(void)listener;
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger,
				    sizeof(linger)),
			 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)at, sizeof(*at)),
			 0);
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
	return fd;
}

/* Both in the closer and, if there is none, at once: a hang is the failure. */
START_TEST(test_sockets_do_not_linger)
{
	struct closer *c = _i ? closer_new() : NULL;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(at);
	int fds[3];

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(listener, 16), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len),
			 0);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = lingering(listener, &at);
	closer_close(c, fds, ARRAY_SIZE(fds));
	closer_free(c);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		await_closed(fds[i]);
	close(listener);
}
END_TEST

/* The closer's threads block all signals, and the caller blocks what it did. */
START_TEST(test_signals_are_not_the_threads)
{
	struct closer *c = closer_new();
	sigset_t before, after;
	int fd = eventfd(0, EFD_CLOEXEC);

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	closer_close_one(c, &fd);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < SIGRTMIN; i++)
		ck_assert_int_eq(sigismember(&before, i),
				 sigismember(&after, i));
	ck_assert(sigismember(&inherited, SIGTERM));
	ck_assert(sigismember(&inherited, SIGHUP));
	ck_assert(sigismember(&inherited, SIGRTMAX));
	closer_free(c);
}
END_TEST

static void note_done(void *user)
{
	eventfd_write(*(int *)user, 1);
}

/* Nothing is closed while there are no threads, so that the order is given. */
static struct closer *closer_that_waits(unsigned n)
{
	struct closer *c = closer_new();
	int fd;

	no_threads = true;
	for (unsigned i = 0; i < n; i++) {
		fd = eventfd(0, EFD_CLOEXEC);
		closer_close_one(c, &fd);
	}
	return c;
}

/* The test waits for the call, and the deadline is its end. */
START_TEST(test_tells_when_enough_are_closed)
{
	struct closer *c = closer_that_waits(MANY);
	int told = eventfd(0, EFD_CLOEXEC);
	eventfd_t times;

	ck_assert(closer_await(c, MANY, note_done, &told));
	no_threads = false;
	ck_assert(closer_await(c, 1, note_done, &told));
	ck_assert_int_eq(eventfd_read(told, &times), 0);
	ck_assert_uint_eq(times, 1);
	ck_assert_uint_eq(closer_pending(c), 0);
	ck_assert(!closer_await(c, 1, note_done, &told));
	ck_assert(!closer_await(NULL, 1, note_done, &told));
	closer_free(c);
	close(told);
}
END_TEST

START_TEST(test_tells_nobody_who_does_not_wait_any_more)
{
	struct closer *c = closer_that_waits(2);
	int told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int last = eventfd(0, EFD_CLOEXEC);
	eventfd_t times;

	ck_assert(closer_await(c, 1, note_done, &told));
	closer_await_no_more(c);
	closer_await_no_more(NULL);
	no_threads = false;
	closer_close_one(c, &last);
	while (closer_pending(c))
		sched_yield();
	ck_assert_int_eq(eventfd_read(told, &times), -1);
	closer_free(c);
	close(told);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("closer");
	TCase *tcase = tcase_create("closer");

	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, test_closes_all_that_it_gets);
	tcase_add_test(tcase, test_without_one_they_are_closed_at_once);
	tcase_add_loop_test(tcase, test_without_threads_the_owner_closes, 0, 2);
	tcase_add_test(tcase, test_owner_need_not_wait);
	tcase_add_loop_test(tcase, test_sockets_do_not_linger, 0, 2);
	tcase_add_test(tcase, test_signals_are_not_the_threads);
	tcase_add_test(tcase, test_tells_when_enough_are_closed);
	tcase_add_test(tcase, test_tells_nobody_who_does_not_wait_any_more);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
