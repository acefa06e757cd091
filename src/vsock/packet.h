/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A vsock packet's header in the host's byte order (virtio 1.3, 5.10.6).
 *
 * packet_parse() is the gate: what it lets through has a known operation and
 * no set high bits in a CID; everything behind it switches on the enum.
 */
#ifndef URING_VSOCK_VSOCK_PACKET_H
#define URING_VSOCK_VSOCK_PACKET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes of a header on the wire (virtio 1.3, 5.10.6). */
#define PACKET_HEADER_SIZE 44

#define PACKET_HOST_CID 2u

enum packet_op {
	PACKET_REQUEST,
	PACKET_RESPONSE,
	PACKET_RST,
	PACKET_SHUTDOWN,
	PACKET_RW,
	PACKET_CREDIT_UPDATE,
	PACKET_CREDIT_REQUEST,
	PACKET_OPS
};

enum packet_type {
	PACKET_STREAM = 1,
	PACKET_SEQPACKET = 2,
};

/* Flags of PACKET_SHUTDOWN: what its sender will not do any more. */
#define PACKET_NO_RECEIVE 1u
#define PACKET_NO_SEND 2u
#define PACKET_NO_MORE (PACKET_NO_RECEIVE | PACKET_NO_SEND)

/* Flags of PACKET_RW, if its type is PACKET_SEQPACKET; on the last packet of a
 * message only (virtio 1.3, 5.10.6.6). */
#define PACKET_END_OF_MESSAGE 1u
#define PACKET_END_OF_RECORD 2u
#define PACKET_ENDS (PACKET_END_OF_MESSAGE | PACKET_END_OF_RECORD)

/* A header as packet_copy() reads it, at any address. */
struct packet_words {
	uint64_t word[PACKET_HEADER_SIZE / sizeof(uint64_t)];
	uint32_t last;
} __attribute__((packed, may_alias));

struct packet {
	enum packet_op op;
	uint16_t type; /* enum packet_type, or a value not known here */
	uint32_t src_cid;
	uint32_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len; /* payload bytes that follow the header */
	uint32_t flags;
	uint32_t buf_alloc; /* the sender's receive buffer, bytes */
	uint32_t fwd_cnt; /* bytes that left that buffer so far, modulo 2^32 */
};

/*
 * Reads a header out of its PACKET_HEADER_SIZE bytes, a private copy. Returns
 * 0, or -EBADMSG where the operation is unknown or a CID does not fit 32 bits;
 * then the addresses and the type are filled in as far as they fit, so that
 * the sender can be answered.
 */
int packet_parse(const void *bytes, struct packet *out);

/*
 * Copies a header of PACKET_HEADER_SIZE bytes out of memory that a guest may
 * write to meanwhile. Each byte is read once.
 */
static inline void packet_copy(void *to, const void *from)
{
	const volatile struct packet_words *words = from;
	struct packet_words copy = {
		.word = { words->word[0], words->word[1], words->word[2],
			  words->word[3], words->word[4] },
		.last = words->last,
	};

	memcpy(to, &copy, sizeof(copy));
}

/* Writes the header's PACKET_HEADER_SIZE bytes. */
void packet_build(const struct packet *packet, void *bytes);

/* The RW packet is the last of a message. */
static inline bool packet_ends_message(const struct packet *packet)
{
	return packet->type == PACKET_SEQPACKET &&
	       (packet->flags & PACKET_END_OF_MESSAGE);
}

#endif
