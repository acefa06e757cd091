/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One half of a connection between two guests: what a link has in place of a
 * host socket. Each guest's half belongs to that guest's worker; what happens
 * at one is told to the other (sibling.h), which may be on another thread; but
 * for link_kill(), which is for the end of the daemon and tells nothing.
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

/* What the other half is yet to be told: facts about this half's guest. */
enum half_fact {
	HALF_ASKS = 1 << 0,	   /* it asks for a connection */
	HALF_ACCEPTS = 1 << 1,	   /* it accepted the connection */
	HALF_GRANTS = 1 << 2,	   /* it announced its buffer */
	HALF_ASKS_CREDIT = 1 << 3, /* it wants to know the other's buffer */
	HALF_DEAF = 1 << 4,	   /* it will not receive any more */
	HALF_RESETS = 1 << 5,	   /* it is gone: nothing more matters */
	/* These come behind the data. */
	HALF_ENDS = 1 << 6,	/* it will not send any more */
	HALF_FINISHES = 1 << 7, /* it closed: neither sends nor receives */
};

#define HALF_BEHIND_DATA (HALF_ENDS | HALF_FINISHES)

/*
 * A request that waits for its ports. The guest that asks has done with its
 * last connection from the same port; this guest, whose half of that one is
 * still in its table, has not seen the end yet, or has not answered it. What
 * its kernel still says would end the new connection. So the request waits at
 * that half until it has left the table, then with the loop until it is heard
 * again: at most one for each half.
 *
 * The asking half's deadline is the request's: when that has passed, HALF_RESETS
 * comes, as for one that did not wait.
 */
struct half_ask {
	struct list node; /* of the loop's asks, when its half has parted */
	struct half_message m;
};

struct half {
	struct switch_vm *other; /* the VM at the other end */
	uint64_t id;	       /* of the connection, the same in both halves */
	struct list telling;   /* on the loop's, while there is news */
	struct parcels inbox;  /* for this guest, which has no room yet */
	struct parcels outbox; /* from it, while there is no room in the lane
				  * to the other's worker */
	struct half_ask *ask;  /* for the same ports, or NULL */
	uint8_t news;	       /* enum half_fact bits to be told */
	uint8_t heard;	       /* HALF_BEHIND_DATA bits, behind the inbox */
	uint8_t end;	       /* how it ended: news, once its guest knows */
	bool over; /* HALF_RESETS or _FINISHES is told, or was heard */
};

/* Of a connection with OTHER's guest, whose number is ID. */
void half_init(struct half *half, struct switch_vm *other, uint64_t id);

/* Frees what waits in it. Nobody is told any more. */
void half_free(struct half *half);

/* The other half has been told all there is. */
static inline bool half_told(const struct half *half)
{
	return list_empty(&half->telling);
}

/* ASK, with HALF_ASKS, waits for the ports of HALF, GUEST's, whose connection is
 * in its table. It takes the place of one that waited: the guest that asks has
 * done with that, too. Until it is released it counts as one that GUEST has not
 * answered. False: out of memory. */
bool half_keep_ask(struct guest *guest, struct half *half,
		   const struct half_message *ask);

/* M may be of the half whose request waits at HALF: then the request says what
 * M says, or is no more. */
void half_note_ask(struct guest *guest, struct half *half,
		   const struct half_message *m);

/* HALF has left GUEST's table: what waited is the loop's, and a turn
 * comes. */
void half_release_ask(struct guest *guest, struct half *half);

/* The first of LOOP's. False: there is none. */
bool half_next_ask(struct loop *loop, struct half_message *ask);

/* Forgets all of LOOP's. */
void half_drop_asks(struct loop *loop);

#endif
