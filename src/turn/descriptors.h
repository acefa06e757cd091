/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Who may have how many of the process's descriptors. Set aside for good are
 * those that are open when the daemon has started, what the front ends of each
 * VM hold at the worst and send for nothing, and what each worker needs for a
 * moment. The rest is for connections: one half in equal shares, which each VM
 * may have at any time; of the other half a VM may take as long as it has no
 * more of it than is left. A single VM may have all.
 *
 * So no VM, by its guest, its hypervisor or its host programs, uses up what
 * another one's hypervisor or next connection needs.
 *
 * Whoever opens a descriptor for a connection takes it here first, and gives
 * it back when it is closed.
 */
#ifndef URING_VSOCK_TURN_DESCRIPTORS_H
#define URING_VSOCK_TURN_DESCRIPTORS_H

#include <stdatomic.h>
#include <stdbool.h>

/* Of the process, for all of its threads. */
struct descriptors {
	unsigned share;	      /* of each VM, at any time */
	unsigned common;      /* what they may take beyond, all together */
	atomic_uint borrowed; /* of these */
	unsigned surplus;     /* descriptors_surplus() */
};

/* What the VMs of a daemon have for connections at the least, each. */
#define DESCRIPTORS_FEW 16

/*
 * Shares out what RLIMIT_NOFILE leaves: after all that is opened for good,
 * before a second thread runs. Each of NVMS VMs is left SESSION for its front
 * ends. The share of each VM: below DESCRIPTORS_FEW the limit is too low, which
 * is the caller's to say.
 */
unsigned descriptors_share_out(struct descriptors *d, unsigned nvms,
			       unsigned nworkers, unsigned session);

/*
 * One more for the VM that has *HELD. False: its share is used up, and of what
 * is common it has as much as is left. By the VM's thread. D may be NULL, which
 * bounds nothing.
 */
bool descriptors_take(struct descriptors *d, unsigned *held);

/* One that was taken is closed. */
void descriptors_give(struct descriptors *d, unsigned *held);

/*
 * N more for a moment, of what the VM may have at any time; those of which
 * nothing came go back at once. False: so many are not left.
 */
bool descriptors_lend(const struct descriptors *d, unsigned *held, unsigned n);
void descriptors_return(struct descriptors *d, unsigned *held, unsigned n);

/* strerror(), which also knows what -EMFILE means for one VM, and the remedy. */
const char *descriptors_error(int err);

/* How many of a VM's may be held for those who only wait: MOST, or fewer where
 * there are few altogether. */
unsigned descriptors_for_waiting(const struct descriptors *d, unsigned most);

/* How many of a VM's may be on their way to be closed: what its front end sends
 * beyond what a message may bring. They are part of no share. */
unsigned descriptors_surplus(const struct descriptors *d);

#endif
