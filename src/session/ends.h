/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The ends of rings and of guests' connections, which the vhost-user session and
 * the service ask for, each for reasons of its own.
 */
#ifndef URING_VSOCK_SESSION_ENDS_H
#define URING_VSOCK_SESSION_ENDS_H

#include "turn/step.h"

struct guest;

/*
 * Call before a queue stops or its memory map changes, and between turns.
 * Publishes what was given back, so that nothing of ours refers to the rings.
 */
void ends_settle(struct guest *guest);

/*
 * The guest is gone or new: its connections end without a word to it, and host
 * programs see EOF after what the guest had sent them. That begins here and is
 * done by ends_end_some(). Until then guest->ending.session is set, and the
 * guest is not running (guest_running()).
 */
void ends_end_connections(struct guest *guest);

/* Ends some of those connections. Call in each turn of the guest; STEP_MORE:
 * others are left. */
enum step ends_end_some(struct guest *guest);

/* The daemon ends, or its VM leaves: every socket is closed at once. */
void ends_kill_connections(struct guest *guest);

/*
 * Looks for queues that the guest broke. For each, once, the front end is told
 * by the error eventfd, and a line is logged; then the guest's connections end.
 * A queue stays broken until it is set up anew.
 */
void ends_check_queues(struct guest *guest);

#endif
