/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A direction ends by shutdown(2) after the last byte. The receiver takes that
 * for the end, and so need not know how much will come, whether a time or an
 * amount limits it. When the time is up, a sender finishes the present write.
 * Then the counts of both ends are complete, and must be equal.
 */
#include "perf/perf_flow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "perf/perf_run.h"
#include "perf/perf_zerocopy.h"

#define REAP_EVERY 32u /* sends */

struct sender {
	struct perf_stream *stream;
	int flags; /* of send(2) */
	unsigned sends;
	struct perf_zerocopy zerocopy;
};

static int prepare(struct sender *sender)
{
	const struct perf_run *run = sender->stream->run;
	int err;

	sender->flags = MSG_NOSIGNAL;
	if (!perf_plan_sends_uncopied(&run->plan, run->client))
		return 0;
	sender->flags |= MSG_ZEROCOPY;
	err = perf_zerocopy_enable(sender->stream->fd);
	if (err)
		perf_run_fail(sender->stream->run, PERF_CAUSE,
			      "--zerocopy: this socket cannot send without "
			      "copying (%s): AF_UNIX never can, AF_VSOCK since "
			      "Linux 6.7",
			      strerror(-err));
	return err;
}

/* One send(2): bytes sent, perhaps 0, or -errno. */
static ssize_t send_some(struct sender *sender, const uint8_t *at, size_t n)
{
	bool zerocopy = sender->flags & MSG_ZEROCOPY;
	int fd = sender->stream->fd;
	ssize_t sent;

	if (zerocopy && ++sender->sends % REAP_EVERY == 0)
		perf_zerocopy_reap(fd, &sender->zerocopy);
	sent = send(fd, at, n, sender->flags);
	if (sent >= 0)
		return sent;
	if (errno == ENOBUFS && zerocopy)
		return perf_zerocopy_wait(fd, &sender->zerocopy);
	return errno == EINTR ? 0 : -errno;
}

static int send_piece(struct sender *sender, const uint8_t *at, size_t n)
{
	ssize_t sent;

	while (n > 0) {
		sent = send_some(sender, at, n);
		if (sent < 0) {
			perf_stream_broke(sender->stream, "sending",
					  (int)-sent);
			return -1;
		}
		perf_meter_add(&sender->stream->sent, (uint64_t)sent, 0);
		at += sent;
		n -= (size_t)sent;
	}
	return 0;
}

/* Without --verify the same bytes are sent each time, as they are in the cache.
 * */
static int send_pieces(struct sender *sender)
{
	struct perf_stream *stream = sender->stream;
	const struct perf_run *run = stream->run;
	uint64_t left = perf_plan_share(&run->plan, stream->number);
	uint32_t place = perf_pattern_start(stream->number, run->client);

	while (left > 0 && !perf_run_stopped(run)) {
		size_t n = left < run->plan.size ? left : run->plan.size;

		if (send_piece(sender, perf_pattern_at(&run->pattern, place),
			       n))
			return -1;
		if (run->plan.verify)
			place = perf_pattern_after(place, n);
		left -= n;
	}
	return 0;
}

void perf_flow_send(struct perf_stream *stream)
{
	struct sender sender = { .stream = stream };
	struct perf_run *run = stream->run;

	if (prepare(&sender) || send_pieces(&sender))
		return;
	shutdown(stream->fd, SHUT_WR);
	if (!(sender.flags & MSG_ZEROCOPY))
		return;
	perf_zerocopy_reap(stream->fd, &sender.zerocopy);
	__atomic_fetch_add(&run->uncopied, sender.zerocopy.uncopied,
			   __ATOMIC_RELAXED);
	__atomic_fetch_add(&run->copied, sender.zerocopy.copied,
			   __ATOMIC_RELAXED);
}

/* N bytes have arrived, the first of which has the number POSITION in the
 * connection and should be the pattern's at PLACE. */
static int check(struct perf_stream *stream, uint64_t position, uint32_t place,
		 const uint8_t *got, size_t n)
{
	const struct perf_pattern *pattern = &stream->run->pattern;
	size_t right = perf_pattern_right(pattern, place, got, n);

	if (right == n)
		return 0;
	perf_run_fail(stream->run, PERF_CAUSE,
		      "connection %u: byte %" PRIu64 " of those to the %s is "
		      "0x%02x, not 0x%02x",
		      stream->number, position + right,
		      stream->run->client ? "client" : "server", got[right],
		      perf_pattern_at(pattern, place)[right]);
	return -1;
}

static void receive_into(struct perf_stream *stream, uint8_t *buffer)
{
	const struct perf_run *run = stream->run;
	uint32_t place = perf_pattern_start(stream->number, !run->client);
	uint64_t position = 0;
	ssize_t got;

	while ((got = recv(stream->fd, buffer, PERF_GULP, 0)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			perf_stream_broke(stream, "receiving", errno);
			return;
		}
		if (run->plan.verify &&
		    check(stream, position, place, buffer, (size_t)got))
			return;
		perf_meter_add(&stream->received, (uint64_t)got, 0);
		place = perf_pattern_after(place, (uint64_t)got);
		position += (uint64_t)got;
	}
}

void perf_flow_receive(struct perf_stream *stream)
{
	uint8_t *buffer = malloc(PERF_GULP);

	if (buffer)
		receive_into(stream, buffer);
	else
		perf_run_fail(stream->run, PERF_CAUSE,
			      "there is no memory for connection %u",
			      stream->number);
	free(buffer);
}
