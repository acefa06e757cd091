/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One vhost-user message in private memory, with the descriptors that came
 * with it, and the bytes of replies.
 *
 * A message owns its descriptors until message_take_fd() hands one over, or
 * message_take_fds() whatever is left.
 */
#ifndef URING_VSOCK_PROTOCOL_MESSAGE_H
#define URING_VSOCK_PROTOCOL_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/wire.h"

#define MESSAGE_HEADER sizeof(struct vhost_user_header)
#define MESSAGE_PAYLOAD_MAX 4096
#define MESSAGE_MAX (MESSAGE_HEADER + MESSAGE_PAYLOAD_MAX)

struct message {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* bytes of payload that are valid */
	uint32_t nfds;
	bool excess_fds;	     /* more came than are here */
	int fds[VHOST_USER_FDS_MAX]; /* -1: taken */
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct vhost_user_mem_table table;
		struct vhost_user_mem_region region;
		struct vhost_user_config config;
		uint8_t bytes[MESSAGE_PAYLOAD_MAX];
	} payload;
};

/* The front end waits for an answer, if it negotiated REPLY_ACK. */
bool message_need_reply(const struct message *m);

/* Descriptor I becomes the caller's; -1 if there is none (any more). */
int message_take_fd(struct message *m, unsigned i);

/* The NFDS descriptors of FDS, which arrived with the message, become its own,
 * as many as it has room for. Returns how many; the rest stay the caller's. */
unsigned message_add_fds(struct message *m, const int *fds, unsigned nfds);

/* All descriptors that are left become the caller's. They are written to FDS,
 * which has room for VHOST_USER_FDS_MAX. Returns how many. */
unsigned message_take_fds(struct message *m, int *fds);

/*
 * Writes the reply to REQUEST, whose payload is SIZE bytes, to OUT, which has
 * ROOM bytes. Returns its length, or 0 if it does not fit.
 */
size_t message_reply(const struct message *request, const void *payload,
		     size_t size, uint8_t *out, size_t room);
size_t message_reply_u64(const struct message *request, uint64_t value,
			 uint8_t *out, size_t room);

/*
 * The payload of a GET_CONFIG's reply, made in place of its request's: as long
 * as the front end expects, with the bytes of CONFIG (LEN of them) that lie in
 * the window it asked for, and zeros elsewhere. Returns the payload's size.
 */
size_t message_fill_config(struct message *m, const void *config, size_t len);

#endif
