/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Messages over a connected socket.
 */
#ifndef URING_VSOCK_BENCH_PERF_TALK_H
#define URING_VSOCK_BENCH_PERF_TALK_H

#include "perf/perf_wire.h"

/* 0 or -errno. */
int perf_say(int fd, const struct perf_message *m);
int perf_say_kind(int fd, enum perf_kind kind);

/* 1 and a message; 0 at the end of file before one; -1 and the reason. */
int perf_hear(int fd, struct perf_message *out, struct perf_why *why);

/* Hears a message that must be of that kind. 0, or -1 and the reason; that is
 * the other end's own if it refuses. */
int perf_hear_kind(int fd, enum perf_kind kind, struct perf_why *why);

#endif
