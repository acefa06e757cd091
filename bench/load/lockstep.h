/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The load in lockstep with the daemon, so that what the daemon does depends on
 * no clock and can be counted. While guest and host programs act, the daemon is
 * stopped; then it runs until it sleeps. Each round moves the same batch of
 * messages on each connection, and ends when all of it has arrived.
 */
#ifndef URING_VSOCK_BENCH_LOCKSTEP_H
#define URING_VSOCK_BENCH_LOCKSTEP_H

#include <sys/types.h>

#include "load_guest.h"

/*
 * Runs PLAN's rounds against the daemon PID, whose VM has the CID and the two
 * PATHS; siblings are two VMs. Prints what was moved as a line of JSON. Ends
 * the process if the daemon does not do its part.
 */
void lockstep_run(const struct plan *plan, char **paths, unsigned cid,
		  pid_t pid);

#endif
