/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A VM's vhost-user socket: who connects to it, and who of them is the front
 * end. A connection becomes the front end with its first valid request, while
 * there is no other; guest->session.frontend is it. Until then it waits and changes
 * nothing, so that a probe (connect, close) does no harm. The guest is reset
 * when the front end goes, and the next one may come.
 *
 * Everything happens in frontends_run(), none of it in the ring's reports.
 */
#ifndef URING_VSOCK_SESSION_FRONTENDS_H
#define URING_VSOCK_SESSION_FRONTENDS_H

#include <stdbool.h>

#include "guest/guest.h"
#include "protocol/wire.h"
#include "turn/step.h"

struct frontends;

/* Silent connections; the next one takes the place of the oldest. */
#define FRONTENDS_WAITING 4

/*
 * Descriptors that all front ends of one VM hold at the most: those that wait,
 * with the one that takes a place; the front end, with the channel for requests
 * of ours and three eventfds for each queue; a message that it has not finished;
 * and as many that are being closed.
 */
#define FRONTENDS_DESCRIPTORS \
	(FRONTENDS_WAITING + 1 + 2 + 3 * GUEST_QUEUES + 2 * VHOST_USER_FDS_MAX)

/* GUEST's, as guest->session.frontends, until frontends_free(). NULL and errno
 * on lack of memory. Needs guest->loop->ring. */
struct frontends *frontends_new(struct guest *guest);

/* Accepts on FD, a listening socket that stays the caller's. 0 or -errno. While
 * the VM is unused, its loop may have another worker accept (loop.h). */
int frontends_listen(struct frontends *f, int fd);

/* FD is a connection, and becomes ours in any case. 0 or -errno. */
int frontends_adopt(struct frontends *f, int fd);

/*
 * Serves the connections that sent something. Call once in each turn of the
 * guest, before its packets are moved. STEP_MORE: more has been sent already.
 */
enum step frontends_run(struct frontends *f);

/* Somebody sent something that frontends_run() has not served yet. */
bool frontends_waiting(const struct frontends *f);

/* Ends all connections and the accepting; the guest is reset. */
void frontends_stop(struct frontends *f);

/* After frontends_stop(): the ring still refers to some of it. */
bool frontends_busy(struct frontends *f);

/* After frontends_stop(), when it is not busy or the ring is closed. Accepts
 * NULL. */
void frontends_free(struct frontends *f);

#endif
