/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Threads that nobody joins, with stacks small enough for thousands. */
#ifndef URING_VSOCK_BENCH_PERF_THREAD_H
#define URING_VSOCK_BENCH_PERF_THREAD_H

/* 0 or an error number. */
int perf_thread_start(void *(*work)(void *), void *argument);

#endif
