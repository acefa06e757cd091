/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Crowds: of connections that come in, and of sockets that are ready. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "ring_fixture.h"
#include "suite.h"

static struct eye eye;
static int listener = -1;
static struct sockaddr_un address;
static socklen_t address_len;

static bool begin(int engine)
{
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	address_len = sizeof(address);
	listener =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* The kernel finds a name (unix(7), autobind). */
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address,
			      sizeof(sa_family_t)),
			 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address,
				     &address_len),
			 0);
	ck_assert_int_eq(listen(listener, 512), 0);
	eye_init(&eye);
	return ring_start(engine);
}

static int dial(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, address_len),
			 0);
	return fd;
}

static void start_accepting(void)
{
	ck_assert_int_eq(ring_accept(ring, &eye.watch, listener, eye_accepts),
			 0);
}

static void close_accepted(void)
{
	while (eye.nfds)
		fd_close(&eye.fds[--eye.nfds]);
}

static void finish(void)
{
	eye_close(&eye);
	close_accepted();
	ring_stop();
	fd_close(&listener);
}

START_TEST(each_that_comes)
{
	int fds[300];

	if (!begin(_i))
		return;
	fds[0] = dial(); /* before anybody looks */
	start_accepting();
	start_accepting(); /* already is */
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = round ? 0 : 1; i < 300; i++)
			fds[i] = dial();
		wait_accepted(&eye, 300);
		settle();
		ck_assert_uint_eq(eye.nfds, 300);
		ck_assert_int_eq(eye.errors, 0);
		for (unsigned i = 0; i < 300; i++) {
			int fd = eye.fds[i];

			ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
			ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
			fd_close(&fds[i]);
			ck_assert_int_eq(drain(fd), -1);
		}
		close_accepted();
	}
	finish();
}
END_TEST

static void limit_descriptors(rlim_t n)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Descriptors are given lowest first: below the number of the first client none
 * is free. */
START_TEST(out_of_descriptors)
{
	int waiting[3];
	struct rlimit limit;

	if (!begin(_i))
		return;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (unsigned i = 0; i < 3; i++)
		waiting[i] = dial();
	limit_descriptors((rlim_t)waiting[0]);
	start_accepting();
	wait_reports(&eye, 1);
	ck_assert_int_eq(eye.last, -EMFILE);
	ck_assert_int_eq(eye.errors, 1);
	/* It paused: nobody spins. */
	ck_assert_uint_eq(ring_wait(ring, 20), 0);
	ck_assert_int_eq(eye.errors, 1);
	/* Still none, said once more. */
	start_accepting();
	while (eye.errors < 2)
		ring_wait(ring, 1000);
	settle();
	ck_assert_int_eq(eye.errors, 2);
	limit_descriptors(limit.rlim_cur);
	start_accepting();
	wait_accepted(&eye, 3);
	fd_close(&waiting[0]);
	waiting[0] = dial();
	wait_accepted(&eye, 4);
	for (unsigned i = 0; i < 3; i++)
		fd_close(&waiting[i]);
	finish();
}
END_TEST

START_TEST(nobody_comes_after_unwatch)
{
	int fd;

	if (!begin(_i))
		return;
	start_accepting();
	settle();
	fd = dial();
	ring_unwatch(ring, &eye.watch);
	settle();
	eye_close(&eye);
	ck_assert_uint_eq(eye.reports, 0);
	fd_close(&listener);
	/* Whether it was accepted or not, nobody keeps it. */
	ck_assert_int_eq(recv(fd, &eye, 1, 0) > 0, false);
	ck_assert_int_ne(errno, EAGAIN);
	fd_close(&fd);
	finish();
}
END_TEST

START_TEST(started_again)
{
	int fd;

	if (!begin(_i))
		return;
	for (unsigned i = 1; i <= 3; i++) {
		start_accepting();
		settle();
		fd = dial();
		wait_accepted(&eye, i);
		eye_close(&eye);
		fd_close(&fd);
	}
	finish();
}
END_TEST

START_TEST(not_a_listener)
{
	if (!begin(_i))
		return;
	ck_assert_int_eq(ring_accept(ring, &eye.watch, 9999, eye_accepts),
			 -EBADF);
	ck_assert(!ring_watch_started(&eye.watch));
	ck_assert_int_eq(eye.watch.fd, -1);
	finish();
}
END_TEST

/* Others wait already: none of them may be reported any more. */
static void stops(struct ring_watch *watch, int what)
{
	eye_accepts(watch, what);
	ring_unwatch(ring, watch);
}

START_TEST(stopped_by_its_first)
{
	int fds[5];

	if (!begin(_i))
		return;
	for (unsigned i = 0; i < 5; i++)
		fds[i] = dial();
	ck_assert_int_eq(ring_accept(ring, &eye.watch, listener, stops), 0);
	wait_accepted(&eye, 1);
	settle();
	ck_assert_uint_eq(eye.nfds, 1);
	for (unsigned i = 0; i < 5; i++)
		fd_close(&fds[i]);
	finish();
}
END_TEST

/* So many that no queue of the engine holds all of their reports. */
#define CROWD 5000

static const struct {
	unsigned size;
	bool kept; /* each report is taken before the next event */
} crowds[] = { { 1000, true }, { 1000, false }, { CROWD, false } };

static void wait_for_all(struct eye *eyes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		wait_reports(&eyes[i], 1);
	settle();
	for (unsigned i = 0; i < n; i++)
		eyes[i].reports = 0;
}

/* They watch copies of one descriptor, so that all are ready at once. */
static void crowd(unsigned n, bool kept)
{
	struct eye *eyes = calloc(n, sizeof(*eyes));
	int *fds = calloc(n, sizeof(*fds));
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ck_assert(eyes && fds);
	for (unsigned i = 0; i < n; i++) {
		fds[i] = fcntl(event, F_DUPFD_CLOEXEC, 0);
		ck_assert_int_ge(fds[i], 0);
		eye_open(&eyes[i], fds[i]);
	}
	settle();
	for (unsigned round = 0; round < 4; round++) {
		eventfd_signal(event);
		if (!kept)
			eventfd_signal(event);
		wait_for_all(eyes, n);
	}
	for (unsigned i = 0; i < n; i++)
		ring_unwatch(ring, &eyes[i].watch);
	for (unsigned i = 0; i < n; i++) {
		eye_close(&eyes[i]);
		fd_close(&fds[i]);
	}
	fd_close(&event);
	free(eyes);
	free(fds);
}

START_TEST(nobody_is_forgotten)
{
	raise_descriptor_limit(CROWD + 64);
	if (!ring_start(_i % ENGINES))
		return;
	crowd(crowds[_i / ENGINES].size, crowds[_i / ENGINES].kept);
	ring_stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring_many");
	TCase *c = tcase_create("ring_many");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, each_that_comes, 0, ENGINES);
	tcase_add_loop_test(c, out_of_descriptors, 0, ENGINES);
	tcase_add_loop_test(c, nobody_comes_after_unwatch, 0, ENGINES);
	tcase_add_loop_test(c, started_again, 0, ENGINES);
	tcase_add_loop_test(c, not_a_listener, 0, ENGINES);
	tcase_add_loop_test(c, stopped_by_its_first, 0, ENGINES);
	tcase_add_loop_test(c, nobody_is_forgotten, 0, 3 * ENGINES);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
