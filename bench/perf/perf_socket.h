/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Blocking sockets, with a limit on how long they block: a call that moves no
 * byte for PERF_PATIENCE_S fails with EAGAIN.
 */
#ifndef URING_VSOCK_BENCH_PERF_SOCKET_H
#define URING_VSOCK_BENCH_PERF_SOCKET_H

#include <sys/types.h>

#include "perf/perf_address.h"

#define PERF_PATIENCE_S 30

/* A connected socket that the caller owns, or -1 and the reason. */
int perf_connect(const struct perf_address *address, struct perf_why *why);

/* A listening socket that the caller owns, or -1 and the reason. A Unix socket
 * that nobody listens on any more is replaced. */
int perf_listen(const struct perf_address *address, struct perf_why *why);
/* Removes the Unix socket that perf_listen() has made, if there is one. */
void perf_unlisten(const struct perf_address *address);

/* For accepted sockets; connected ones have it already. */
void perf_set_patience(int fd);

/* All N bytes. 0 or -errno. */
int perf_send_all(int fd, const void *bytes, size_t n);
/* N bytes, fewer at the end of file only; or -errno. */
ssize_t perf_receive_all(int fd, void *bytes, size_t n);

#endif
