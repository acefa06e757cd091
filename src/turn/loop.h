/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the parts of a service share: its ring, and the lists and deadlines by
 * which they hand each other work. Owned and driven by service.c.
 */
#ifndef URING_VSOCK_TURN_LOOP_H
#define URING_VSOCK_TURN_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timer.h"
#include "turn/pace.h"
#include "vsock/deadlines.h"

struct descriptors;
struct guest;
struct ring;
struct rights;
struct switchboard;
struct worker;

/* A host program may type its CONNECT line by hand. */
#define LOOP_GREETING_MS 60000

/* A full backlog is dialed again, and a lack of descriptors looked at again,
 * after so long. */
#define LOOP_DIALING_MS 10
#define LOOP_RESUMING_MS 1000

/* A front end whose VM has too many descriptors to close is heard again after
 * so long: most are closed in an instant. */
#define LOOP_CHOKING_MS 10

/* The other end of a connection hears of its end after so long even if the
 * guest, which should know first, has no receive buffer for the packet. */
#define LOOP_PARTING_MS 1000

/* How often a stopped ring is looked at: departure.h. */
#define LOOP_DEPARTING_MS 300

/*
 * Chores are what a turn does for connections beside moving their bytes, at
 * some 10 us each: a client that is accepted, its line, a host socket that is
 * dialed or closed. Whoever does one counts it. When a turn has done
 * LOOP_CHORES, no further guest has a part in it. For one guest it does no more
 * than LOOP_CHORES_OF_A_KIND of each kind. What is left is the next turn's.
 */
#define LOOP_CHORES 48u
#define LOOP_CHORES_OF_A_KIND 16u

/* A driver that kicks has put something into its rings by then. */
#define LOOP_DOUBTING_MS 1000

/* Accepting on a listening socket that paused for want of descriptors, or
 * hearing a front end whose descriptors are not closed yet. */
struct accept_pause {
	struct timer timer; /* armed while it lasts */
	void (*over)(struct accept_pause *p);
};

struct loop {
	struct ring *ring;
	struct pace pace;
	unsigned chores;      /* done in this turn */
	struct list active;   /* guests with work in the coming turn */
	struct list dead;     /* links to free when the ring lets go of them */
	struct list telling;  /* halves whose other half is yet to be told */
	struct list refusals; /* of connections between guests, to be told */
	struct list asks;     /* for such, whose ports are free now */
	struct deadlines deadlines;	 /* of connections */
	struct timer_queue greeting;	 /* of links */
	struct timer_queue dialing;	 /* of links */
	struct timer_queue parting;	 /* of links */
	struct timer_queue departing;	 /* of guests */
	uint64_t redial_ms;		 /* nobody is dialed again before */
	struct descriptors *descriptors; /* NULL: without bounds */
	struct rights *rights;		 /* NULL: see rights.h */
	struct timer_queue resuming;	 /* of pauses */
	struct timer_queue choking;	 /* of short ones */
	struct timer_queue doubting;	 /* of guests, see device.h */
	bool descriptor_freed;		 /* listeners may accept again */

	/* Another worker may serve a guest that nobody uses yet, and whose
	 * hypervisor comes now. True: it will, and takes the connection from
	 * the socket's backlog. NULL: there is no other worker. */
	bool (*relocate)(struct loop *loop, struct guest *guest);
	struct worker *worker;
	unsigned index;	      /* the worker's */
	uint64_t connections; /* between guests, that were asked for here */
	unsigned freed;	      /* links, whose memory may be kept */
	struct switchboard *board;
	atomic_uint hypervisors; /* that are connected to its guests */
};

/* All that is not zero. */
static inline void loop_init(struct loop *loop, struct ring *ring)
{
	loop->ring = ring;
	list_init(&loop->active);
	list_init(&loop->dead);
	list_init(&loop->telling);
	list_init(&loop->refusals);
	list_init(&loop->asks);
	deadlines_init(&loop->deadlines);
	timer_queue_init(&loop->greeting, LOOP_GREETING_MS);
	timer_queue_init(&loop->dialing, LOOP_DIALING_MS);
	timer_queue_init(&loop->parting, LOOP_PARTING_MS);
	timer_queue_init(&loop->departing, LOOP_DEPARTING_MS);
	timer_queue_init(&loop->resuming, LOOP_RESUMING_MS);
	timer_queue_init(&loop->choking, LOOP_CHOKING_MS);
	timer_queue_init(&loop->doubting, LOOP_DOUBTING_MS);
}

#endif
