/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The one lock over everything that changes.  While it is held the thread's
 * signals wait, so that a handler may call the interposed functions, and so
 * does its cancellation; nobody holds it across anything that blocks.  After
 * fork() it is free, and the child's copy of the state is the child's.
 */
#ifndef URING_VSOCK_PRELOAD_STATE_H
#define URING_VSOCK_PRELOAD_STATE_H

#include <signal.h>
#include <stdbool.h>

struct state_guard {
	sigset_t signals;
	int cancel;
};

void state_lock(struct state_guard *saved);
void state_unlock(const struct state_guard *saved);

/*
 * Whether this process owns the state.  A vfork() child does not: it sees its
 * parent's memory, but its descriptors are its own.
 */
bool state_is_ours(void);

/* Once, before there are threads. AFTER_FORK is called in each child, with the
 * lock. */
void state_init(void (*after_fork)(void));

#endif
