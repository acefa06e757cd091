/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The daemon: the VMs' sockets, and the workers that serve them. The first
 * worker runs on the caller's thread, the others on threads of their own.
 */
#ifndef URING_VSOCK_DAEMON_DAEMON_H
#define URING_VSOCK_DAEMON_DAEMON_H

struct config;
struct daemon;

/*
 * Makes the sockets and the workers of CONFIG, which must outlive the daemon.
 * SIGTERM, SIGINT, SIGHUP and SIGUSR1 must be blocked. NULL after an error that
 * has been logged; nothing is left behind.
 */
struct daemon *daemon_new(const struct config *config);

/* Serves until SIGTERM, SIGINT or SIGHUP. */
void daemon_run(struct daemon *d);

/* Closes and frees everything; host programs see EOF. Accepts NULL. */
void daemon_free(struct daemon *d);

#endif
