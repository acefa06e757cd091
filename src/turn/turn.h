/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Scratch space of one turn, shared by all guests of a service: what was
 * taken from their TX rings and goes to host sockets, and which of their RX
 * buffers are offered to which socket. Empty between turns; nothing in it
 * outlives the turn, so guest memory is never referred to in between.
 *
 * Filled by from_guest_collect() and to_guest_collect(), performed by
 * ring_run(), dealt with by sends_finish(), to_guest_finish() and
 * sibling_finish(), and cleared.
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

/* Sends and receives of a turn: together what one ring_run() takes. */
#define TURN_SENDS (RING_BATCH_MAX / 2)
#define TURN_RECVS (RING_BATCH_MAX / 2)

/* Segments of guest memory under way to host sockets. */
#define TURN_SEGMENTS 4096

/* Runs of segments; a connection's are chained when others came between. */
#define TURN_PIECES 1024

/* RX buffers offered in a turn, and their segments. */
#define TURN_BUFFERS 1024
#define TURN_BUFFER_SEGMENTS 4096

/* Messages for host sockets. */
#define TURN_MESSAGES 1024

#define TURN_NO_PIECE UINT16_MAX

struct piece {
	uint32_t first; /* segment */
	uint32_t count;
	uint16_t next; /* of the same connection, or TURN_NO_PIECE */
	bool ends;     /* a message: SEQPACKET */
	bool record;   /* and a record (MSG_EOR) */
};

/* One connection's bytes for its host socket: its backlog, then the pieces. Of
 * SEQPACKET, MESSAGES are handed to the socket, OLD of them the backlog's. */
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

/* A taken receive buffer. With LEN it goes to the guest; PACKET is the header
 * that it will get then, if it must wait for those before it. */
struct turn_buffer {
	struct chain chain;
	uint32_t len; /* bytes, with the header; 0: nothing is in it so far */
	struct packet packet;
};

/* RX buffers [first, first + count) are offered to one host socket. */
struct turn_recv {
	struct ring_io io;
	struct link *link;
	uint32_t first;
	uint32_t count;
	uint32_t room; /* bytes of them that were offered */
	bool all;      /* no more than that was in the socket */
};

/* What belongs to one guest of the turn. */
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

/* At the end, when all that was collected is done with. */
static inline void turn_clear(struct turn *turn)
{
	turn->nsends = turn->nrecvs = turn->nguests = 0;
	turn->nbuffers = turn->npieces = turn->nmessages = 0;
	turn->nsegments = turn->ngathered = 0;
	turn->nrx_segments = turn->npayload = 0;
}

#endif
