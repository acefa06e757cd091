/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One connection on a VM's vhost-user socket: messages in, replies out. What
 * they mean is handlers.h; who may speak is frontends.h.
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
	struct list node; /* among its owner's waiting, or past ones */
	struct guest *guest;
	struct reader reader;
	int fd;
	bool readable; /* a read may find something */
};

/*
 * FD, a connected socket, becomes the connection's in any case. When something
 * comes, readable is set and the guest woken. NULL and errno on failure.
 */
struct frontend *frontend_new(struct guest *guest, int fd);

/*
 * 1: OUT is the next message, whose descriptors are the caller's now, to keep
 * or for frontend_drop_fds(). 0: there is nothing more, and readable says so,
 * or the VM's closer is full. -ECONNRESET: the other side is gone. Other
 * negative errnos, with *WHY: no sense can be made of what came.
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

/* Descriptors came with a message that is not whole yet. */
bool frontend_holds_fds(const struct frontend *fe);

/* Closes M's descriptors, whatever they are, without waiting for it. */
void frontend_drop_fds(struct frontend *fe, struct message *m);

/* The process that connected; 0 if it is not to be seen from here. */
pid_t frontend_pid(const struct frontend *fe);

/* 0, or a negative errno with *WHY if it was not taken as a whole. */
int frontend_send(struct frontend *fe, const uint8_t *bytes, size_t n,
		  const char **why);

/* The peer sees EOF. The memory stays until the ring lets go of the watch. */
void frontend_close(struct frontend *fe);

bool frontend_busy(const struct frontend *fe);
void frontend_free(struct frontend *fe);

#endif
