/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Scratch space of one turn, shared by all guests of a service: what was taken
 * from their TX rings for host sockets, and which of their RX buffers are offered
 * to which socket. It is empty between turns, so that guest memory is never
 * referred to then.
 *
 * from_guest_collect() and to_guest_collect() fill it, ring_run() carries it out,
 * sends_finish(), to_guest_finish() and sibling_finish() deal with the results,
 * and turn_clear() empties it.
 */
#ifndef URING_VSOCK_TURN_TURN_H
#define URING_VSOCK_TURN_TURN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "ring/ring.h"
#include "virtq/virtq.h"
#include "vsock/packet.h"

struct guest;
struct link;

/* Sends and receives of a turn: together as many as one ring_run() takes. */
#define TURN_SENDS (RING_BATCH_MAX / 2)
#define TURN_RECVS (RING_BATCH_MAX / 2)

/* Segments of guest memory that go to host sockets. */
#define TURN_SEGMENTS 4096

/* Runs of segments. A connection has several, chained, when packets of others
 * came between its own. */
#define TURN_PIECES 1024

/* RX buffers offered in a turn, and their segments. */
#define TURN_BUFFERS 1024
#define TURN_BUFFER_SEGMENTS 4096

/* SEQPACKET messages for host sockets. */
#define TURN_MESSAGES 1024

#define TURN_NO_PIECE UINT16_MAX

struct piece {
	uint32_t first; /* segment */
	uint32_t count;
	uint16_t next; /* of the same connection, or TURN_NO_PIECE */
	bool ends;     /* it ends a message: SEQPACKET */
	bool record;   /* it ends a record, too (MSG_EOR) */
};

/* One connection's bytes for its host socket: its backlog, then the pieces. For
 * SEQPACKET, so many messages are handed to the socket, the first OLD of which
 * are the backlog's. */
struct turn_send {
	struct ring_io io;
	struct link *link;
	uint32_t bytes; /* in the pieces */
	uint32_t segments;
	uint16_t first_piece; /* TURN_NO_PIECE: only the backlog */
	uint16_t last_piece;
	uint32_t messages;
	uint32_t old;
};

/* A receive buffer that was taken. PACKET is the header that it will get, if it
 * must wait for those before it. */
struct turn_buffer {
	struct chain chain;
	uint32_t len; /* bytes in it, with the header; 0: none so far */
	struct packet packet;
};

/* RX buffers [first, first + count) are offered to one host socket. */
struct turn_recv {
	struct ring_io io;
	struct link *link;
	uint32_t first;
	uint32_t count;
	uint32_t room; /* bytes that were offered */
	bool all;      /* the socket held no more than ROOM before the read */
};

/* One guest's part of the turn. */
struct turn_guest {
	struct guest *guest;
	uint32_t first_buffer, buffers;
	uint32_t first_recv, recvs;
};

struct turn {
	struct turn_send sends[TURN_SENDS];
	struct turn_recv recvs[TURN_RECVS];
	struct turn_guest guests[TURN_RECVS];
	struct turn_buffer buffers[TURN_BUFFERS];
	struct piece pieces[TURN_PIECES];
	struct iovec segments[TURN_SEGMENTS + VIRTQ_CHAIN_MAX];
	struct iovec gathered[TURN_SEGMENTS + VIRTQ_CHAIN_MAX + TURN_SENDS +
			      TURN_MESSAGES];
	struct mmsghdr messages[TURN_MESSAGES];
	struct iovec rx_segments[TURN_BUFFER_SEGMENTS + VIRTQ_CHAIN_MAX];
	struct iovec payload[TURN_BUFFER_SEGMENTS + VIRTQ_CHAIN_MAX];
	uint32_t nsends, nrecvs, nguests, nbuffers, npieces;
	uint32_t nsegments, ngathered, nmessages, nrx_segments, npayload;
};

/* At the end of the turn, when all results were dealt with. */
static inline void turn_clear(struct turn *turn)
{
	turn->nsends = turn->nrecvs = turn->nguests = 0;
	turn->nbuffers = turn->npieces = turn->nmessages = 0;
	turn->nsegments = turn->ngathered = 0;
	turn->nrx_segments = turn->npayload = 0;
}

#endif
