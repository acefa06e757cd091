/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device's side of one split virtqueue (virtio 1.3, 2.7).
 *
 * Chains are taken in the order in which the guest made them available, some
 * are used before their turn (virtq_peek()), and all are given back in the
 * order in which they were taken; what was given becomes visible to the guest
 * all at once in virtq_publish(), which alone writes used->idx. So used->idx
 * alone says where the ring stands, at any instant. Nothing here makes a system call or allocates;
 * eventfds are the caller's.
 *
 * A guest that breaks the rules breaks its queue: virtq_broken() says why,
 * nothing is taken, given or published any more, until virtq_start(). So does
 * guest memory that vanished (memory_lost()).
 */
#ifndef URING_VSOCK_VIRTQ_VIRTQ_H
#define URING_VSOCK_VIRTQ_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>
#include "virtq/chain.h"
#include "virtq/layout.h"

/* An iovec array of this length holds every chain. */
#define VIRTQ_CHAIN_MAX CHAIN_SEGMENTS_MAX
#define VIRTQ_SIZE_MAX LAYOUT_SIZE_MAX

/* The most entries that may wait and have been peeked at. Their bits are found
 * by index. */
#define VIRTQ_PEEK_MAX 256

struct virtq_setup {
	uint16_t size; /* entries, a power of two */
	uint64_t desc; /* the front end's user addresses */
	uint64_t avail;
	uint64_t used;
	uint16_t base;		/* next available index to take */
	bool event_idx;		/* VIRTIO_RING_F_EVENT_IDX was negotiated */
	bool notify_on_empty;	/* VIRTIO_F_NOTIFY_ON_EMPTY was */
	bool in_order;		/* VIRTIO_F_IN_ORDER was */
	struct chain_rule rule; /* of all its chains */
};

/*
 * With VIRTIO_F_IN_ORDER one used element stands for a batch: it lies where the
 * batch begins and names the last chain of it. The driver takes the others for
 * written in full (virtio 1.3, 2.7.9), so a chain that was not ends its batch.
 */
struct virtq_batch {
	uint16_t at; /* the element's place; valid while OPEN */
	uint16_t head;
	uint32_t len;
	uint32_t room; /* bytes that could be written */
	bool open;
};

/* All zero is a queue that was never started. Fields are virtq.c's own. */
struct virtq {
	struct chain_source source;
	uint16_t *avail;     /* flags, idx, ring[], used_event */
	uint16_t *used;	     /* flags, idx, ring[], avail_event */
	uint16_t mask;	     /* size - 1 */
	uint16_t next_avail; /* next entry to take */
	uint16_t seen_avail; /* the guest's index when it was last read */
	uint16_t next_used;  /* next entry to give, published or not */
	uint16_t published;  /* what used->idx holds */
	uint16_t in_flight;  /* taken and not given */
	uint16_t npeeked;    /* waiting entries that were peeked at */
	uint16_t nearly;     /* of those, used early */
	bool live;	     /* running and not broken */
	bool call_anyway;    /* nobody knows what was signalled before start */
	struct virtq_setup setup;
	struct memory *memory; /* our reference; NULL: not running */
	const char *broken;
	uint64_t early[VIRTQ_PEEK_MAX / 64]; /* bits, by the entry's index */
	struct virtq_batch batch;
};

/*
 * Starts at setup->base; the used index is what the ring says. Takes its own
 * reference on MEMORY until virtq_stop(). 0, or negative errno with *WHY:
 * -EINVAL (size; alignment: 16, 2, 4), -EFAULT (a part is not in one region),
 * and Q is as it was. Asks the guest to kick, and calls it at the first
 * publish: what was signalled before is not known.
 */
int virtq_start(struct virtq *q, const struct virtq_setup *setup,
		struct memory *memory, const char **why);

/*
 * Puts a running queue on another map, at the same user addresses. No chain
 * may be in flight. On failure the queue keeps its old map and reference.
 */
int virtq_remap(struct virtq *q, struct memory *memory, const char **why);

/*
 * Gives up the memory and writes to it no more. Returns the next index to take,
 * for GET_VRING_BASE: first give or untake what is in flight, and publish.
 */
uint16_t virtq_stop(struct virtq *q);

bool virtq_running(const struct virtq *q);

/*
 * Of a queue of SETUP that does not run: the guest's available index, as it is
 * now. False: its ring is not in MEMORY. Writes nothing.
 */
