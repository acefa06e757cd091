/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One half of a connection between two guests: what a link has in place of a
 * host socket. Each guest's half belongs to that guest's worker. What happens
 * at one half is told to the other (sibling.h), which may be on another thread.
 * Only link_kill(), which is for the end of the daemon, tells nothing.
 */
#ifndef URING_VSOCK_LINK_HALF_H
#define URING_VSOCK_LINK_HALF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "link/half_message.h"
#include "vsock/parcels.h"

struct guest;
struct loop;
struct switch_vm;

/* Facts about this half's guest that the other half is yet to be told. */
enum half_fact {
	HALF_ASKS = 1 << 0,	   /* it asks for a connection */
	HALF_ACCEPTS = 1 << 1,	   /* it accepted the connection */
	HALF_GRANTS = 1 << 2,	   /* it announced its buffer */
	HALF_ASKS_CREDIT = 1 << 3, /* it wants to know the other's buffer */
	HALF_DEAF = 1 << 4,	   /* it will not receive any more */
	HALF_RESETS = 1 << 5,	   /* it broke off: nothing more matters */
	/* These are told after the data. */
	HALF_ENDS = 1 << 6,	/* it will not send any more */
	HALF_FINISHES = 1 << 7, /* it closed: neither sends nor receives */
};

#define HALF_BEHIND_DATA (HALF_ENDS | HALF_FINISHES)

/*
 * A request that waits for its ports. The guest that asks has done with its
 * last connection from the same port. The guest that is asked still has its
 * half of that one in its table, as it has not seen the end yet or has not
 * answered it, and what its kernel still says would end the new connection. So
 * the request waits at that half until the half has left the table, then with
 * the loop until it is heard again: at most one for each half.
 *
 * The deadline of the half that asks holds for the request as well: when it has
 * passed, HALF_RESETS comes, as for a request that did not wait.
 */
struct half_ask {
	struct list node; /* of the loop's asks, when its half has parted */
	struct half_message m;
};

struct half {
	struct switch_vm *other; /* the VM at the other end */
	uint64_t id;		 /* the connection's, the same in both halves */
	struct list telling;	 /* on the loop's list while there is news */
	struct parcels inbox;	 /* for this guest, which has no room yet */
	struct parcels outbox;	 /* from this guest, while the lane is full */
	struct half_ask *ask;	 /* for the same ports, or NULL */
	uint8_t news;		 /* enum half_fact bits to be told */
	uint8_t heard; /* HALF_BEHIND_DATA bits, noted until the inbox is empty */
	uint8_t end;   /* HALF_RESETS or _FINISHES, told when its guest knows */
	bool over;     /* HALF_RESETS or _FINISHES is told, or was heard */
};

/* A half of the connection ID, with OTHER's guest. */
void half_init(struct half *half, struct switch_vm *other, uint64_t id);

/* Frees what waits in the half. Its news are told to nobody. */
void half_free(struct half *half);

/* The other half has been told all there is. */
static inline bool half_told(const struct half *half)
{
	return list_empty(&half->telling);
}

/* ASK, with HALF_ASKS, waits for the ports of HALF, whose connection is in
 * GUEST's table. It takes the place of a request that waited: the guest that
 * asks has done with that one, too. Until it is released it counts as a request
 * that GUEST has not answered. False: out of memory. */
bool half_keep_ask(struct guest *guest, struct half *half,
		   const struct half_message *ask);

/* M was told to HALF. If the half that told it is the one whose request waits at
 * HALF, the request takes over what M says, or is dropped if M ends it. */
void half_note_ask(struct guest *guest, struct half *half,
		   const struct half_message *m);

/* HALF has left GUEST's table: the request that waited is handed to the loop,
 * and GUEST is woken for it. */
void half_release_ask(struct guest *guest, struct half *half);

/* Takes the first of LOOP's released requests. False: there is none. */
bool half_next_ask(struct loop *loop, struct half_message *ask);

/* Forgets all of them. */
void half_drop_asks(struct loop *loop);

#endif
