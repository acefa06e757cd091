/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What an engine implements, and what engine.c does for all of them. For the
 * files of this folder only; ring.h states what each function promises.
 */
#ifndef URING_VSOCK_RING_ENGINE_H
#define URING_VSOCK_RING_ENGINE_H

#include "ring/ring.h"

/* For every send and receive: it never waits and never raises SIGPIPE, and
 * descriptors that come with the bytes close on exec. */
#define RING_MSG_FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC)

struct ring_engine {
	const char *name;
	struct ring *(*open)(const char **why);
	void (*close)(struct ring *ring);
	int (*watch)(struct ring *ring, struct ring_watch *watch);
	void (*watch_writable)(struct ring *ring, struct ring_watch *watch);
	void (*unwatch)(struct ring *ring, struct ring_watch *watch);
	void (*let_go)(struct ring *ring); /* NULL: it never holds a file */
	/* Performs queued[0..nqueued), of which there are at least two. */
	void (*run)(struct ring *ring);
	unsigned (*wait)(struct ring *ring, int timeout_ms);
	bool (*has_events)(struct ring *ring);
};

struct ring {
	const struct ring_engine *engine;
	struct ring_io *queued[RING_BATCH_MAX];
	struct ring_io *several[RING_BATCH_MAX]; /* of several messages */
	unsigned nqueued;
	unsigned nseveral;
};

/* Performs one operation by its plain system call. */
void ring_perform(struct ring_io *io);

extern const struct ring_engine ring_engine_epoll;
#ifdef HAVE_LIBURING
extern const struct ring_engine ring_engine_io_uring;
#endif

#endif
