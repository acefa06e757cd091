/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A thread that owns one ring and some VMs. No other thread touches these VMs, so
 * that there are no locks on the data path. See docs/architecture.md, "One turn".
 *
 * When a VM's hypervisor comes, and nothing of the VM is in use yet, it may be
 * handed to another worker: the one that served it takes its guest apart, and
 * the other makes a new one from the VM's listening sockets.
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
	struct descriptors *descriptors; /* shared out before a worker runs */
};

/* A worker that runs nowhere yet. TEAM outlives it. NULL: out of memory. */
struct worker *worker_new(const struct worker_team *team, unsigned index);

/* After worker_close(), or without worker_open(). Accepts NULL. */
void worker_free(struct worker *w);

/* W is to serve VM. Call before worker_open(). */
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

/*
 * W reads signals for its team: on SIGTERM, SIGINT or SIGHUP all workers stop, on
 * SIGUSR1 they report on their VMs. Only signals that are blocked in all threads
 * count. 0, or -errno after a logged error.
 */
int worker_watch_signals(struct worker *w);

#endif
