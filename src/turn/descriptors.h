/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How many of the process's descriptors each VM may have. Set aside for good are
 * the ones that are open when the daemon has started, those that the front ends
 * of each VM hold at the worst and send for nothing, and some that each worker
 * needs for a moment. The rest is for connections. One half of it is in equal
 * shares, which each VM may have at any time. Of the other half a VM may take
 * some as long as it has no more of that half than is left. A single VM may have
 * all.
 *
 * So no VM, by its guest, its hypervisor or its host programs, can use up the
 * descriptors that another one's hypervisor or next connection needs.
 *
 * A descriptor for a connection is taken here before it is opened, and given
 * back when it is closed.
 */
#ifndef URING_VSOCK_TURN_DESCRIPTORS_H
#define URING_VSOCK_TURN_DESCRIPTORS_H

#include <stdatomic.h>
#include <stdbool.h>

/* Of the process, for all of its threads. */
struct descriptors {
	unsigned share;	      /* of each VM, at any time */
	unsigned common;      /* beyond their shares, for all together */
	atomic_uint borrowed; /* of the common ones */
	unsigned surplus;     /* descriptors_surplus() */
};

/* A VM needs as many for its connections at the least. */
#define DESCRIPTORS_FEW 16

/*
 * Shares out what RLIMIT_NOFILE leaves: call it after everything was opened that
 * stays open, and before a second thread runs. Each of NVMS VMs is left SESSION
 * descriptors for its front ends. Returns the share of each VM. If that is below
 * DESCRIPTORS_FEW the limit is too low, of which the caller warns.
 */
unsigned descriptors_share_out(struct descriptors *d, unsigned nvms,
			       unsigned nworkers, unsigned session);

/*
 * Takes one more for the VM that has *HELD. False: its share is used up, and it
 * has as many of the common ones as are left. By the VM's thread. If D is NULL
 * there is no bound.
 */
bool descriptors_take(struct descriptors *d, unsigned *held);

/* One of those that were taken was closed. */
void descriptors_give(struct descriptors *d, unsigned *held);

/*
 * Takes N more for a moment, of the VM's share. Those that were not needed go
 * back at once, by descriptors_return(). False: fewer are left of the share.
 */
bool descriptors_lend(const struct descriptors *d, unsigned *held, unsigned n);
void descriptors_return(struct descriptors *d, unsigned *held, unsigned n);

/* As strerror(); for -EMFILE it says what that means for one VM, and the
 * remedy. */
const char *descriptors_error(int err);

/* How many of a VM's descriptors connections that only wait may hold: MOST, or
 * fewer where the VM has few. */
unsigned descriptors_for_waiting(const struct descriptors *d, unsigned most);

/* How many of the descriptors that a VM's front end sends for nothing, beyond
 * those that a message may bring, may wait to be closed. They are part of no
 * share. */
unsigned descriptors_surplus(const struct descriptors *d);

#endif
