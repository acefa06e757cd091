/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The front end's side of a vhost-user socket. Messages can be sent in pieces
 * of any size, with their descriptors on any of the pieces. All that waits for
 * an answer fails after HANG_MS.
 */
#ifndef URING_VSOCK_FRONTEND_VHOST_H
#define URING_VSOCK_FRONTEND_VHOST_H

#include "frontend/basics.h"
#include "frontend/wire.h"

struct vhost {
	int fd;		 /* -1: none */
	size_t chunk;	 /* bytes in each send; 0: the whole message */
	size_t fd_chunk; /* which of the sends carries the descriptors */
	bool reply_ack;	 /* negotiated: vhost_tell() asks for an answer */
};

struct vhost_message {
	struct vu_header header;
	union {
		uint64_t u64;
		struct vu_state state;
		struct vu_config config;
		uint8_t bytes[4096];
	} payload;
};

/* Connects, once somebody listens at PATH. */
void vhost_dial(struct vhost *v, const char *path);
void vhost_hang_up(struct vhost *v);

/* Sends one message. False if the back end has hung up. */
bool vhost_send(struct vhost *v, uint32_t code, uint32_t flags,
		const void *payload, uint32_t size, const int *fds,
		unsigned nfds);
/* Receives one message. False if the back end has hung up. */
bool vhost_receive(struct vhost *v, struct vhost_message *out);
/* Nothing waits to be received. */
bool vhost_silent(struct vhost *v);
/* Waits until the back end hangs up; anything that it says first is a failure.
 * */
void vhost_await_hang_up(struct vhost *v);

/*
 * Sends a request that has no reply of its own. Returns what the back end
 * answered: 0 is success. Without REPLY_ACK it is always 0.
 */
uint64_t vhost_tell(struct vhost *v, uint32_t code, const void *payload,
		    uint32_t size, const int *fds, unsigned nfds);
uint64_t vhost_tell_u64(struct vhost *v, uint32_t code, uint64_t value);
/* INDEX and a descriptor; -1 sets the bit that says "no descriptor". */
uint64_t vhost_tell_fd(struct vhost *v, uint32_t code, unsigned index, int fd);
uint64_t vhost_tell_state(struct vhost *v, uint32_t code, unsigned index,
			  uint32_t num);

/* Requests that have a reply. */
uint64_t vhost_ask_u64(struct vhost *v, uint32_t code);
uint32_t vhost_ask_base(struct vhost *v, unsigned index);
/* SIZE bytes at OFFSET of the configuration space; returns the size of the
 * reply. */
uint32_t vhost_ask_config(struct vhost *v, uint32_t offset, uint32_t size,
			  struct vu_config *out);

#endif
