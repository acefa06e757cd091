/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Each request and each response is the next piece of the pattern, so that the
 * answer to another request is found, too. In mode crr the server cannot know
 * how far its client is, so each connection tells it (sequence).
 *
 * In mode crr the message that names the connection leaves in one call with the
 * request behind it: a real program that connects would not wait between the
 * two.
 */
#include "perf/perf_trips.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "perf/perf_run.h"
#include "perf/perf_socket.h"
#include "perf/perf_wire.h"

/* One end of a connection. */
struct end {
	struct perf_stream *stream;
	int fd;
	uint32_t out, in; /* places in the pattern */
	uint64_t trips;	  /* before this one */
	uint8_t *buffer;  /* of plan.size bytes, behind room for a message */
};

#define FRONT (PERF_HEAD + PERF_BODY_MAX)

static int end_open(struct end *end, struct perf_stream *stream)
{
	const struct perf_run *run = stream->run;

	*end = (struct end){
		.stream = stream,
		.fd = stream->fd,
		.out = perf_pattern_start(stream->number, run->client),
		.in = perf_pattern_start(stream->number, !run->client),
	};
	end->buffer = malloc(FRONT + run->plan.size);
	if (end->buffer) {
		end->buffer += FRONT;
		return 0;
	}
	perf_run_fail(stream->run, PERF_CAUSE,
		      "there is no memory for connection %u", stream->number);
	return -1;
}

static void end_close(struct end *end)
{
	free(end->buffer - FRONT);
}

static int send_piece(struct end *end)
{
	const struct perf_run *run = end->stream->run;
	int err;

	err = perf_send_all(end->fd, perf_pattern_at(&run->pattern, end->out),
			    run->plan.size);
	if (err)
		perf_stream_broke(end->stream, "sending", -err);
	else
		perf_meter_add(&end->stream->sent, run->plan.size, 0);
	return err;
}

static int check(struct end *end)
{
	struct perf_run *run = end->stream->run;
	size_t right;

	right = perf_pattern_right(&run->pattern, end->in, end->buffer,
				   run->plan.size);
	if (right == run->plan.size)
		return 0;
	perf_run_fail(run, PERF_CAUSE,
		      "connection %u: byte %zu of %s %llu is 0x%02x, not "
		      "0x%02x",
		      end->stream->number, right,
		      run->client ? "response" : "request",
		      (unsigned long long)end->trips, end->buffer[right],
		      perf_pattern_at(&run->pattern, end->in)[right]);
	return -1;
}

/* 1: a piece; 0: the end of file instead; -1: failed. */
static int receive_piece(struct end *end)
{
	const struct perf_plan *plan = &end->stream->run->plan;
	ssize_t got = perf_receive_all(end->fd, end->buffer, plan->size);

	if (got == 0)
		return 0;
	if (got < (ssize_t)plan->size) {
		perf_stream_broke(end->stream, "receiving",
				  got < 0 ? (int)-got : ECONNRESET);
		return -1;
	}
	if (plan->verify && check(end))
		return -1;
	perf_meter_add(&end->stream->received, plan->size, 1);
	return 1;
}

static void next_trip(struct end *end)
{
	const struct perf_plan *plan = &end->stream->run->plan;

	end->trips++;
	end->out = perf_pattern_after(end->out, plan->size);
	end->in = perf_pattern_after(end->in, plan->size);
}

static int receive_response(struct end *end)
{
	int got = receive_piece(end);

	if (got == 0)
		perf_stream_broke(end->stream, "receiving", ECONNRESET);
	return got > 0 ? 0 : -1;
}

static void record(struct end *end, uint64_t *since)
{
	uint64_t now = clock_ns();

	latency_add(end->stream->latency, now - *since);
	*since = now;
}

static bool more_to_do(const struct end *end)
{
	const struct perf_run *run = end->stream->run;

	return !perf_run_stopped(run) &&
	       end->trips < perf_plan_trips(&run->plan, end->stream->number);
}

void perf_rr_ask(struct perf_stream *stream)
{
	struct end end;
	uint64_t since;

	if (end_open(&end, stream))
		return;
	since = clock_ns();
	while (more_to_do(&end) && send_piece(&end) == 0 &&
	       receive_response(&end) == 0) {
		record(&end, &since);
		next_trip(&end);
	}
	shutdown(end.fd, SHUT_WR);
	end_close(&end);
}

void perf_rr_answer(struct perf_stream *stream)
{
	struct end end;

	if (end_open(&end, stream))
		return;
	while (receive_piece(&end) > 0 && send_piece(&end) == 0)
		next_trip(&end);
	end_close(&end);
}

/* Sends the DATA message and the request behind it in one call. */
static int send_first(struct end *end)
{
	const struct perf_run *run = end->stream->run;
	const struct perf_message m = {
		.kind = PERF_DATA,
		.body.data = { run->plan.id, end->trips, end->stream->number },
	};
	uint8_t message[FRONT];
	unsigned length = perf_wire_put(&m, message);
	uint8_t *start = end->buffer - length;
	int err;

	memcpy(start, message, length);
	memcpy(end->buffer, perf_pattern_at(&run->pattern, end->out),
	       run->plan.size);
	err = perf_send_all(end->fd, start, length + run->plan.size);
	if (err)
		perf_stream_broke(end->stream, "sending", -err);
	else
		perf_meter_add(&end->stream->sent, run->plan.size, 0);
	return err;
}

static int crr_trip(struct end *end)
{
	struct perf_stream *stream = end->stream;
	struct perf_why why;
	int failed;

	end->fd = perf_connect(&stream->run->address, &why);
	if (end->fd < 0) {
		perf_run_fail(stream->run, PERF_SYMPTOM, "%s", why.text);
		return -1;
	}
	perf_stream_lend(stream, end->fd);
	failed = send_first(end) || receive_response(end);
	perf_stream_lend(stream, -1);
	fd_close(&end->fd);
	return failed;
}

void perf_crr_ask(struct perf_stream *stream)
{
	struct end end;
	uint64_t since;

	if (end_open(&end, stream))
		return;
	since = clock_ns();
	while (more_to_do(&end) && crr_trip(&end) == 0) {
		record(&end, &since);
		next_trip(&end);
	}
	end_close(&end);
}

void perf_crr_answer(struct perf_run *run, const struct perf_data *data, int fd)
{
	struct end end;
	char more;

	if (data->number >= run->plan.parallel ||
	    end_open(&end, &run->streams[data->number]))
		return;
	end.fd = fd;
	end.trips = data->sequence;
	end.out = perf_pattern_after(end.out, data->sequence % PERF_PERIOD *
						      run->plan.size);
	end.in = perf_pattern_after(end.in, data->sequence % PERF_PERIOD *
						    run->plan.size);
	if (receive_piece(&end) > 0 && send_piece(&end) == 0)
		(void)recv(fd, &more, 1, 0); /* the client closes first */
	end_close(&end);
}
