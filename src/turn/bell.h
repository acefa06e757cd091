/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How other threads get a worker's attention. A worker that is awake looks at
 * its bell by itself, so that to ring it costs no system call. Only a worker
 * that sleeps, or is about to, is woken by one.
 *
 * Ordering: a thread that rings stores RUNG, and then loads ASLEEP. A worker
 * that goes to sleep stores ASLEEP, and then loads RUNG. Each has a fence between
 * the two, and the fences pair with each other, so that at least one of the
 * threads sees what the other has stored.
 */
#ifndef URING_VSOCK_TURN_BELL_H
#define URING_VSOCK_TURN_BELL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/fd.h"

struct bell {
	int fd; /* an eventfd, readable when it rang while the owner slept */
	atomic_bool rung;
	atomic_bool asleep;
};

/* 0 or -errno. */
int bell_open(struct bell *bell);

/* When no thread is left that could ring. */
void bell_close(struct bell *bell);

/* By any thread, after it has stored what the owner is to see. */
static inline void bell_ring(struct bell *bell)
{
	atomic_store_explicit(&bell->rung, true, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&bell->asleep, memory_order_relaxed) &&
	    atomic_exchange(&bell->asleep, false))
		eventfd_signal(bell->fd);
}

/* By the owner: the bell rang since the last bell_answer(). */
static inline bool bell_rung(const struct bell *bell)
{
	return atomic_load_explicit(&bell->rung, memory_order_relaxed);
}

/* By the owner: as bell_rung(). If it rang, all that was stored before can be
 * seen now. */
static inline bool bell_answer(struct bell *bell)
{
	return bell_rung(bell) && atomic_exchange(&bell->rung, false);
}

/* By the owner, which is about to sleep. False: the bell rang, so it must not. */
static inline bool bell_sleep(struct bell *bell)
{
	atomic_store_explicit(&bell->asleep, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return !bell_rung(bell);
}

/* By the owner: it sleeps no more. */
static inline void bell_wake(struct bell *bell)
{
	atomic_store_explicit(&bell->asleep, false, memory_order_relaxed);
}

#endif
