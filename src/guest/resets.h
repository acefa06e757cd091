/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * RSTs owed to packets that belong to no connection: a bounded queue. While
 * it is full nothing is taken from the guest's TX ring, except for chains that
 * must be taken before the ring stops. That cannot deadlock: an RST needs an RX
 * buffer but causes no answer.
 */
#ifndef URING_VSOCK_GUEST_RESETS_H
#define URING_VSOCK_GUEST_RESETS_H

#include <stdbool.h>
#include <stdint.h>

struct packet;

#define RESETS_MAX 1024

struct reset {
	uint32_t local_cid;
	uint32_t local_port;
	uint32_t peer_port;
	uint16_t type;
};

struct resets {
	struct reset *ring; /* RESETS_MAX entries; NULL while none is owed */
	uint32_t first;
	uint32_t count;
};

void resets_init(struct resets *resets);
void resets_free(struct resets *resets);

static inline bool resets_full(const struct resets *resets)
{
	return resets->count == RESETS_MAX;
}

/* Owes an RST to PACKET, unless PACKET is one itself, which is never answered
 * (virtio 1.3, 5.10.6.1), the queue is full or memory is short. */
void resets_add(struct resets *resets, const struct packet *packet);

/*
 * REQUEST begins a connection. Forgets RSTs that are owed to an earlier one of
 * the same addresses, which would end the new one.
 */
void resets_drop(struct resets *resets, const struct packet *request);

/* Takes the oldest RST, as a packet to GUEST_CID. False: none is owed. */
bool resets_take(struct resets *resets, uint32_t guest_cid, struct packet *out);

#endif
