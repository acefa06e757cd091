/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The course of a test, the same at both ends: prints a line each second, ends
 * it in time, notices when the other end fails or is gone, and exchanges and
 * compares the reports when all is done.
 */
#ifndef URING_VSOCK_BENCH_PERF_WATCH_H
#define URING_VSOCK_BENCH_PERF_WATCH_H

#include "perf/perf_print.h"
#include "perf/perf_run.h"

/*
 * The server before READY: waits until all connections are there. 0, or -1
 * with the run failed.
 */
int perf_watch_gather(struct perf_run *run, int control);

/*
 * A client sends START here; a server has received it before. Starts the run's
 * threads by perf_run_go(), and returns when none of them works any more, nor
 * will. The run's verdict says how it went; *NS is how long it took, from START
 * to the last report.
 */
void perf_watch(struct perf_run *run, int control,
		const struct perf_print *print, uint64_t *ns);

#endif
