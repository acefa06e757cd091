/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Both directions' flow control of one connection (virtio 1.3, 5.10.6.3).
 *
 * All counters are bytes modulo 2^32 since the connection began, so that
 * differences are right across the wrap. Beside the bytes the number of
 * packets that the peer has not consumed is bounded: Linux guests of 2026
 * account about 576 bytes of overhead for each queued packet against
 * buf_alloc and reset a connection that exceeds it. How many a given fwd_cnt
 * retires is known from a few marks, always rounded to the safe side.
 */
#ifndef URING_VSOCK_VSOCK_CREDIT_H
#define URING_VSOCK_VSOCK_CREDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"

/* The peer's overhead for a queued packet, with room to spare. */
#define CREDIT_BYTES_PER_PACKET 640

#define CREDIT_MARKS 8

/* PACKETS ended at or before byte END of what was sent. */
struct credit_mark {
	uint32_t end;
	uint32_t packets;
};

struct credit {
	/* To the peer. */
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;
	uint32_t tx_cnt;
	uint32_t packets; /* sent, not known to be consumed */
	struct credit_mark marks[CREDIT_MARKS]; /* oldest first */
	uint8_t nmarks;
	/* From the peer. */
	uint32_t buf_alloc; /* what the peer was told last */
	uint32_t offer;	    /* what it is to be told next */
	uint32_t fwd_cnt;
	uint32_t announced; /* the fwd_cnt that the peer was last told */
	uint32_t limit;	    /* of rx_cnt: as far as the peer may go */
	uint32_t rx_cnt;
	bool passed_on; /* the offer is what another receiver grants */
};

/* buf_alloc: bytes that the peer may have in flight to us; 0 if that is yet to
 * be said by credit_pass_on(). */
void credit_init(struct credit *credit, uint32_t buf_alloc);

/*
 * Takes what a packet of the peer's says of its buffer. A fwd_cnt older than
 * one already seen changes nothing (two of the peer's threads may pass each
 * other). Returns false if it acknowledges bytes that were never sent.
 */
must_check bool credit_from_peer(struct credit *credit, uint32_t buf_alloc,
				 uint32_t fwd_cnt);

/* Bytes, and packets, that may be sent now. 0 when either is used up. */
uint32_t credit_room(const struct credit *credit);
uint32_t credit_packets(const struct credit *credit);

/* Bytes sent that the peer has not consumed. */
uint32_t credit_unacked(const struct credit *credit);

/* One RW packet of LEN bytes, within the room, goes to the peer. */
void credit_sent(struct credit *credit, uint32_t len);

/* One of the packets that were sent went as two. */
void credit_split(struct credit *credit);

/* LEN bytes came. False: beyond what was granted, and nothing changed. */
bool credit_received(struct credit *credit, uint32_t len);

/* LEN received bytes have left for good: the peer may send as many again. */
void credit_forwarded(struct credit *credit, uint32_t len);

/*
 * The buffer that the peer is told of from the next packet on. One that
 * shrinks does so as bytes leave it: Linux guests until 2026 send without any
 * limit when told of less than they have under way.
 */
static inline void credit_offer(struct credit *credit, uint32_t buf_alloc)
{
	credit->offer = buf_alloc;
}

/*
 * What another receiver grants is passed on: its buffer, be it smaller than
 * before, and how much has left it, which is no more than was received.
 */
void credit_pass_on(struct credit *credit, uint32_t buf_alloc,
		    uint32_t fwd_cnt);

/* Bytes received and not yet forwarded. */
uint32_t credit_held(const struct credit *credit);

/*
 * Whether the peer should be told of room that it does not know of, as it is
 * running short. What is short is measured by the smaller of the two sides'
 * buffers, which newer Linux guests keep to.
 */
bool credit_update_due(const struct credit *credit);

/* The same for a peer that cannot go on without all the room there is: when it
 * is running short, any news helps. */
bool credit_update_wanted(const struct credit *credit);

/* Sets the buf_alloc and fwd_cnt that a packet to the peer is to say. */
void credit_announce(struct credit *credit);

#endif
