/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The turn of one worker, over and over: it waits until something is ready,
 * and moves the packets of the guests on its loop. See docs/architecture.md,
 * "One turn". All functions but service_bell() are for the worker's thread.
 */
#ifndef URING_VSOCK_DAEMON_SERVICE_H
#define URING_VSOCK_DAEMON_SERVICE_H

struct bell;
struct loop;
struct ring;
struct service;

/*
 * For up to NVMS guests, spinning for up to POLL_US before it sleeps. RING
 * becomes the service's, also on failure: NULL after a logged error.
 */
struct service *service_new(struct ring *ring, unsigned nvms, unsigned poll_us);

/* Its guests have been stopped: lets the ring go, and the dead links. Its bell
 * may still be rung, as other workers may be about to. */
void service_end(struct service *s);

/* After service_end(), when nothing refers to the loop and no thread is left
 * that could ring the bell. Accepts NULL. */
void service_free(struct service *s);

struct loop *service_loop(struct service *s);

/* Ringing it ends service_wait(). Open until service_free(). */
struct bell *service_bell(struct service *s);

/* Sees what happened, sleeping or spinning until there is something to do. */
void service_wait(struct service *s);

/* Does it. */
void service_turn(struct service *s);

#endif
