/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What one worker does over and over: it waits until something is ready, and
 * makes a turn, which moves the packets of the guests on its loop. See
 * docs/architecture.md, "One turn". All functions but service_bell() are for the
 * worker's thread.
 */
#ifndef URING_VSOCK_DAEMON_SERVICE_H
#define URING_VSOCK_DAEMON_SERVICE_H

#include "turn/loop.h"

struct bell;
struct ring;
struct service;

/* What a service is given, once. All but the ring outlives it. */
struct service_setup {
	struct ring *ring;
	unsigned guests;  /* up to so many at once */
	unsigned poll_us; /* it spins for so long before it sleeps */
	/* As in struct loop: */
	struct descriptors *descriptors;
	struct switchboard *board; /* which gets to know the service's bell */
	loop_relocate *relocate;
	struct worker *worker;
	unsigned index;
};

/* The ring becomes the service's, also on failure: NULL after a logged error. */
struct service *service_new(const struct service_setup *setup);

/* After the service's guests were stopped: lets the ring go, and the dead links.
 * The bell may still be rung, as other threads may be about to. */
void service_end(struct service *s);

/* After service_end(), when nothing refers to the loop and no thread is left
 * that could ring the bell. Accepts NULL. */
void service_free(struct service *s);

struct loop *service_loop(struct service *s);

/* Ringing it ends service_wait(). Open until service_free(). */
struct bell *service_bell(struct service *s);

/* Notes what happened; sleeps or spins until there is something to do. */
void service_wait(struct service *s);

/* Makes a turn. */
void service_turn(struct service *s);

#endif
