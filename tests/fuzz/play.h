/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Three guests and their host programs, and what must be true of what they see.
 *
 * An end is a guest's part in connections with one fixed partner, by fixed
 * ports: one after the other, all of one type. Its partner is a program that
 * listens, a program that asks, or an end of another guest. All bytes that are
 * ever sent belong to a numbered flow; a flow's bytes are known, and so are the
 * ends of its messages. Whoever receives compares with those flows that can be
 * meant, so that the model need not know when a connection began.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_PLAY_H
#define URING_VSOCK_TESTS_FUZZ_PLAY_H

#include "fuzz/driver.h"

#define PLAY_VMS 3
#define PLAY_FLOWS 512
#define PLAY_MARKS 64 /* messages of a flow */

/* An end's index is the first one of its kind plus a number within that kind.
 * Of each kind with another guest there are four for each of the two other
 * guests. The first half of each four is of streams, the second of messages. */
enum {
	PLAY_CALLER = 0, /* calls a program that listens: eight */
	PLAY_CALLED = 8, /* is called by a program: four */
	PLAY_ASKER = 12, /* asks another guest: eight */
	PLAY_ASKED = 20, /* is asked by one: eight */
	PLAY_ENDS = 28
};

struct flow {
	uint16_t sink; /* who is to receive it */
	uint32_t sent;
	uint32_t marks[PLAY_MARKS]; /* where messages end */
	unsigned nmarks;
};

/* A receiver, which gets bytes of the flow FLOW or of a later one. */
struct sink {
	uint16_t flow; /* the first flow that can be meant */
	uint32_t got;
};

/* A host program's end of a connection. */
struct program {
	int fd;	       /* -1: none */
	uint16_t flow; /* the flow that it sends */
	struct sink in;
	bool line;  /* the answer to CONNECT is still to come */
	bool old;   /* its guest has asked for another connection since */
	bool shut;  /* it has shut down a direction */
	bool ended; /* it has read the end */
};

struct end {
	unsigned vm, index;
	uint16_t type;
	uint32_t port; /* the guest's */
	uint32_t peer_cid, peer_port;
	uint16_t flow; /* the flow that it sends; 0: none yet */
	struct sink in;
	struct program program; /* of ends whose partner is a program */
	bool open; /* as far as the guest knows: a RESPONSE, and no RST since */
	bool asked;  /* a REQUEST came and was not answered yet */
	bool spoilt; /* others may have ended the connection before it began */
	bool harmless; /* what the guest has sent since the REQUEST ends no connection */
	unsigned posted; /* packets that are not known to be taken yet */
	bool decisive;	 /* one of these begins or ends a connection */
	bool fresh;	 /* a REQUEST is among what was just collected */
	bool sure;  /* of an asked end: since it was asked, neither guest has
		    * done anything that ends the connection */
	bool clean; /* nobody has done anything that ends the connection */
	bool overdrawn;	     /* the guest has sent more than it was granted */
	unsigned calls;	     /* REQUESTs that the program may not know of yet */
	uint32_t said_alloc; /* the buffer that it announced last */
	uint32_t said_fwd;   /* the most that it said it has consumed */
	uint64_t limit; /* how much may have come at most, by all that it said */
	uint64_t last_limit; /* the same, by what it said last */
	uint64_t told_limit; /* how much it may send, by what it was told */
	uint32_t told_fwd;
	unsigned sent_other; /* packets other than RST that it sent, and connections that it was offered: each */
	unsigned resets;     /* of them may cause one RST at most */
};

struct guest_play {
	struct stage_vm *vm;
	struct front front; /* fd -1: not set up */
	struct driver driver;
	struct end ends[PLAY_ENDS];
	bool taken; /* all that it has sent was taken before the last turn ended */
	unsigned strange; /* packets that belong to nobody; each may cause an RST */
	unsigned strange_resets;
};

struct play {
	struct guest_play guests[PLAY_VMS];
	struct flow flows[PLAY_FLOWS];
	uint16_t nflows;
};

extern struct play play;

static inline bool is_called(const struct end *end)
{
	return end->index >= PLAY_CALLED && end->index < PLAY_ASKER;
}

void play_begin(void);
void play_end(void);

/* The guest of VM, whose front end and rings are set up, with front.h's HOW,
 * when it is needed first. */
struct guest_play *play_guest(unsigned vm, unsigned how);

/* The end of another guest that END talks to, or NULL. */
struct end *play_partner(const struct end *end);

/* Flows. */

/* A new flow to SINK; 0 if there are too many. */
uint16_t flow_new(uint16_t sink);
/* LEN more bytes of FLOW were sent; ENDS: they end a message. */
void flow_sent(uint16_t flow, uint32_t len, bool ends);
/* The sink of END's guest, or of its program. */
uint16_t flow_sink(const struct end *end, bool program);
/* LEN bytes came to SINK: any or, of MESSAGES, a part of one or the rest of it
 * (ENDS). Aborts if they are of no flow that can be meant. */
void flow_expect(uint16_t sink, struct sink *in, const uint8_t *bytes,
		 uint32_t len, bool messages, bool ends);
/* Another connection begins. */
void flow_restart(struct sink *in);

/* The guest's packets. */

struct play_packet {
	uint16_t op;
	uint32_t len;
	uint32_t flags;
	uint32_t buf_alloc;
	int32_t fwd_off; /* from what it has consumed in fact */
	enum driver_shape shape;
	uint8_t strange; /* enum play_strange */
};

enum play_strange {
	PLAY_RIGHT,
	PLAY_OTHER_TYPE,
	PLAY_NO_TYPE,
	PLAY_OTHER_SOURCE,
	PLAY_NOBODY, /* no such CID */
	PLAY_NO_PORT,
	PLAY_LONG, /* the header says more bytes than there are */
};

void packet_post(struct end *end, const struct play_packet *p);

/* Takes all that came and was given back, and checks it. Returns how many
 * packets came. */
unsigned packets_collect(void);

/* Offers receive buffers of GUEST. */
void packets_offer(struct guest_play *guest, enum driver_shape shape,
		   uint32_t len, unsigned count);

/* Host programs. */

void program_call(struct end *end);   /* of an end that is called */
void program_accept(struct end *end); /* of one that calls */
void program_send(struct end *end, uint32_t len);
void program_receive(struct end *end, uint32_t max);
void program_shut(struct end *end, int how);
void program_close(struct end *end);

/* What the daemon holds, against what the others have seen. */

struct conn;
struct conn *truth_conn(const struct end *end);

/* The guest was sent the REQUEST of END's connection, and has not answered. */
bool truth_asks(const struct end *end);

/* The same, and the ports were used lately: until the RESPONSE, the guest's
 * data, credit and SHUTDOWN are taken for the last connection's. */
bool truth_follows(const struct end *end);

/* The loop of END's guest makes short turns, which leave packets in the ring.
 * */
bool truth_hastens(const struct end *end);

/* Time passes: connections that wait for an answer may end. */
void play_pass_ms(uint64_t ms);

/* Call this when all loops rest and everything was collected. */
void truth_check(void);

/* Sends everything that can still be sent, and then ends everything. */
void truth_finish(void);

#endif
