/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * All that takes time is done before START: the threads run and wait, the
 * connections are made, and the server says that it has them all. So the
 * measurement begins with bytes, except in mode crr, which measures connecting.
 */
#include "perf/perf_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/fd.h"
#include "perf/perf_flow.h"
#include "perf/perf_options.h"
#include "perf/perf_socket.h"
#include "perf/perf_talk.h"
#include "perf/perf_trips.h"
#include "perf/perf_watch.h"

/* The control connection once the server has accepted the plan, or -1. */
static int propose(const struct perf_options *options,
		   const struct perf_plan *plan, struct perf_why *why)
{
	const struct perf_message m = { .kind = PERF_TEST, .body.plan = *plan };
	int control = perf_connect(&options->address, why);
	struct perf_why cause;
	int err;

	if (control < 0)
		return -1;
	err = perf_say(control, &m);
	if (err)
		perf_because(why, "%s: %s", options->address.text,
			     strerror(-err));
	else if (perf_hear_kind(control, PERF_ACCEPTED, &cause))
		perf_because(why, "%s: %.150s", options->address.text,
			     cause.text);
	else
		return control;
	fd_close(&control);
	return -1;
}

/* One data connection. */
static int open_stream(struct perf_run *run, unsigned number,
		       struct perf_why *why)
{
	const struct perf_message m = {
		.kind = PERF_DATA,
		.body.data = { .id = run->plan.id, .number = number },
	};
	int fd = perf_connect(&run->address, why);
	int err;

	if (fd < 0)
		return -1;
	perf_run_attach(run, number, fd);
	err = perf_say(fd, &m);
	if (err)
		return perf_because(why, "%s: connection %u: %s",
				    run->address.text, number, strerror(-err));
	return 0;
}

/* Connects all streams and waits until the server has them. */
static int gather(struct perf_run *run, int control, struct perf_why *why)
{
	struct perf_why cause;
	unsigned i;

	for (i = 0; run->plan.mode != PERF_CRR && i < run->plan.parallel; i++)
		if (open_stream(run, i, why))
			return -1;
	if (perf_hear_kind(control, PERF_READY, &cause))
		return perf_because(why, "%s: %.150s", run->address.text,
				    cause.text);
	return 0;
}

static void start(struct perf_stream *stream)
{
	const struct perf_plan *plan = &stream->run->plan;

	if (plan->mode == PERF_RR)
		perf_run_start(stream, perf_rr_ask);
	else if (plan->mode == PERF_CRR)
		perf_run_start(stream, perf_crr_ask);
	if (perf_plan_sends(plan, true))
		perf_run_start(stream, perf_flow_send);
	if (perf_plan_receives(plan, true))
		perf_run_start(stream, perf_flow_receive);
}

static int measure(struct perf_run *run, int control, bool json,
		   struct perf_why *why)
{
	const struct perf_print print = { .json = json };
	uint64_t ns;
	unsigned i;

	for (i = 0; i < run->plan.parallel; i++)
		start(&run->streams[i]);
	if (gather(run, control, why)) {
		perf_run_fail(run, PERF_SYMPTOM, "%s", why->text);
		while (!perf_run_idle(run))
			sched_yield();
		return -1;
	}
	perf_print_start(&print, &run->plan, run->address.text);
	perf_watch(run, control, &print, &ns);
	if (perf_run_verdict(run, why) != PERF_GOOD)
		return -1;
	perf_print_summary(&print, run, ns);
	return 0;
}

int perf_client(const struct perf_options *options)
{
	struct perf_plan plan = options->plan;
	struct perf_why why;
	struct perf_run *run = NULL;
	int status = -1;
	int control;

	if (getrandom(&plan.id, sizeof(plan.id), 0) != sizeof(plan.id))
		plan.id = clock_ns();
	control = propose(options, &plan, &why);
	if (control >= 0) {
		run = perf_run_new(&plan, true);
		if (!run)
			perf_because(&why, "there is not enough memory: give "
					   "a lower --parallel or --size");
	}
	if (run) {
		run->address = options->address;
		status = measure(run, control, options->json, &why);
		perf_run_free(run);
	}
	fd_close(&control);
	if (status)
		fprintf(stderr, "uring-vsock-perf: %s\n", why.text);
	return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
