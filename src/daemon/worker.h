/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A thread that owns one ring and serves some VMs whole: nobody else touches
 * them, so there are no locks on their data's way. See docs/architecture.md,
 * "One turn".
 *
 * A VM whose hypervisor comes may be handed to another worker, while nothing
 * of it is in use yet: the one that serves it takes it apart, and the other
 * makes it anew from its listening sockets.
 *
 * worker_open(), _run() and _close() are for the worker's own thread.
 */
#ifndef URING_VSOCK_DAEMON_WORKER_H
#define URING_VSOCK_DAEMON_WORKER_H

#include <stdbool.h>

struct config;
struct descriptors;
struct switchboard;
struct vm;
struct worker;

/* What the workers of one daemon have in common. */
struct worker_team {
	const struct config *config;
	struct vm *vms; /* as many as config->vms, in its order */
	struct worker *const *workers;
	unsigned nworkers;
	struct switchboard *board;
	struct descriptors *descriptors; /* shared out before any runs */
};

/* A worker that runs nowhere yet. TEAM outlives it. NULL: out of memory. */
struct worker *worker_new(const struct worker_team *team, unsigned index);

/* After worker_close(), or without worker_open(). Accepts NULL. */
void worker_free(struct worker *w);

/* VM is its to serve: before worker_open(). */
void worker_adopt(struct worker *w, struct vm *vm);

/*
 * Makes the ring, and starts the VMs. On failure -errno after an error that
 * has been logged, and the same clean-up is due as after success.
 */
int worker_open(struct worker *w);

/* Serves until worker_stop(). */
void worker_run(struct worker *w);

/* Ends all sessions and connections; host programs see EOF. */
void worker_close(struct worker *w);

/* By any thread, also from a signal's watch: worker_run() is to return. */
void worker_stop(struct worker *w);

/* "io_uring" or "epoll": after worker_open(). */
const char *worker_engine(const struct worker *w);

/* All of the team stop when SIGTERM, SIGINT or SIGHUP come, and report on their
 * VMs on SIGUSR1: those of them that the caller has blocked, in all threads. 0,
 * or -errno after a logged error. */
int worker_watch_signals(struct worker *w);

#endif
