/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Each end reports when its own part is over: the client when its threads are
 * done, the server when it has the client's report and its threads are done,
 * which is when it has received everything. So the client's clock, from START
 * to the server's report, covers the whole way of every byte, whoever sent it.
 *
 * An end that fails reports at once and hangs up the data connections. The
 * other end's threads then fail as well, with a symptom, while the report with
 * the cause is on its way. So an end that has nothing but a symptom waits for
 * it a little.
 */
#include "perf/perf_watch.h"

#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "perf/perf_socket.h"
#include "perf/perf_talk.h"

#define SECOND UINT64_C(1000000000)
#define GRACE \
	(2 * SECOND) /* for the other end's reason, if ours is a symptom */

struct watch {
	struct perf_run *run;
	int control;
	const struct perf_print *print;
	uint64_t started;
	uint64_t printed; /* when the last line was */
	struct perf_sample printed_sample;
	uint64_t told; /* when we sent our report; 0: not yet */
	bool heard;    /* the other end's report is here */
	bool lost;     /* it will never come */
	struct perf_report theirs;
};

static const char *other(const struct perf_run *run)
{
	return run->client ? "server" : "client";
}

static void take_report(struct watch *w, const struct perf_report *report)
{
	w->heard = true;
	w->theirs = *report;
	if (report->verdict != PERF_GOOD)
		perf_run_fail(w->run, report->verdict, "the %s says: %.200s",
			      other(w->run), report->why.text);
}

/* The control connection has something to say. */
static void hear(struct watch *w)
{
	struct perf_message m;
	struct perf_why why;
	int heard = perf_hear(w->control, &m, &why);

	if (heard > 0 && m.kind == PERF_REPORT) {
		take_report(w, &m.body.report);
		return;
	}
	w->lost = true;
	if (heard > 0)
		perf_run_fail(w->run, PERF_CAUSE,
			      "the %s sent message %u instead of a report",
			      other(w->run), (unsigned)m.kind);
	else
		perf_run_fail(w->run, PERF_SYMPTOM, "the %s is gone%s%s",
			      other(w->run), heard < 0 ? ": " : "",
			      heard < 0 ? why.text : "");
}

/* Whether our report is due: when a client's threads are done, when a server
 * has the client's report as well, and at once if something failed. */
static bool may_tell(struct watch *w)
{
	if (w->told)
		return false;
	if (perf_run_verdict(w->run, NULL) != PERF_GOOD)
		return true;
	return (w->run->client || w->heard) && perf_run_idle(w->run);
}

static void tell(struct watch *w, uint64_t now)
{
	const struct perf_sample sample = perf_run_sample(w->run);
	struct perf_message m = {
		.kind = PERF_REPORT,
		.body.report = { .sent = sample.sent,
				 .received = sample.received },
	};

	m.body.report.verdict = perf_run_verdict(w->run, &m.body.report.why);
	w->told = now;
	if (perf_say(w->control, &m))
		w->lost = true;
}

static bool finished(struct watch *w, uint64_t now)
{
	enum perf_verdict verdict = perf_run_verdict(w->run, NULL);

	if (!w->told)
		return false;
	if (w->heard || w->lost)
		return true;
	if (verdict != PERF_GOOD)
		return now - w->told > GRACE;
	if (now - w->told > PERF_PATIENCE_S * SECOND) {
		perf_run_fail(w->run, PERF_SYMPTOM,
			      "the %s sent no report for %d s", other(w->run),
			      PERF_PATIENCE_S);
		return true;
	}
	return false;
}

static void print_line(struct watch *w, uint64_t now)
{
	const struct perf_sample sample = perf_run_sample(w->run);
	const struct perf_sample moved = {
		.sent = sample.sent - w->printed_sample.sent,
		.received = sample.received - w->printed_sample.received,
		.trips = sample.trips - w->printed_sample.trips,
	};

	perf_print_interval(w->print, &w->run->plan, w->printed - w->started,
			    now - w->started, &moved);
	w->printed = now;
	w->printed_sample = sample;
}

/* Does what is due by the clock; returns when the next thing is due. */
static uint64_t keep_time(struct watch *w, uint64_t now)
{
	const struct perf_plan *plan = &w->run->plan;
	uint64_t end = w->started + plan->time_ms * UINT64_C(1000000);

	if (w->told)
		return now + SECOND;
	if (now - w->printed >= SECOND)
		print_line(w, now);
	if (!plan->time_ms || perf_run_stopped(w->run))
		return w->printed + SECOND;
	if (now >= end)
		perf_run_stop(w->run);
	return end < w->printed + SECOND ? end : w->printed + SECOND;
}

/* Waits until DUE at most. Returns whether the control connection is ready. */
static bool wait_until(struct perf_run *run, int control, uint64_t due)
{
	struct pollfd fds[] = {
		{ .fd = run->wake, .events = POLLIN },
		{ .fd = control, .events = POLLIN },
	};
	uint64_t now = clock_ns();
	uint64_t count;
	int ms = due > now ? (int)((due - now) / 1000000 + 1) : 0;

	if (poll(fds, 2, ms) <= 0)
		return false;
	if (fds[0].revents && read(run->wake, &count, sizeof(count)) < 0)
		return false;
	return fds[1].revents;
}

static void compare(struct watch *w)
{
	const struct perf_sample ours = perf_run_sample(w->run);
	const struct perf_report *theirs = &w->theirs;

	if (ours.sent != theirs->received)
		perf_run_fail(w->run, PERF_CAUSE,
			      "of %" PRIu64 " bytes sent the %s received "
			      "%" PRIu64,
			      ours.sent, other(w->run), theirs->received);
	else if (ours.received != theirs->sent)
		perf_run_fail(w->run, PERF_CAUSE,
			      "of %" PRIu64 " bytes that the %s sent %" PRIu64
			      " were received",
			      theirs->sent, other(w->run), ours.received);
}

void perf_watch(struct perf_run *run, int control,
		const struct perf_print *print, uint64_t *ns)
{
	uint64_t now = clock_ns();
	struct watch w = {
		.run = run,
		.control = control,
		.print = print,
		.started = now,
		.printed = now,
	};
	uint64_t due;

	if (run->client && perf_say_kind(control, PERF_START))
		perf_run_fail(run, PERF_SYMPTOM, "the server is gone");
	perf_run_go(run);
	for (; !finished(&w, now); now = clock_ns()) {
		if (may_tell(&w)) {
			tell(&w, now);
			continue;
		}
		due = keep_time(&w, now);
		if (wait_until(run, w.heard ? -1 : control, due))
			hear(&w);
	}
	if (perf_run_verdict(run, NULL) == PERF_GOOD)
		compare(&w);
	while (!perf_run_idle(run))
		wait_until(run, -1, clock_ns() + SECOND);
	*ns = now - w.started;
}

int perf_watch_gather(struct perf_run *run, int control)
{
	uint64_t deadline = clock_ns() + PERF_PATIENCE_S * SECOND;

	while (!perf_run_complete(run)) {
		if (wait_until(run, control, deadline))
			perf_run_fail(run, PERF_SYMPTOM,
				      "the client gave up before all its "
				      "connections were there");
		else if (clock_ns() > deadline)
			perf_run_fail(run, PERF_SYMPTOM,
				      "the client's connections are not all "
				      "there after %d s",
				      PERF_PATIENCE_S);
		if (perf_run_verdict(run, NULL) != PERF_GOOD)
			return -1;
	}
	return 0;
}
