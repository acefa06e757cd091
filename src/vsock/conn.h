/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One vsock connection as a state machine without I/O: packets and facts in,
 * packets and orders out. DESIGN: docs/architecture.md, "Connections".
 *
 * Facts are told by functions named for what happened. Each may change what
 * the connection owes the guest and may carry (conn_output.h), and what it
 * wants of its host socket (the enum conn_order bits that the fact returns).
 */
#ifndef URING_VSOCK_VSOCK_CONN_H
#define URING_VSOCK_VSOCK_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timer.h"
#include "vsock/credit.h"

struct packet;

enum conn_state {
	/* The guest sent REQUEST; the host program has not accepted yet.
	 * Operations: conn_host_connected(), conn_abort(). */
	CONN_HOST_PENDING,
	/* A host program asked; REQUEST is owed or sent.
	 * Leaves by the guest's RESPONSE or RST, or conn_timed_out(). */
	CONN_GUEST_PENDING,
	/* Both agreed. All facts are legal. */
	CONN_OPEN,
	/* The guest is told that all is over, by SHUTDOWN; its RST is awaited.
	 * Caveat: what it sends before it has heard is dropped. An RST in
	 * answer could meet its next connection from the same port. */
	CONN_CLOSING,
	/* Nothing more comes; an RST may still be owed. Freed by the sweep
	 * once nothing is owed. */
	CONN_CLOSED,
	CONN_STATES
};

/* What the owner of the host socket has to do now. */
enum conn_order {
	CONN_DELIVER = 1 << 0,	  /* pass the packet's payload on */
	CONN_ESTABLISH = 1 << 1,  /* the guest accepted: answer OK */
	CONN_END_WRITES = 1 << 2, /* after the data: shutdown(SHUT_WR) */
	CONN_END_READS = 1 << 3,  /* drop what comes: shutdown(SHUT_RD) */
	CONN_HANG_UP = 1 << 4,	  /* after the data: close the socket */
	CONN_TOO_LONG = 1 << 5,	  /* a message that we have no room for: log */
};

/* Deadlines, in milliseconds. */
#define CONN_CONNECT_MS 2000
#define CONN_RESPONSE_MS 2000
#define CONN_CLOSE_MS 8000

/* Each side has sent a SHUTDOWN of both directions. Linux answers that by RST
 * at once, but there are drivers that wait for the other side's. */
#define CONN_CROSSED_MS 100

/* A starving guest is asked for credit after CONN_PROBE_MS, and each time
 * after four times as long, up to CONN_PROBE_MAX_MS. */
#define CONN_PROBE_MS 20
#define CONN_PROBE_MAX_MS 60000
#define CONN_PROBE_STEPS 7

/* Which of them runs. */
enum conn_deadline {
	CONN_NO_DEADLINE,
	CONN_CONNECT_DEADLINE,
	CONN_RESPONSE_DEADLINE,
	CONN_CLOSE_DEADLINE,
	CONN_CROSSED_DEADLINE,
	CONN_PROBE_DEADLINE,
	CONN_DEADLINES
};

/* Bits of conn->pending: what the guest is owed, see conn_output.h. SHUTDOWN
 * has none: it is owed while the guest has not been told all of host_shut. */
enum {
	OWES_REQUEST = 1 << 0,
	OWES_RESPONSE = 1 << 1,
	OWES_RST = 1 << 2,
	OWES_CREDIT_UPDATE = 1 << 3,
	OWES_CREDIT_REQUEST = 1 << 4,
};

