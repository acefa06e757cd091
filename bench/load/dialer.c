/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Blocking calls, one after the other, as a simple program makes them. What is
 * measured is what such a program waits for, its own close(2) included. What
 * the daemon still does after that costs, if anybody, the next visit.
 */
#include "dialer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/basics.h"

static void send_all(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

		if (sent <= 0)
			die("crr: send: %s", strerror(errno));
		bytes += sent;
		n -= (size_t)sent;
	}
}

static void recv_all(int fd, char *bytes, size_t n)
{
	while (n) {
		ssize_t got = recv(fd, bytes, n, 0);

		if (got <= 0)
			die("crr: recv: %s",
			    got ? strerror(errno) : "end of file");
		bytes += got;
		n -= (size_t)got;
	}
}

static void visit(const struct dialer *d, char *buffer)
{
	int fd = reach_dial(&d->reach, d->port);

	send_all(fd, buffer, d->size);
	recv_all(fd, buffer, d->size);
	close(fd);
}

static void *run(void *arg)
{
	struct dialer *d = arg;
	char *buffer = need_zeroed(1, d->size);

	for (;;) {
		uint64_t from = clock_ns();

		visit(d, buffer);
		if (__atomic_load_n(&d->recording, __ATOMIC_RELAXED))
			latency_add(&d->latency, clock_ns() - from);
		meter_add(&d->meter, 2 * d->size, 1);
	}
	return NULL;
}

void dialer_start(struct dialer *d, struct reach reach, unsigned port,
		  size_t size)
{
	*d = (struct dialer){ .reach = reach, .port = port, .size = size };
	need(!pthread_create(&d->thread, NULL, run, d), "pthread_create");
}
