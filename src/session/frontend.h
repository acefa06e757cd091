/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One connection on a VM's vhost-user socket: messages in, replies out.
 * handlers.h knows what they mean, and frontends.h which connection may speak.
 */
#ifndef URING_VSOCK_SESSION_FRONTEND_H
#define URING_VSOCK_SESSION_FRONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "protocol/reader.h"
#include "ring/watch.h"

struct guest;

struct frontend {
	struct ring_watch watch;
	struct list node; /* among its owner's waiting or past connections */
	struct guest *guest;
	struct reader reader;
	int fd;
	bool readable; /* a read may find something */
};

/*
 * FD is a connected socket, and becomes the connection's in any case. When
 * something comes, readable is set and the guest is woken. NULL and errno on
 * failure.
 */
struct frontend *frontend_new(struct guest *guest, int fd);

/*
 * 1: OUT is the next message, whose descriptors are the caller's now, to keep
 * or to pass to frontend_drop_fds(). 0: there is nothing more, and readable is
 * false, or the VM is choked. -ECONNRESET: the other side is gone. Other
 * negative errnos, with *WHY: what came is no message.
 */
int frontend_receive(struct frontend *fe, struct message *out,
		     const char **why);

/*
 * GUEST is choked, and no more is received from its front ends, while its
 * closer has that many descriptors to close: as many as are set aside for what
 * front ends send for nothing, and those that one message may bring.
 */
unsigned frontend_choking_fds(const struct guest *guest);
bool frontend_choked(const struct guest *guest);

/* Descriptors have come with a message that is not whole yet. */
bool frontend_holds_fds(const struct frontend *fe);

/* Has M's descriptors closed, whatever they are, and does not wait for that. */
void frontend_drop_fds(struct frontend *fe, struct message *m);

/* The process that connected; 0 if it cannot be seen from here. */
pid_t frontend_pid(const struct frontend *fe);

/* 0, or a negative errno if not all of the N bytes were taken: -ECONNRESET, or
 * another one with *WHY. */
int frontend_send(struct frontend *fe, const uint8_t *bytes, size_t n,
		  const char **why);

/* Ends the connection: the peer sees EOF. The memory stays, as the ring may
 * refer to it while frontend_busy(). */
void frontend_close(struct frontend *fe);

bool frontend_busy(const struct frontend *fe);
void frontend_free(struct frontend *fe);

#endif
