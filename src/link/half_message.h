/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What one half of a connection between guests tells the other: facts, what its
 * guest grants, and a piece of its payload. When it is told by a call, the
 * payload lies elsewhere; in a lane it lies behind the message, padded to eight
 * bytes.
 */
#ifndef URING_VSOCK_LINK_HALF_MESSAGE_H
#define URING_VSOCK_LINK_HALF_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

struct switch_vm;

struct half_message {
	struct switch_vm *from;
	struct switch_vm *to;
	uint64_t id; /* the connection's, as ports are used again */
	uint32_t from_port;
	uint32_t to_port;
	uint32_t buf_alloc; /* what the guest at FROM grants */
	uint32_t fwd_cnt;
	uint32_t len;
	uint32_t flags; /* PACKET_END_OF_*, with a message's last bytes */
	uint16_t type;	/* enum packet_type */
	uint16_t facts; /* enum half_fact bits */
};

/* Bytes of M in a lane, with its payload. */
static inline size_t half_message_size(const struct half_message *m)
{
	return sizeof(*m) + ((m->len + (size_t)7) & ~(size_t)7);
}

#endif
