/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How one worker gets another one's attention. A worker that is awake looks
 * for news by itself, so that a ring of its bell costs nothing; only one that
 * sleeps, or is about to, is woken by a system call.
 *
 * Ordering: who rings stores RUNG, then loads ASLEEP; who goes to sleep
 * stores ASLEEP, then loads RUNG. Both are store-then-load, and the two
 * fences are each other's partner.
 */
#ifndef URING_VSOCK_TURN_BELL_H
#define URING_VSOCK_TURN_BELL_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "base/fd.h"

struct bell {
	int fd; /* an eventfd; readable: somebody rang */
	atomic_bool rung;
	atomic_bool asleep;
};

/* 0 or -errno. */
static inline int bell_open(struct bell *bell)
{
	atomic_init(&bell->rung, false);
	atomic_init(&bell->asleep, false);
	bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return bell->fd < 0 ? -errno : 0;
}

/* When nobody is left who could ring, whether it is answered or not. */
static inline void bell_close(struct bell *bell)
{
	fd_close(&bell->fd);
}

/* By anybody, after the news was stored. */
static inline void bell_ring(struct bell *bell)
{
	atomic_store_explicit(&bell->rung, true, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&bell->asleep, memory_order_relaxed) &&
	    atomic_exchange(&bell->asleep, false))
		eventfd_signal(bell->fd);
}

/* By the owner: it rang since the last bell_answer(). */
static inline bool bell_rung(const struct bell *bell)
{
	return atomic_load_explicit(&bell->rung, memory_order_relaxed);
}

/* By the owner: as bell_rung(), and then all that was stored can be seen. */
static inline bool bell_answer(struct bell *bell)
{
	return bell_rung(bell) && atomic_exchange(&bell->rung, false);
}

/* By the owner: it is about to sleep. False: it rang, so better not. */
static inline bool bell_sleep(struct bell *bell)
{
	atomic_store_explicit(&bell->asleep, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	return !bell_rung(bell);
}

static inline void bell_wake(struct bell *bell)
{
	atomic_store_explicit(&bell->asleep, false, memory_order_relaxed);
}

#endif
