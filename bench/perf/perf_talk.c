/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "perf/perf_talk.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "perf/perf_socket.h"

int perf_say(int fd, const struct perf_message *m)
{
	uint8_t bytes[PERF_HEAD + PERF_BODY_MAX];

	return perf_send_all(fd, bytes, perf_wire_put(m, bytes));
}

int perf_say_kind(int fd, enum perf_kind kind)
{
	const struct perf_message m = { .kind = kind };

	return perf_say(fd, &m);
}

/* EAGAIN is how a blocking socket says that its receive timeout has passed. */
static int receive_failed(ssize_t error, struct perf_why *why)
{
	if (error == -EAGAIN)
		return perf_because(why, "no answer for %d s", PERF_PATIENCE_S);
	return perf_because(why, "%s", strerror((int)-error));
}

/* As perf_receive_all(), but does not wait for the rest of what does not begin
 * as a head does, as its length is unknown. */
static ssize_t receive_head(int fd, uint8_t head[PERF_HEAD])
{
	ssize_t more;
	ssize_t got = recv(fd, head, PERF_HEAD, 0);

	if (got < 0)
		return -errno;
	if (got == 0 || !perf_wire_begins(head, (size_t)got))
		return got;
	more = perf_receive_all(fd, head + got, PERF_HEAD - (size_t)got);
	return more < 0 ? more : got + more;
}

int perf_hear(int fd, struct perf_message *out, struct perf_why *why)
{
	uint8_t bytes[PERF_BODY_MAX];
	ssize_t got;
	int length;

	got = receive_head(fd, bytes);
	if (got == 0)
		return 0;
	if (got < 0)
		return receive_failed(got, why);
	if (got < (ssize_t)PERF_HEAD)
		return perf_because(why, "the other end is not "
					 "uring-vsock-perf");
	length = perf_wire_head(bytes, out, why);
	if (length < 0)
		return -1;
	got = perf_receive_all(fd, bytes, (size_t)length);
	if (got < 0)
		return receive_failed(got, why);
	return perf_wire_body(bytes, (unsigned)got, out, why) ? -1 : 1;
}

int perf_hear_kind(int fd, enum perf_kind kind, struct perf_why *why)
{
	struct perf_message m = { 0 };
	int heard = perf_hear(fd, &m, why);

	if (heard < 0)
		return -1;
	if (heard == 0)
		return perf_because(why, "the other end closed the "
					 "connection");
	if (m.kind == PERF_REFUSED)
		return perf_because(why, "refused: %.200s", m.body.why.text);
	if (m.kind == PERF_REPORT && m.body.report.verdict != PERF_GOOD)
		return perf_because(why, "%.200s", m.body.report.why.text);
	if (m.kind != kind)
		return perf_because(why, "message %u came instead of %u",
				    (unsigned)m.kind, (unsigned)kind);
	return 0;
}
