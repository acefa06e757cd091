/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Sending without a copy (MSG_ZEROCOPY; AF_VSOCK has it since Linux 6.7). What
 * we send never changes, so nothing waits for completions; they are read only
 * because the kernel has room for a limited number.
 */
#ifndef URING_VSOCK_BENCH_PERF_ZEROCOPY_H
#define URING_VSOCK_BENCH_PERF_ZEROCOPY_H

#include <stdint.h>

struct perf_zerocopy {
	uint64_t uncopied;
	uint64_t copied; /* by the kernel, after all */
};

/* 0 or -errno. */
int perf_zerocopy_enable(int fd);
/* Reads the completions that are there. */
void perf_zerocopy_reap(int fd, struct perf_zerocopy *count);
/* After ENOBUFS: waits until there are completions. 0 or -EAGAIN. */
int perf_zerocopy_wait(int fd, struct perf_zerocopy *count);

#endif
