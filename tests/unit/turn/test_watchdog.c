/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The watchdog against calls that would sleep for ever, which have only to
 * return. And a thread that makes no turns is left alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "suite.h"
#include "turn/watchdog.h"

static struct watchdog dog;

static void set_up(void)
{
	ck_assert_int_eq(watchdog_start(&dog), 0);
}

static void tear_down(void)
{
	watchdog_stop(&dog);
}

static int full_and_blocking(void)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC);

	ck_assert_int_eq(write(fd, &full, sizeof(full)), sizeof(full));
	return fd;
}

START_TEST(calls_that_sleep_are_interrupted)
{
	int fd = full_and_blocking();

	watchdog_begin(&dog);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_int_eq(eventfd_signal(fd), -EINTR);
	watchdog_end(&dog);
	fd_close(&fd);
}
END_TEST

START_TEST(after_a_rest_too)
{
	int fd = full_and_blocking();

	watchdog_begin(&dog);
	watchdog_end(&dog);
	while (dog.armed)
		pause();
	watchdog_begin(&dog);
	ck_assert_int_eq(eventfd_signal(fd), -EINTR);
	fd_close(&fd);
}
END_TEST

/* However long the rest lasts, two signals come at the most. */
START_TEST(a_rest_is_left_alone)
{
	struct timespec rest = { .tv_nsec = 10 * WATCHDOG_MS * 1000000 };
	unsigned interrupted = 0;

	watchdog_begin(&dog);
	watchdog_end(&dog);
	while (nanosleep(&rest, &rest) < 0) {
		ck_assert_int_eq(errno, EINTR);
		interrupted++;
	}
	ck_assert_uint_le(interrupted, 2);
	ck_assert(!dog.armed);
}
END_TEST

START_TEST(not_started_means_not_watched)
{
	struct watchdog none = { .started = 0 };

	watchdog_begin(&none);
	ck_assert(!none.armed);
	watchdog_stop(&none);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watchdog");
	TCase *c = tcase_create("watchdog");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, calls_that_sleep_are_interrupted);
	tcase_add_test(c, after_a_rest_too);
	tcase_add_test(c, a_rest_is_left_alone);
	tcase_add_test(c, not_started_means_not_watched);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