struct conn {
	uint32_t local_cid;  /* that the guest addresses us by */
	uint32_t local_port; /* the host's end */
	uint32_t peer_port;  /* the guest's end */
	uint32_t message;    /* bytes of the message that the guest has begun */
	uint32_t shared;     /* of the guest's buffer: conn_share_buffer() */
	uint16_t type;	     /* enum packet_type */
	uint8_t state;	     /* enum conn_state */
	uint8_t pending;     /* OWES_* bits */
	uint8_t guest_shut;  /* PACKET_NO_*: what the guest renounced */
	uint8_t host_shut;   /* PACKET_NO_*: what the host side renounced */
	uint8_t told_shut;   /* the part of host_shut that the guest knows */
	bool starving;	     /* data waits for credit */
	bool peer_updates;   /* the guest sends CREDIT_UPDATE by itself */
	bool asked;	  /* CREDIT_REQUEST was sent, the answer is awaited */
	bool follows;	  /* packets of the ports' former connection may come */
	bool end_to_end;  /* another guest consumes what this one sends */
	uint8_t probes;	  /* step of the next one, since credit ran out */
	uint8_t deadline; /* enum conn_deadline that the timer is armed for */
	struct credit credit;
	struct timer timer; /* on one of the table's queues */
};

/* False if the REQUEST acknowledges bytes, although none were sent yet: it is
 * answered by RST, whatever port it asks for. */
bool conn_request_is_true(const struct packet *request);

/* A connection that the guest asks for, of the request's type: HOST_PENDING. */
void conn_init_from_guest(struct conn *conn, const struct packet *request,
			  uint32_t buf_alloc);

/* One that a host program asks for: GUEST_PENDING, and REQUEST is owed. */
void conn_init_from_host(struct conn *conn, uint16_t type, uint32_t local_port,
			 uint32_t peer_port, uint32_t buf_alloc);

/* A packet of the connection's type came from the guest. Returns enum
 * conn_order bits. */
unsigned conn_input(struct conn *conn, const struct packet *packet);

/* The host program accepted: in HOST_PENDING only. If the program cannot be
 * reached, conn_abort() is the fact to tell. */
unsigned conn_host_connected(struct conn *conn);

/* The host program sends no more; all it sent has been passed on. With
 * HUNG_UP it is gone altogether. */
unsigned conn_host_ended(struct conn *conn, bool hung_up);

/* The host program takes no more: bytes to it are lost from now on. */
unsigned conn_host_deaf(struct conn *conn);

/* LEN bytes of the guest's were accepted by the host socket, or dropped where
 * it is deaf. */
unsigned conn_delivered(struct conn *conn, uint32_t len);

/* End to end: what the guest at the other end grants. SAY: the news is worth a
 * packet of its own. */
void conn_granted(struct conn *conn, uint32_t buf_alloc, uint32_t fwd_cnt,
		  bool say);

/*
 * End to end: the other guest is told of no more than WINDOW bytes of this
 * one's buffer. By itself a guest may speak of what it consumed only when its
 * own buffer is nearly full, or not at all: it is asked when all that the other
 * may send is used, or half of it where the buffer is larger than that.
 */
void conn_share_buffer(struct conn *conn, uint32_t window);

/* End to end: the guest at the other end wants to know what this one grants. */
void conn_ask_credit(struct conn *conn);

/* The deadline has passed: conn->deadline says which. */
unsigned conn_timed_out(struct conn *conn);

/* Ends the connection from our side, whatever its state: RST is owed to the
 * guest. */
unsigned conn_abort(struct conn *conn);

/* The guest is gone: the same as conn_abort(), but nothing is owed to it. */
unsigned conn_guest_gone(struct conn *conn);

/* Whether the guest has yet to be told of the connection's end, by RST or
 * SHUTDOWN. So it is in OPEN, too, where the RST that answers a guest's
 * SHUTDOWN waits for the guest's last bytes. */
bool conn_owes_end(const struct conn *conn);

/*
 * Whether the connection gives way to a REQUEST from the same addresses, and
 * may be ended by conn_guest_gone() for it: it is CLOSED, or CLOSING and the
 * guest has been told so.
 */
bool conn_gives_way(const struct conn *conn);

/* The deadline that the connection is under now. */
enum conn_deadline conn_due(const struct conn *conn);

/* Whether nothing is owed and nothing can come: it may be forgotten. */
bool conn_finished(const struct conn *conn);

const char *conn_state_name(enum conn_state state);

#endif
