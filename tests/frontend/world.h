/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The event loop in which the guests and host programs of one test live. It has
 * a single thread: nothing moves but inside drive_until() and world_rest().
 */
#ifndef URING_VSOCK_FRONTEND_WORLD_H
#define URING_VSOCK_FRONTEND_WORLD_H

#include <sys/epoll.h>

#include "frontend/basics.h"

/* A descriptor that is watched, level-triggered. */
struct watch {
	int fd;
	uint32_t events; /* EPOLLIN, EPOLLOUT */
	void (*ready)(struct watch *watch, uint32_t events);
};

/* Called before and after each wait. */
struct ticker {
	struct list node;
	void (*tick)(struct ticker *ticker);
};

struct world {
	int epoll;
	struct list tickers;
	unsigned busy; /* users that cannot wait for events: the loop must not block */
	uint64_t until_ms;
	const char *context; /* says which case hangs; may be NULL */
};

void world_init(struct world *w);
void world_free(struct world *w);

void world_watch(struct world *w, struct watch *watch);
/* Changes watch->events; does nothing if they are the same. */
void world_rewatch(struct world *w, struct watch *watch, uint32_t events);
/* Call it before the descriptor is closed. It may be called for a watch that
 * was never added. */
void world_unwatch(struct world *w, struct watch *watch);
void world_add_ticker(struct world *w, struct ticker *ticker);
void world_remove_ticker(struct ticker *ticker);

void world_start(struct world *w);
void world_step(struct world *w, const char *awaited, const char *file,
		int line);

/* Runs the world until CONDITION holds; fails if that hangs. */
#define drive_until(world, condition)                                      \
	do {                                                               \
		world_start(world);                                        \
		while (!(condition))                                       \
			world_step(world, #condition, __FILE__, __LINE__); \
	} while (0)

/* Runs the world for MS milliseconds: for what must not happen, and for nothing
 * else. */
void world_rest(struct world *w, unsigned ms);

#endif
