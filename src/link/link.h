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
#include "turn/pace.h"
#include "vsock/backlog.h"
#include "vsock/conn.h"
#include "vsock/conn_output.h"
#include "vsock/messages.h"
#include "vsock/packet.h"
#include "vsock/windows.h"

struct guest;
struct loop;
struct switch_vm;

enum link_phase {
	LINK_GREETING, /* a host program's CONNECT line is awaited */
	LINK_JOINED,   /* the connection is in the guest's table */
	LINK_PARTED,   /* it is not any more; bytes for the host may remain */
	LINK_DEAD,     /* both ends are gone; freed by link_sweep() */
};

#define LINK_NOT_STAGED UINT16_MAX

struct link {
	struct conn conn; /* its type is known from the start */
	struct guest *guest;
	struct list node;      /* ready, small, greeting, parted or dead */
	struct list host_node; /* flushing, knocking, dialed or told list */
	struct timer timer;    /* greeting, dialing or parting */
	uint32_t grant;	       /* of the guest's credit, guest_grant() */
	struct window_use use; /* of the guest's windows */
	struct pace_use moved; /* lately */
	uint16_t staged;       /* this turn's send, or LINK_NOT_STAGED */
	uint16_t passed;       /* index of a TX entry that was left in place */
	uint8_t phase;	       /* enum link_phase */
	uint8_t burst;	       /* receive buffers to offer next time */
	uint8_t logged_state;  /* enum conn_state that was logged last */
	bool parting;	       /* once the guest was told: link_part_later() */
	bool is_half;	       /* which of these is the other end */
	union {
		struct host_end host;
		struct half half;
	};
};

/* Its host socket keeps messages apart. */
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

/* A stream with a host program that moves little: it wants answers soon, and
 * nobody else is delayed by them. */
bool link_is_light(const struct link *link);

/* It is offered few receive buffers, as it fills no more. */
bool link_reads_little(const struct link *link);

/* There may be data for the guest. */
bool link_has_data(const struct link *link);

/* A greeting from a host program: FD, of that type, becomes the link's, which
 * gives it back to descriptors.h in the end. NULL: out of memory, and FD is as
 * before. */
struct link *link_new_greeting(struct guest *guest, int *fd,
			       enum packet_type type);

/* The credit of its new connection: guest_grant(), as far as the host socket
 * can use it. The guest has it back when the link ends. */
uint32_t link_grant(struct link *link);

/* Sets the socket up and watches it. 0 or -errno. */
int link_watch(struct link *link);

/* Puts a link whose connection was initialised into the guest's table. 0, or
 * -errno as table_insert(). */
int link_join(struct link *link);

/* A link for a REQUEST, HOST_PENDING, not joined. *FD becomes the link's, in the
 * same way. NULL: out of memory, and *FD is as before. */
struct link *link_new_from_guest(struct guest *guest,
				 const struct packet *request, int *fd);

/* A link for a REQUEST to another guest, HOST_PENDING, or from one: its
 * connection is the caller's to initialise. NULL: out of memory. */
struct link *link_new_half(struct guest *guest, struct switch_vm *other,
			   uint64_t id);

/* The other half of a connection between guests is to be told NEWS (enum
 * half_fact bits): at the end of this turn. */
void link_tell(struct link *link, unsigned news);

/* Nothing that waits for the other half matters any more. */
void link_forget_outbox(struct link *link);

/* Does what the connection asks of the host socket (enum conn_order bits),
 * or tells the other half, then link_refresh(). */
void link_carry_out(struct link *link, unsigned orders);

/* Derives everything that follows from the connection's state and the
 * socket's: lists, deadlines, the end. Call after a change of either. */
void link_refresh(struct link *link);

/* The same while a connect(2) is under way: the link comes on the guest's dialed
 * list when that has come to an end. 0 or -errno. */
int link_watch_connect(struct link *link);

/* Waits for room in the host program's backlog, until link_stop_waiting(). */
void link_wait_for_backlog(struct link *link);
void link_stop_waiting(struct link *link);

/* The host socket takes no more: EPIPE and its like. */
void link_deaf(struct link *link);

/* The host program sent descriptors: resets the connection, and says why in the
 * log. */
void link_cut_off(struct link *link);

/* Ends link and connection without a word to the guest; bytes that the guest
 * was told have arrived still go to the host program. */
void link_guest_gone(struct link *link);

/* Ends everything now, bytes or not. */
void link_kill(struct link *link);

/* Cuts the oldest links off that only have bytes for slow host programs, where
 * they are too many. At the end of a turn. */
void link_limit_parted(struct guest *guest);

/* Frees dead links that nothing refers to: at the end of a turn. */
void link_sweep(struct loop *loop);

/* Frees all dead links: when the ring is closed. */
void link_free_dead(struct loop *loop);

/*
 * Where both ends of a connection are told that it is over, the guest is told
 * first: a program there may use its port again as soon as it hears from the
 * program at the other end, and its kernel frees the port when it has seen our
 * last packet. So the host socket is closed, and the other half told, after
 * that packet was shown to the guest (guest->ending.told), or LOOP_PARTING_MS later.
 *
 * link_part_told() is the end of the waiting for all links whose guest has been
 * shown the packet, link_part_due() for those that have waited too long. Both do
 * some in a turn.
 */
void link_part_told(struct guest *guest);
void link_part_due(struct loop *loop, uint64_t now_ms);

#endif
