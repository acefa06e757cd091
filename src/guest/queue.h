/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's queue as the front end sets it up: what it was told so far, the
 * eventfds, and the ring that runs once all of it is there.
 *
 *	waits -> running      size, addresses, memory and a kick (or the promise
 *			      to be polled) are there: queue_start()
 *	running -> waits      queue_stop(), which forgets the kick
 *
 * A running queue moves packets only while it is enabled: queue_active().
 * Before a queue stops, or its memory changes, nothing of it may be in flight
 * (ends_settle()).
 */
#ifndef URING_VSOCK_GUEST_QUEUE_H
#define URING_VSOCK_GUEST_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/watch.h"
#include "virtq/virtq.h"

struct closer;
struct kick;
struct memory;
struct ring;

struct guest_queue {
	struct virtq vq;
	struct chain_rule rule;	  /* of its chains: for good */
	struct virtq_setup setup; /* base: where it starts next */
	struct kick *kick;	  /* NULL: none */
	struct kick *kicks_past;  /* the ring may still refer to them */
	int call_fd;		  /* ours; -1: the driver polls */
	int err_fd;		  /* ours; -1: none */
	struct closer *closer;	  /* of those; NULL: close them here */
	bool call_may_block;	  /* the front end left it blocking */
	bool err_may_block;
	bool blocked; /* a notification had to be interrupted, ever */
	bool has_size;
	bool has_addr;
	bool polled; /* no kicks will come: look at the ring instead */
	bool enabled;
	bool call_missed; /* a call was due while there was no call_fd */
	bool error_told;  /* err_fd was signalled since the last start */
	bool returned;	  /* it ran before, and was stopped at */
	uint16_t returned_base;
};

void queue_init(struct guest_queue *q, struct chain_rule rule);

/*
 * Stops, closes the eventfds and forgets all that was set; the kick was dropped
 * before. queue_free() also ends past kicks, which the ring has let go of.
 */
void queue_clear(struct guest_queue *q);
void queue_free(struct guest_queue *q);

/* Packets may be moved: it runs, is enabled and is not broken. */
static inline bool queue_active(const struct guest_queue *q)
{
	return q->enabled && q->vq.live;
}

/* 0, or -EINVAL with *WHY, and nothing has changed. Not while it runs. */
int queue_set_size(struct guest_queue *q, uint32_t size, uint32_t max,
		   const char **why);
int queue_set_addresses(struct guest_queue *q, uint64_t desc, uint64_t avail,
			uint64_t used, const char **why);
int queue_set_base(struct guest_queue *q, uint32_t base, const char **why);

/*
 * FD is an eventfd and becomes the queue's; -1 means none. Of anything else
 * that can be written to, writing may wait for its reader.
 */
void queue_set_call(struct guest_queue *q, int fd);
void queue_set_err(struct guest_queue *q, int fd);

/*
 * Kicks come by the eventfd FD from now on, which becomes the queue's in any
 * case. DONE is called with each; queue_kick_owner() then gives back OWNER. On
 * failure (-EINVAL with *WHY) the old kick stays. Dropping it is harmless if
 * there is none.
 */
int queue_set_kick(struct guest_queue *q, struct ring *ring, int fd,
		   ring_done *done, void *owner, const char **why);
void queue_drop_kick(struct guest_queue *q, struct ring *ring);
void *queue_kick_owner(struct ring_watch *watch);

/* It has what the front end must say before it can start, but for memory. */
bool queue_configured(const struct guest_queue *q);

/*
 * Starts a configured queue, with what FEATURES (virtio's bits) say. 0, or
 * -EFAULT with *WHY if its rings are not in MEMORY: more of that may come.
 */
int queue_start(struct guest_queue *q, struct memory *memory, uint64_t features,
		const char **why);

/* The ring now starts at another index than the one it was stopped at. */
bool queue_moved(const struct guest_queue *q);

/*
 * Stops, or does nothing if it does not run. setup.base is then the next index
 * to take; the kick stays for the caller to forget.
 */
void queue_stop(struct guest_queue *q);

/* Back to the state before any SET_VRING request but for the eventfds. */
void queue_reset(struct guest_queue *q);

/* Call the driver: buffers were used. No more than one system call or two. */
void queue_call(struct guest_queue *q);

/* Tell the front end, once for each start, that the guest broke the ring. */
void queue_tell_error(struct guest_queue *q);

#endif
