/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A link is the one object for each connection. It joins a guest's connection
 * with the other end: with a host program's socket (host_end.h), or with the
 * half of a connection that another guest has (half.h). The two ends end
 * independently: the connection when guest and state machine are through, the
 * socket when every byte for the host program is in it, the half when the other
 * half has been told all. The link is freed when both have ended and the ring
 * has let go of the watch.
 *
 * Each function may end the link's life: the link is then on the loop's dead
 * list and stays valid until the end of the turn.
 */
#ifndef URING_VSOCK_LINK_LINK_H
#define URING_VSOCK_LINK_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timer.h"
#include "link/half.h"
#include "link/host_end.h"
#include "vsock/backlog.h"
#include "vsock/conn.h"
#include "vsock/conn_output.h"
#include "vsock/messages.h"
#include "vsock/packet.h"
#include "vsock/share.h"

struct guest;
struct loop;
struct switch_vm;

enum link_phase {
	LINK_GREETING, /* a host program's CONNECT line is awaited */
	LINK_JOINED,   /* the connection is in the guest's table */
	LINK_PARTED, /* it has left the table; bytes for the host may remain */
	LINK_DEAD,   /* both ends are gone; freed by link_sweep() */
};

#define LINK_NOT_STAGED UINT16_MAX

struct link {
	struct conn conn; /* its type is known from the start */
	struct guest *guest;
	struct list node;      /* ready, light, greeting, parted or dead */
	struct list host_node; /* flushing, knocking, dialed or told list */
	struct timer timer;    /* greeting, dialing or parting */
	uint32_t grant;	       /* of the guest's credit, guest_grant() */
	struct share_use use;  /* of the worker's share */
	uint16_t staged;       /* this turn's send, or LINK_NOT_STAGED */
	uint16_t passed;       /* index of a TX entry that was left in place */
	uint8_t phase;	       /* enum link_phase */
	uint8_t burst;	       /* receive buffers to offer next time */
	uint8_t logged_state;  /* enum conn_state that was logged last */
	bool parting;	       /* the other end waits: link_part_told() */
	bool is_half;	       /* the other end is half, not host */
	union {
		struct host_end host;
		struct half half;
	};
};

/* The link's host socket keeps messages apart. */
static inline bool link_keeps_messages(const struct link *link)
{
	return link->conn.type == PACKET_SEQPACKET;
}

/* The host end's backlog has something that can be sent. */
static inline bool link_unsent(const struct link *link)
{
	return link_keeps_messages(link) ? link->host.ends.count
					 : backlog_len(&link->host.backlog);
}

/* The link of a connection in a guest's table. */
static inline struct link *link_of(struct conn *conn)
{
	return container_of(conn, struct link, conn);
}

static inline struct link *link_of_half(struct half *half)
{
	return container_of(half, struct link, half);
}

/* The link moves little: it wants answers soon, and nobody else is delayed by
 * them. */
bool link_is_light(const struct link *link);

/* There may be data for the guest. */
bool link_has_data(const struct link *link);

/* A link for a host program whose CONNECT line is awaited. *FD, of that type,
 * becomes the link's, which gives it back to descriptors.h in the end. NULL:
 * out of memory, and *FD is as before. */
struct link *link_new_greeting(struct guest *guest, int *fd,
			       enum packet_type type);

/* Grants credit to the link's new connection: guest_grant(), as far as the host
 * socket can use it. The guest has it back when the link ends. */
uint32_t link_grant(struct link *link);

/* Sets the host socket up and watches it. 0 or -errno. */
int link_watch(struct link *link);

/* Puts a link whose connection was initialised into the guest's table. 0, or
 * -errno as table_insert(). */
int link_join(struct link *link);

/* A link for a guest's REQUEST to the host; the connection is HOST_PENDING and
 * not in the table yet. *FD becomes the link's as with link_new_greeting().
 * NULL: out of memory, and *FD is as before. */
struct link *link_new_from_guest(struct guest *guest,
				 const struct packet *request, int *fd);

/* A link for a REQUEST to another guest, or from one. The caller initialises
 * the connection. NULL: out of memory. */
struct link *link_new_half(struct guest *guest, struct switch_vm *other,
			   uint64_t id);

/* The other half of a connection between guests is told NEWS (enum half_fact
 * bits) at the end of this turn. */
void link_tell(struct link *link, unsigned news);

/* Forgets the payload that waits for the other half. */
void link_forget_outbox(struct link *link);

/* Does what the connection asks of its other end (enum conn_order bits): to the
 * host socket, or by telling the other half. Ends with link_refresh(). */
void link_carry_out(struct link *link, unsigned orders);

/* Derives all that follows from the state of the connection and of the other
 * end: lists, deadlines, the end. Call after a change of either. */
void link_refresh(struct link *link);

/* As link_watch(), while a connect(2) is under way: when that has come to an
 * end, the link is put on the guest's dialed list. 0 or -errno. */
int link_watch_connect(struct link *link);

/* The link waits for room in the host program's backlog, with a timer on
 * loop->dialing, until link_stop_waiting(). */
void link_wait_for_backlog(struct link *link);
void link_stop_waiting(struct link *link);

/* The host socket takes no more: EPIPE and its like. */
void link_deaf(struct link *link);

/* The host program sent descriptors: resets the connection, and says why in the
 * log. */
void link_cut_off(struct link *link);

/* Ends the link and its connection without a word to the guest. Bytes still go
 * to the host program if the guest was told that they have arrived. */
void link_guest_gone(struct link *link);

/* Ends the link and its connection at once, whatever bytes are left. */
void link_kill(struct link *link);

/* Cuts off the oldest of the links that only have bytes for slow host programs,
 * where there are too many of them. At the end of a turn. */
void link_limit_parted(struct guest *guest);

/* Frees dead links that nothing refers to: at the end of a turn. */
void link_sweep(struct loop *loop);

/* Frees all dead links: when the ring is closed. */
void link_free_dead(struct loop *loop);

/*
 * Where both ends of a connection are to be told that it is over, the guest is
 * told first: a program there may use its port again as soon as it hears from
 * the program at the other end, and its kernel frees the port when it has seen
 * our last packet. So the link is parting until that packet was shown to the
 * guest (guest->ending.told), or for LOOP_PARTING_MS. Then the host socket is
 * closed, or the other half told.
 *
 * link_part_told() ends this for links whose guest has been shown the packet,
 * link_part_due() for links that have waited too long. Both end some in a turn.
 */
void link_part_told(struct guest *guest);
void link_part_due(struct loop *loop, uint64_t now_ms);

#endif
