/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Crowds: of connections that come in, and of sockets that are ready. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "suite.h"
#include "unit/ring/ring_fixture.h"

/* A listening socket whose name the kernel finds (unix(7), autobind). */
static int listen_somewhere(struct sockaddr_un *addr, socklen_t *len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*len = sizeof(*addr);
	ck_assert(!bind(fd, (struct sockaddr *)addr, sizeof(sa_family_t)));
	ck_assert(!getsockname(fd, (struct sockaddr *)addr, len));
	ck_assert(!listen(fd, 512));
	return fd;
}

/* After a report all callers that wait are accepted, and the next one is
 * reported again. */
START_TEST(callers_are_reported_again_and_again)
{
	enum { CALLERS = 100 };
	struct sockaddr_un addr;
	socklen_t len;
	struct eye eye;
	int calls[CALLERS], fd, listener;

	if (!ring_start(_i))
		return;
	listener = listen_somewhere(&addr, &len);
	eye_open(&eye, listener);
	for (unsigned round = 1; round <= 3; round++) {
		eye.reports = 0;
		for (unsigned i = 0; i < CALLERS; i++) {
			calls[i] =
				socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
			ck_assert(!connect(calls[i], (struct sockaddr *)&addr,
					   len));
		}
		wait_reports(&eye, 1);
		settle();
		ck_assert(eye.last & POLLIN);
		for (unsigned i = 0; i < CALLERS; i++) {
			fd = accept(listener, NULL, NULL);
			fd_close(&fd);
			fd_close(&calls[i]);
		}
		ck_assert_int_lt(accept(listener, NULL, NULL), 0);
		settle();
	}
	eye_close(&eye);
	ring_stop();
	fd_close(&listener);
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
	tcase_add_loop_test(c, callers_are_reported_again_and_again, 0,
			    ENGINES);
	tcase_add_loop_test(c, nobody_is_forgotten, 0, 3 * ENGINES);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
