/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Where to listen and what to connect to:
 *
 *   CID:PORT         AF_VSOCK; CID is a number, or any, local (1) or host (2)
 *   unix:PATH:PORT   the guest's port behind the daemon's uds-path: connects
 *                    to PATH and says CONNECT, or listens on PATH_PORT
 *   unix:PATH        a Unix socket, without a daemon
 */
#ifndef URING_VSOCK_BENCH_PERF_ADDRESS_H
#define URING_VSOCK_BENCH_PERF_ADDRESS_H

#include <stdint.h>

#include "perf/perf_text.h"

#define PERF_PATH 108 /* of sockaddr_un, with the final zero */

enum perf_family {
	PERF_FAMILY_VSOCK,
	PERF_FAMILY_HYBRID,
	PERF_FAMILY_UNIX,
};

struct perf_address {
	enum perf_family family;
	uint32_t cid;	      /* VSOCK */
	uint32_t port;	      /* VSOCK, HYBRID */
	char path[PERF_PATH]; /* HYBRID, UNIX */
	const char *text;     /* as it was given, and valid as long as that */
};

/* 0, or -1 and the reason. */
int perf_address_parse(const char *text, struct perf_address *out,
		       struct perf_why *why);

/* The Unix socket to listen on: PATH or PATH_PORT. 0, or -1 if too long. */
int perf_address_listen_path(const struct perf_address *address,
			     char out[PERF_PATH], struct perf_why *why);

#endif
