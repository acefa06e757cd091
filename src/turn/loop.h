/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the parts of a service share: its ring, and the lists and deadlines by
 * which they hand each other work. daemon/service.c owns and drives it.
 */
#ifndef URING_VSOCK_TURN_LOOP_H
#define URING_VSOCK_TURN_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timer.h"
#include "vsock/deadlines.h"
#include "vsock/share.h"

struct bell;
struct descriptors;
struct guest;
struct loop;
struct ring;
struct rights;
struct switchboard;
struct worker;

/* A host program has so long for its CONNECT line, which a person may type. */
#define LOOP_GREETING_MS 60000

/* A host program whose backlog is full is dialed again after LOOP_DIALING_MS.
 * What paused is tried again after LOOP_RESUMING_MS. */
#define LOOP_DIALING_MS 10
#define LOOP_RESUMING_MS 1000

/* The guest should know first that a connection is over. If it has no receive
 * buffer for so long, the other end is told all the same. */
#define LOOP_PARTING_MS 1000

/* How often a stopped ring is looked at: session/departure.h. */
#define LOOP_DEPARTING_MS 300

/*
 * Chores are what a turn does for connections beside moving their bytes: a
 * client is accepted, its line is read, a host socket is dialed or closed. Each
 * takes some 10 us and is counted by the function that does it. When a turn has
 * done LOOP_CHORES, no further guest has a part in it. For one guest it does
 * LOOP_CHORES_OF_A_KIND of each kind at the most. The next turn does the rest.
 */
#define LOOP_CHORES 48u
#define LOOP_CHORES_OF_A_KIND 16u

/* A driver that kicked has put something into its rings after so long. */
#define LOOP_DOUBTING_MS 1000

/*
 * Something that stopped by itself and is to be tried again: accepting on a
 * listening socket for want of descriptors, hearing a front end whose
 * descriptors are not closed yet, starting a VM.
 */
struct loop_pause {
	struct timer timer; /* armed while it lasts */
	void (*over)(struct loop_pause *p);
};

/*
 * What follows is the loop's state, each part with its writers. Others only
 * read it, but the service takes the timers that are due out of their queues,
 * or has their writers do it.
 */

/* Links that ended, by link/. The service sets freed back when it has given
 * their memory back to the kernel. */
struct loop_links {
	struct list dead; /* to be freed when the ring lets go of them */
	unsigned freed;	  /* whose memory may have been kept */
};

/* Connections between guests, by link/ and sibling/. */
struct loop_siblings {
	struct list telling;  /* halves whose other half is yet to be told */
	struct list refusals; /* of connections, to be told */
	struct list asks;     /* for connections, whose ports are free now */
	uint64_t connections; /* that were asked for here */
};

/* Links whose host program's backlog is full, by host/dial.c; link/link.c
 * arms their timers. */
struct loop_dialing {
	struct timer_queue timers;
	uint64_t redial_ms; /* nobody is dialed again before */
};

/* Pauses, by whatever pauses. They end early when a descriptor was freed, which
 * loop_descriptor_freed() says, until the service has seen it. */
struct loop_pauses {
	struct timer_queue timers;
	atomic_bool descriptor_freed;
};

/*
 * Another worker may serve GUEST, which nobody uses yet, and whose hypervisor
 * comes now. True: it will, and takes the connection from the socket's backlog.
 */
typedef bool loop_relocate(struct loop *loop, struct guest *guest);

struct loop {
	/* Set up by service_new(). The ring is NULL after service_end(). */
	struct ring *ring;
	struct rights *rights;		 /* NULL: see rights.h */
	struct descriptors *descriptors; /* NULL: without bounds */
	struct switchboard *board;
	struct bell *bell;
	loop_relocate *relocate; /* NULL: there is no other worker */
	struct worker *worker;
	unsigned index; /* the worker's */

	struct share share; /* by the functions of share.h */
	unsigned chores;    /* of this turn; loop_count_chores() adds to it */
	struct list active; /* guests, by guest_wake() and the service */
	/* No timer is due before this. Arming makes it earlier, and the
	 * service later (base/timer.h). */
	uint64_t soonest_ms;
	struct deadlines deadlines; /* of connections, armed by link/ */
	struct loop_links links;
	struct loop_siblings siblings;
	struct loop_dialing dialing;
	struct timer_queue greeting;  /* of links, by host/listener.c */
	struct timer_queue parting;   /* of links, by link/link.c */
	struct timer_queue departing; /* of guests, by session/departure.c */
	struct timer_queue doubting;  /* of guests, by session/device.c */
	struct loop_pauses pauses;
	atomic_uint hypervisors; /* connected now, by session/frontends.c */
};

/* A loop on RING, with nothing to do; *LOOP is all zero before. */
void loop_init(struct loop *loop, struct ring *ring);

/* N chores were done. */
static inline void loop_count_chores(struct loop *loop, unsigned n)
{
	loop->chores += n;
}

/* A descriptor was given back: pauses end early, after this turn. */
static inline void loop_descriptor_freed(struct loop *loop)
{
	atomic_store_explicit(&loop->pauses.descriptor_freed, true,
			      memory_order_relaxed);
}

/* The same by another thread, for closer_await(): a turn is made for it. */
void loop_descriptors_closed(void *loop);

#endif
