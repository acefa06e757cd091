/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The modes stream and bidirectional: a thread for each direction of each
 * connection, which sends as much as it can or receives until the end of
 * file. They return when that is done, or with the run failed.
 */
#ifndef URING_VSOCK_BENCH_PERF_FLOW_H
#define URING_VSOCK_BENCH_PERF_FLOW_H

struct perf_stream;

void perf_flow_send(struct perf_stream *stream);
void perf_flow_receive(struct perf_stream *stream);

#endif
