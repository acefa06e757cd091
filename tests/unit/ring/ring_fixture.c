/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Both engines must behave alike; so a test is written once and looks at what
 * is reported, hardly ever at how an engine came by it. A wait has no upper
 * bound worth measuring: PATIENCE_MS is where waiting becomes a failure, and a
 * machine under load passes as an idle one does.
 *
 * io_uring may be forbidden (seccomp in containers, kernel.io_uring_disabled).
 * The kernel is asked for that by itself, as a ring that does not open for a
 * reason of ours must not count as one that is not to be had.
 */
#include "unit/ring/ring_fixture.h"

#include <check.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

struct ring *ring;

static const char *const engines[ENGINES] = { "io_uring", "epoll" };

/* Asked without the code under test, so that no fault of it is a skip. */
static bool has_io_uring(void)
{
#ifdef HAVE_LIBURING
	struct io_uring_params params = { .flags = 0 };
	int fd = (int)syscall(__NR_io_uring_setup, 4, &params);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
#else
	return false;
#endif
}

bool ring_start(int number)
{
	const char *why = NULL;

	ring = ring_open(engines[number], &why);
	if (ring) {
		ck_assert_str_eq(ring_engine(ring), engines[number]);
		return true;
	}
	ck_assert_ptr_nonnull(why);
	ck_assert_int_ne(errno, 0);
	ck_assert_str_ne(engines[number], "epoll");
	ck_assert_msg(!has_io_uring(), "io_uring is there, but: %s", why);
	fprintf(stderr, "skipped with io_uring: %s\n", why);
	return false;
}

void ring_stop(void)
{
	ring_close(ring);
	ring = NULL;
}

void eye_init(struct eye *eye)
{
	*eye = (struct eye){ .reports = 0 };
	ring_watch_init(&eye->watch);
	ck_assert(!ring_watch_started(&eye->watch));
	ck_assert(!ring_watch_busy(&eye->watch));
}

void eye_sees(struct ring_watch *watch, int what)
{
	struct eye *eye = (struct eye *)watch;

	eye->reports++;
	eye->last = what;
	eye->all |= what;
}

void eye_open(struct eye *eye, int fd)
{
	eye_init(eye);
	ck_assert_int_eq(ring_watch(ring, &eye->watch, fd, eye_sees), 0);
	ck_assert(ring_watch_started(&eye->watch));
	ck_assert_int_eq(eye->watch.fd, fd);
}

/* As users do: the memory belongs to the ring for as long as the watch is busy,
 * and a completion that never comes is a leak which shows here. */
void eye_close(struct eye *eye)
{
	uint64_t until = clock_ms() + PATIENCE_MS;

	ring_unwatch(ring, &eye->watch);
	ck_assert(!ring_watch_started(&eye->watch));
	while (ring_watch_busy(&eye->watch)) {
		ring_wait(ring, 10);
		ck_assert_uint_lt(clock_ms(), until);
	}
}

/* Waits for reports until LATEST; a wake-up without one is no failure. */
static void wait_on(uint64_t latest)
{
	ring_wait(ring, 1000);
	ck_assert_msg(clock_ms() < latest, "what must come did not");
}

void wait_reports(struct eye *eye, unsigned reports)
{
	uint64_t latest = clock_ms() + PATIENCE_MS;

	while (eye->reports < reports)
		wait_on(latest);
}

void wait_bits(struct eye *eye, int bits)
{
	uint64_t latest = clock_ms() + PATIENCE_MS;

	while (!(eye->all & bits))
		wait_on(latest);
}

/* An end only of what this side has caused before, which AF_UNIX and eventfd
 * report at once. */
void settle(void)
{
	while (ring_wait(ring, 0))
		continue;
}

void make_pair(int fds[2])
{
	ck_assert_int_eq(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				    0, fds),
			 0);
}

void put(int fd, const void *bytes, unsigned n)
{
	ck_assert_int_eq(write(fd, bytes, n), n);
}

int drain(int fd)
{
	char bytes[65536];
	ssize_t n;
	int all = 0;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		all += (int)n;
	if (!n)
		return -1;
	ck_assert_int_eq(errno, EAGAIN);
	return all;
}

void fill(int fd)
{
	static const char bytes[65536];

	while (write(fd, bytes, sizeof(bytes)) > 0)
		continue;
	ck_assert_int_eq(errno, EAGAIN);
}

void raise_descriptor_limit(unsigned wanted)
{
	struct rlimit limit;

	ck_assert_int_eq(fd_raise_limit(), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_msg(limit.rlim_cur >= wanted,
		      "%u descriptors are needed, see ulimit -Hn", wanted);
}