bool virtq_guest_index(const struct virtq_setup *setup,
		       const struct memory *memory, uint16_t *index);

/*
 * Reads the guest's index. Returns how many entries wait to be taken: 0 as well
 * if the queue is broken, which an impossible index makes it.
 */
uint16_t virtq_look(struct virtq *q);

/* Whether the driver of a running queue has added nothing since the start, as
 * far as can be seen in the ring. */
bool virtq_untouched(const struct virtq *q);

/*
 * Takes one chain, its segments into IOV: 1; nothing there, or stopped, or
 * broken before: 0; the queue broke now: -EPROTO; more than MAX segments:
 * -ENOBUFS, and the chain is still there (never with MAX >= VIRTQ_CHAIN_MAX).
 */
int virtq_take(struct virtq *q, struct iovec *iov, unsigned max,
	       struct chain *out);

/*
 * The quick way of virtq_take(), for a queue of writable chains. It takes the next
 * chain only if an earlier look at the ring has found it, and if it is a receive
 * buffer as drivers make it (chain_walk_buffer()). False: nothing was taken, and
 * virtq_take() decides.
 */
bool virtq_take_buffer(struct virtq *q, struct iovec *segment,
		       struct chain *out);

/*
 * As virtq_take(), but for the first entry that was not peeked at yet, and it
 * stays where it is. 0 as well when VIRTQ_PEEK_MAX entries that wait were peeked
 * at, or when the guest's index broke the queue now.
 *
 * virtq_use_early(): the entry that was peeked at last is used now.
 * virtq_take() finds it EARLY, without a segment, and it is given back only
 * then: a driver that had it back before could overwrite entries that were not
 * read yet.
 */
int virtq_peek(struct virtq *q, struct iovec *iov, unsigned max,
	       struct chain *out);
void virtq_use_early(struct virtq *q);

/* Whether entries that were used early still wait: then the ring cannot be
 * stopped in such a way that another back end goes on with it. */
static inline bool virtq_has_early(const struct virtq *q)
{
	return q->live && q->nearly;
}

/* Whether the entry at INDEX, modulo 2^16, was peeked at and not yet taken. */
static inline bool virtq_peeked(const struct virtq *q, uint16_t index)
{
	return (uint16_t)(index - q->next_avail) < q->npeeked;
}

/* The index of the entry that was peeked at last. */
static inline uint16_t virtq_last_peeked(const struct virtq *q)
{
	return (uint16_t)(q->next_avail + q->npeeked - 1);
}

/* The last N chains taken wait again; not one of them was given meanwhile, and
 * nothing was peeked at. */
void virtq_untake(struct virtq *q, uint16_t n);

/* Whether CHAIN, which was taken, is the next one to give: all that were taken
 * before it have been given. */
static inline bool virtq_gives_next(const struct virtq *q,
				    const struct chain *chain)
{
	return chain->index == (uint16_t)(q->next_avail - q->in_flight);
}

/* Stages the return of CHAIN with LEN bytes written to it. It is the next one
 * to give: virtq_gives_next(), unless the queue broke. */
void virtq_give(struct virtq *q, const struct chain *chain, uint32_t len);

/* Returns that are staged and not published. */
static inline uint16_t virtq_unpublished(const struct virtq *q)
{
	return (uint16_t)(q->next_used - q->published);
}

/*
 * Shows the guest what was given since the last call. True: it wants to be
 * called (EVENT_IDX, flags, NOTIFY_ON_EMPTY; 2.7.7). Nothing staged: false.
 */
bool virtq_publish(struct virtq *q);

/*
 * virtq_kicks_off() asks the guest not to kick, virtq_kicks_on() to kick for
 * the next entry. True: entries wait already, so look again before going to
 * sleep. These are hints: a kick may come all the same. After entries were
 * taken, virtq_kicks_on() has to be called again.
 */
void virtq_kicks_off(struct virtq *q);
bool virtq_kicks_on(struct virtq *q);

/*
 * WHY is a static string. The first reason is kept; memory that vanished
 * explains every other one and takes its place.
 */
void virtq_break(struct virtq *q, const char *why);
/* Breaks Q if its memory vanished: a file shrank, and reads as zeros now. */
void virtq_check_memory(struct virtq *q);
/* NULL, or why; q->source.fault_index is the descriptor looked at last. */
const char *virtq_broken(const struct virtq *q);

#endif
