/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What --help and --version print. */
#ifndef URING_VSOCK_BENCH_PERF_HELP_H
#define URING_VSOCK_BENCH_PERF_HELP_H

#include <stdio.h>

void perf_help(FILE *out);
void perf_version(FILE *out);

#endif
