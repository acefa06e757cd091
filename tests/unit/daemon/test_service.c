/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A service ends before its worker's thread does, and other threads may still
 * ring its bell. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "daemon/service.h"
#include "ring/ring.h"
#include "suite.h"
#include "turn/bell.h"

/* How often FD was signalled; -1: never, or it is closed. */
static int signalled(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) < 0 ? -1 : (int)count;
}

/* A thread that has found the worker asleep is stopped in front of its write(2),
 * and goes on when the service has ended. */
START_TEST(late_ring_reaches_no_other_descriptor)
{
	const char *why = "";
	const struct service_setup setup = {
		.ring = ring_open("epoll", &why),
		.guests = 1,
	};
	struct service *s;
	struct bell *bell;
	int ringing, next;

	ck_assert_msg(setup.ring, "%s", why);
	s = service_new(&setup);
	ck_assert_ptr_nonnull(s);
	bell = service_bell(s);
	ringing = bell->fd;
	service_end(s);
	next = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	eventfd_signal(ringing);
	ck_assert_int_eq(signalled(next), -1);
	ck_assert_int_eq(signalled(ringing), 1);
	fd_close(&next);
	service_free(s);
	ck_assert_int_eq(signalled(ringing), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("service");
	TCase *tcase = tcase_create("end");

	log_set_level(LOG_LEVEL_ERROR);
	tcase_add_test(tcase, late_ring_reaches_no_other_descriptor);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
