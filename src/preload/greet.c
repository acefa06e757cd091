/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * On a stream the line ends at a newline and the guest's bytes may follow at
 * once, so what is there is looked at first (MSG_PEEK) and then no more of it
 * taken than belongs to the line.  A message socket keeps the answer apart by
 * itself.
 */
#include "preload/greet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "base/clock.h"
#include "preload/number.h"
#include "preload/real.h"

#define NS_PER_MS 1000000u
#define ANSWER_MAX 32 /* "OK 4294967295\n" and room to see more */

static int say(int fd, int type, uint32_t port)
{
	char line[ANSWER_MAX];
	int length = snprintf(line, sizeof(line), "CONNECT %u%s", port,
			      type == SOCK_STREAM ? "\n" : "");

	if (real()->sendto(fd, line, (size_t)length, MSG_NOSIGNAL, NULL, 0) ==
	    length)
		return 0;
	return errno == EPIPE ? -ECONNRESET : -errno;
}

static int await(int fd, uint64_t deadline)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	for (;;) {
		uint64_t now = clock_ns();
		uint64_t left;
		int n;

		if (now >= deadline)
			return -ETIMEDOUT;
		left = (deadline - now + NS_PER_MS - 1) / NS_PER_MS;
		n = poll(&poll_fd, 1, left < INT_MAX ? (int)left : INT_MAX);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* Takes the bytes that have come, on a stream up to a newline. Returns their
 * number, or -errno: -EAGAIN if there are none. */
static ssize_t take_part(int fd, int type, char *to, size_t room)
{
	int flags = MSG_DONTWAIT | (type == SOCK_STREAM ? MSG_PEEK : 0);
	ssize_t n = real()->recvfrom(fd, to, room, flags, NULL, NULL);
	const char *newline;

	if (n == 0)
		return -ECONNRESET;
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (type != SOCK_STREAM)
		return n;
	newline = memchr(to, '\n', (size_t)n);
	if (newline)
		n = newline - to + 1;
	return real()->recvfrom(fd, to, (size_t)n, 0, NULL, NULL);
}

/* Returns the answer's length, or -errno. */
static ssize_t hear(int fd, int type, uint64_t deadline, char *answer)
{
	size_t used = 0;

	do {
		ssize_t n = await(fd, deadline);

		if (!n)
			n = take_part(fd, type, answer + used,
				      ANSWER_MAX - used);
		if (n > 0)
			used += (size_t)n;
		else if (n != -EAGAIN)
			return used && n == -ECONNRESET ? -EPROTO : n;
	} while (used < ANSWER_MAX && type == SOCK_STREAM &&
		 (!used || answer[used - 1] != '\n'));
	return (ssize_t)used;
}

int greet(int fd, int type, uint32_t port, uint64_t deadline,
	  uint32_t *host_port)
{
	char answer[ANSWER_MAX] = "";
	ssize_t n = say(fd, type, port);

	if (!n)
		n = hear(fd, type, deadline, answer);
	if (n <= 0)
		return (int)n;
	if (answer[n - 1] == '\n')
		n--;
	else if (type == SOCK_STREAM)
		return -EPROTO;
	if (n <= 3 || memcmp(answer, "OK ", 3) != 0 ||
	    !number_read(answer + 3, (size_t)n - 3, host_port))
		return -EPROTO;
	return 0;
}
