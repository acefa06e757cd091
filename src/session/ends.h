/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What ends: a ring, a guest. For the vhost-user session and for the service,
 * both of which end them for reasons of their own.
 */
#ifndef URING_VSOCK_SESSION_ENDS_H
#define URING_VSOCK_SESSION_ENDS_H

#include "turn/step.h"

struct guest;

/*
 * Before a queue stops or its memory map changes: publishes what was given
 * back, so that nothing of ours refers to the rings. Between turns.
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

/* The daemon ends: every socket is closed at once. */
void ends_kill_connections(struct guest *guest);

/*
 * A queue broke, by the guest's fault: the front end is told by its error
 * eventfd, one line is logged, the connections end. Once for each queue that
 * breaks; it stays broken until it is set up anew.
 */
void ends_check_queues(struct guest *guest);

#endif
