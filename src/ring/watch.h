/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What an object that is watched by a ring embeds. See ring.h for its use;
 * the fields are the engine's own, but for reading fd.
 */
#ifndef URING_VSOCK_RING_WATCH_H
#define URING_VSOCK_RING_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct ring_watch;

/* A report of poll(2) bits. */
typedef void ring_done(struct ring_watch *watch, int bits);

struct ring_watch {
	ring_done *done;    /* NULL: not started, nothing is reported */
	int fd;		    /* -1: none */
	int slot;	    /* io_uring: registered file, or -1 */
	uint16_t uses;	    /* io_uring: operations so far, saturating */
	uint16_t in_flight; /* io_uring: requests that will still complete */
	bool level;	    /* ring_watch_level() */
	bool readable_armed;
	bool writable_armed;
};

/* Before anything else is done with a watch. */
static inline void ring_watch_init(struct ring_watch *watch)
{
	*watch = (struct ring_watch){ .fd = -1, .slot = -1 };
}

static inline bool ring_watch_started(const struct ring_watch *watch)
{
	return watch->done;
}

/* The engine still refers to the watch: its memory must stay. */
static inline bool ring_watch_busy(const struct ring_watch *watch)
{
	return watch->in_flight;
}

#endif
