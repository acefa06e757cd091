/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For the tests of src/vsock/conn: connections brought into every state, and
 * flows written as tables of T(what, ...) rows. The fixture plays the guest
 * and the host program; its guest advertises 64 KiB.
 */
#ifndef URING_VSOCK_TESTS_CONN_FIXTURE_H
#define URING_VSOCK_TESTS_CONN_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "vsock/conn.h"
#include "vsock/conn_output.h"
#include "vsock/packet.h"

#define GUEST_CID 3u
#define GUEST_PORT 1000u
#define HOST_PORT 2000u
#define GUEST_BUF 65536u
#define HOST_BUF 262144u

/* Orders in a row's third column. */
#define NONE 0u
#define DELIVER CONN_DELIVER
#define ESTABLISH CONN_ESTABLISH
#define END_WRITES CONN_END_WRITES
#define END_READS CONN_END_READS
#define HANG_UP CONN_HANG_UP
#define TOO_LONG CONN_TOO_LONG

/* What a row does or looks at; ARG and the expected RESULT follow. */
enum what {
	FLOW_END,
	/* Packets of the guest: ARG is flags or payload bytes, RESULT orders. */
	IN_REQUEST,
	IN_RESPONSE,
	IN_RST,
	IN_SHUTDOWN,
	IN_RW,
	IN_CREDIT_UPDATE,
	IN_CREDIT_REQUEST,
	IN_BEGUN, /* RW that is not a message's last, as IN_RW is */
	/* The guest's next packets: how they speak of its buffer. */
	GUEST_BUFFER,	/* ARG bytes */
	GUEST_CONSUMED, /* ARG bytes in all */
	/* Facts; RESULT is orders. */
	CONNECTED,
	ENDED, /* ARG: hung up */
	DEAF,
	DELIVERED, /* ARG bytes */
	TIMED_OUT,
	ABORT,
	GONE,
	STARVED,
	SEND, /* RW of ARG bytes goes to the guest */
	/* Looks at the outcome. */
	OUT,	  /* next control packet: ARG is its op, RESULT its flags */
	SILENT,	  /* no control packet is owed */
	STATE,	  /* ARG */
	DUE,	  /* ARG: the deadline */
	PROBES,	  /* ARG: the step of the next probe */
	MAY_SEND, /* RESULT bytes */
	FIRST,	  /* RESULT: conn_speaks_first() */
	FINISHED, /* RESULT */
};

struct row {
	enum what what;
	uint32_t arg;
	uint32_t result;
};
#define T(what, arg, result)      \
	{                         \
		what, arg, result \
	}

#define ROWS 26

/* How a connection begins, before the first row. */
enum start {
	FROM_GUEST,	 /* HOST_PENDING */
	FROM_HOST,	 /* GUEST_PENDING, REQUEST owed */
	FROM_HOST_ASKED, /* GUEST_PENDING, REQUEST sent */
	OPENED,		 /* OPEN, nothing owed */
	CLOSING,	 /* CLOSING by a host's hang-up, SHUTDOWN sent */
	CLOSED_RST,	 /* CLOSED, RST owed */
	CLOSED,		 /* CLOSED, nothing owed */
	STARTS,
	OPENED_MESSAGES = STARTS, /* as OPENED, of SEQPACKET */
};

struct flow {
	const char *name;
	enum start start;
	struct row rows[ROWS];
};

void conn_start(struct conn *conn, enum start start);

/* Fails the test at the first row that is not as expected. */
void conn_flow(const struct flow *flow);

/* One packet of the guest's, with its current words on credit. */
unsigned conn_receive(struct conn *conn, enum packet_op op, uint32_t arg);

/* "REQUEST", ... for messages; never NULL. */
const char *conn_op_name(enum packet_op op);

/* The flow that is being performed. */
extern struct conn flow_conn;

#endif
