/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The connections on a VM's vhost-user socket, one of which is the front end. A
 * connection becomes the front end, guest->session.frontend, with its first
 * valid request, if there is no other. Until then it waits and changes nothing,
 * so that a probe (connect, close) does no harm. When the front end goes the
 * guest is reset, and the next front end may come.
 *
 * Everything happens in frontends_run(), and nothing in the ring's reports.
 */
#ifndef URING_VSOCK_SESSION_FRONTENDS_H
#define URING_VSOCK_SESSION_FRONTENDS_H

#include <stdbool.h>

#include "guest/guest.h"
#include "protocol/wire.h"
#include "turn/step.h"

struct frontends;

/* So many connections may wait. One more takes the place of the oldest. */
#define FRONTENDS_WAITING 4

/*
 * Descriptors that all connections of one VM hold at the most: those that wait,
 * and one more that takes a place; the front end, the channel for requests of
 * ours, and three eventfds for each queue; those of a message that is not whole
 * yet; and as many that are being closed.
 */
#define FRONTENDS_DESCRIPTORS \
	(FRONTENDS_WAITING + 1 + 2 + 3 * GUEST_QUEUES + 2 * VHOST_USER_FDS_MAX)

/* GUEST's, as guest->session.frontends, until frontends_free(). NULL and errno
 * on lack of memory. Needs guest->loop->ring. */
struct frontends *frontends_new(struct guest *guest);

/* Accepts on FD, a listening socket that stays the caller's. 0 or -errno. While
 * the VM is unused, its loop may leave that to another worker (loop.h). */
int frontends_listen(struct frontends *f, int fd);

/* FD is a connection, and becomes one of ours in any case. 0 or -errno. */
int frontends_adopt(struct frontends *f, int fd);

/*
 * Serves the connections that sent something. Call once in each turn of the
 * guest, before its packets are moved. STEP_MORE: more has been sent already.
 */
enum step frontends_run(struct frontends *f);

/* A connection sent something that frontends_run() has not served yet. */
bool frontends_waiting(const struct frontends *f);

/* Ends all connections and the accepting, and resets the guest. */
void frontends_stop(struct frontends *f);

/* After frontends_stop(): the ring still refers to some of it. */
bool frontends_busy(struct frontends *f);

/* After frontends_stop(), when it is not busy or the ring is closed. Accepts
 * NULL. */
void frontends_free(struct frontends *f);

#endif
