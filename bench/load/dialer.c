/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Blocking calls, one after the other, as a simple program makes them. What is
 * measured is what such a program waits for, its own close(2) included. What
 * the daemon still does after that costs, if anybody, the next visit.
 */
#include "dialer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frontend/basics.h"
#include "frontend/host.h"

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

/* Reads the "OK <port>" line byte by byte, as the message may follow at once.
 * */
static void await_line(int fd)
{
	char c = 0;

	while (c != '\n')
		recv_all(fd, &c, 1);
}

static void visit(const struct dialer *d, char *buffer)
{
	char line[32];
	int fd = host_dial(d->path);

	if (fd < 0)
		die("crr: connect to %s: %s", d->path, strerror(errno));
	snprintf(line, sizeof(line), "CONNECT %u\n", d->port);
	send_all(fd, line, strlen(line));
	await_line(fd);
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

void dialer_start(struct dialer *d, const char *path, unsigned port,
		  size_t size)
{
	*d = (struct dialer){ .path = path, .port = port, .size = size };
	need(!pthread_create(&d->thread, NULL, run, d), "pthread_create");
}
