/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/still.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include <time.h>

struct watchdog;

int __real_clock_gettime(clockid_t clock, struct timespec *ts);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
int __real_epoll_wait(int fd, struct epoll_event *events, int max, int timeout);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout);
ssize_t __wrap_getrandom(void *to, size_t len, unsigned flags);
int __wrap_watchdog_start(struct watchdog *dog);
void __wrap_watchdog_stop(struct watchdog *dog);
void __wrap_watchdog_begin(struct watchdog *dog);
void __wrap_watchdog_end(struct watchdog *dog);

uint64_t still_ns;
bool still_slept;

/* The fuzzer measures its own time by other clocks. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock != CLOCK_MONOTONIC)
		return __real_clock_gettime(clock, ts);
	ts->tv_sec = (time_t)(still_ns / 1000000000u);
	ts->tv_nsec = (long)(still_ns % 1000000000u);
	return 0;
}

int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int timeout)
{
	int n = __real_epoll_wait(fd, events, max, 0);

	if (n <= 0 && timeout)
		still_slept = true;
	return n;
}

ssize_t __wrap_getrandom(void *to, size_t len, unsigned flags)
{
	(void)flags;
	memset(to, 0x5a, len);
	return (ssize_t)len;
}

/* The watchdog's signal would come at times that the machine determines. */
int __wrap_watchdog_start(struct watchdog *dog)
{
	(void)dog;
	return 0;
}

void __wrap_watchdog_stop(struct watchdog *dog)
{
	(void)dog;
}

void __wrap_watchdog_begin(struct watchdog *dog)
{
	(void)dog;
}

void __wrap_watchdog_end(struct watchdog *dog)
{
	(void)dog;
}
