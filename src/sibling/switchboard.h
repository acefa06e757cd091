/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which VMs there are, which worker serves each of them now, and the lanes
 * between the workers. Shared by all of them: made before the first thread,
 * and changed by atomic stores only.
 */
#ifndef URING_VSOCK_SIBLING_SWITCHBOARD_H
#define URING_VSOCK_SIBLING_SWITCHBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bell;
struct config;
struct guest;
struct lane;
struct loop;
struct switchboard;
struct vm_config;

struct switch_vm {
	const struct vm_config *config;
	_Atomic(struct loop *) loop; /* that serves the VM, or NULL */
	struct guest *guest;	     /* for that loop's thread only */
};

/* For NWORKERS workers. CONFIG must outlive it. NULL: out of memory. */
struct switchboard *switchboard_new(const struct config *config,
				    unsigned nworkers);

/* Call when no worker runs any more. Accepts NULL. */
void switchboard_free(struct switchboard *board);

/* The VM of that CID, or NULL. */
struct switch_vm *switchboard_find(const struct switchboard *board,
				   uint32_t cid);

/* GUEST's loop serves its VM from now on, or no longer. By its thread. */
void switchboard_enter(struct switchboard *board, struct guest *guest);
void switchboard_leave(struct switchboard *board, struct guest *guest);

/* VM's guest if LOOP, which is the caller's, serves it; else NULL. */
struct guest *switchboard_guest(const struct switch_vm *vm,
				const struct loop *loop);

/* A and B may talk to each other: they have a group in common. */
bool switchboard_together(const struct vm_config *a, const struct vm_config *b);

/*
 * The lane from worker FROM to worker TO, or NULL if there is none. With MAKE,
 * by FROM's thread, it is made if need be; then NULL means that memory is
 * short.
 */
struct lane *switchboard_lane(struct switchboard *board, unsigned from,
			      unsigned to, bool make);

unsigned switchboard_workers(const struct switchboard *board);

/* The bell of worker I: set before the first thread runs. */
void switchboard_set_bell(struct switchboard *board, unsigned i,
			  struct bell *bell);
struct bell *switchboard_bell(const struct switchboard *board, unsigned i);

#endif
