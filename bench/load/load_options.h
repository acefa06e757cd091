/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* bench-load's command line. */
#ifndef URING_VSOCK_BENCH_OPTIONS_H
#define URING_VSOCK_BENCH_OPTIONS_H

#include <sys/types.h>

#include "load_guest.h"

struct options {
	struct plan plan;
	double secs;
	double patience; /* seconds without progress until it is called a stall */
	pid_t pid;	 /* of the daemon; 0: there is none */
	unsigned cid;	 /* of the first VM */
	char **paths;	 /* two for each VM; NULL: socket pairs */
};

/* Fills O or ends the process with a usage text. */
void options_parse(struct options *o, int argc, char **argv);

#endif
