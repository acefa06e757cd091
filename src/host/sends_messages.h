/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How the sends of a turn (sends.h) keep a SEQPACKET connection's messages
 * apart: each is one send, in order, and a message whose end has not come yet
 * waits in the backlog.
 */
#ifndef URING_VSOCK_HOST_SENDS_MESSAGES_H
#define URING_VSOCK_HOST_SENDS_MESSAGES_H

#include <stdint.h>

struct ring;
struct turn;
struct turn_send;

/* Queues the messages that are complete; sets the result to 0 if none is. */
void sends_messages_submit(struct ring *ring, struct turn *turn,
			   struct turn_send *send);

/* The number of messages that the socket took, or the negative errno of the
 * first. */
int sends_messages_result(const struct turn_send *send);

/*
 * The socket took the first N messages. Keeps the rest in the backlog. Sets
 * *GONE to the bytes that have left. 0, -ENOMEM, or -ENOBUFS where the guest
 * has sent more empty messages than are kept.
 */
int sends_messages_keep(struct turn *turn, struct turn_send *send, uint32_t n,
			uint32_t *gone);

#endif
