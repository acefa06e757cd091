/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's queue as the front end sets it up: what the front end has said so
 * far, the eventfds, and the ring that runs once all of it is there.
 *
 *	waits -> running      queue_start(): size, addresses and memory are
 *			      there, and a kick descriptor or NO_FD
 *	running -> waits      queue_stop(), after which the caller drops the kick
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
	struct virtq_setup setup; /* base: the index that it starts at next */
	struct kick *kick;	  /* NULL: none */
	struct kick *kicks_past;  /* the ring may still refer to them */
	int call_fd;		  /* ours; -1: the driver polls */
	int err_fd;		  /* ours; -1: none */
	struct closer *closer;	  /* of the eventfds; NULL: close them here */
	bool call_may_block;	  /* the front end left call_fd blocking */
	bool err_may_block;	  /* the front end left err_fd blocking */
	bool blocked; /* a notification had to be interrupted, ever */
	bool has_size;
	bool has_addr;
	bool polled;	  /* no kicks will come: look at the ring instead */
	bool enabled;	  /* by session/device.c */
	bool call_missed; /* a call was due while there was no call_fd */
	bool error_told;  /* err_fd was signalled since the last start */
	bool returned;	  /* it ran before, and stopped at returned_base */
	uint16_t returned_base;
};

void queue_init(struct guest_queue *q, struct chain_rule rule);

/*
 * Stops the queue, closes its eventfds and forgets all that was set. The kick
 * was dropped before. queue_free() also frees past kicks, which the ring must
 * have let go of.
 */
void queue_clear(struct guest_queue *q);
void queue_free(struct guest_queue *q);

/* Packets may be moved: the queue runs, is enabled and is not broken. */
static inline bool queue_active(const struct guest_queue *q)
{
	return q->enabled && q->vq.live;
}

/* 0, or -EINVAL with *WHY, and nothing has changed. Not while the queue
 * runs. */
int queue_set_size(struct guest_queue *q, uint32_t size, uint32_t max,
		   const char **why);
int queue_set_addresses(struct guest_queue *q, uint64_t desc, uint64_t avail,
			uint64_t used, const char **why);
int queue_set_base(struct guest_queue *q, uint32_t base, const char **why);

/* FD is an eventfd, and becomes the queue's; -1 means none. A write(2) to any
 * other kind of file might wait for its reader. */
void queue_set_call(struct guest_queue *q, int fd);
void queue_set_err(struct guest_queue *q, int fd);

/*
 * Kicks come by the eventfd FD from now on, which becomes the queue's in any
 * case. DONE is called with each; queue_kick_owner() then gives back OWNER. On
 * failure (-EINVAL with *WHY) the old kick stays.
 */
int queue_set_kick(struct guest_queue *q, struct ring *ring, int fd,
		   ring_done *done, void *owner, const char **why);
void *queue_kick_owner(struct ring_watch *watch);

/* No kicks will come from now on: the ring is to be looked at instead. */
void queue_set_polled(struct guest_queue *q, struct ring *ring);

/* Drops the kick, or forgets that none will come. Harmless if neither was
 * set. */
void queue_drop_kick(struct guest_queue *q, struct ring *ring);

/* The front end has said all that the queue needs before it can start; memory
 * may be missing. */
bool queue_configured(const struct guest_queue *q);

/*
 * Starts a configured queue, as FEATURES (virtio's bits) say. 0, or -EFAULT with
 * *WHY if its rings are not in MEMORY, of which more may come.
 */
int queue_start(struct guest_queue *q, struct memory *memory, uint64_t features,
		const char **why);

/* The queue was stopped, and is to start at another index than it stopped at. */
bool queue_moved(const struct guest_queue *q);

/*
 * Stops the queue if it runs. setup.base is then the next index to take. The
 * kick stays, for the caller to drop.
 */
void queue_stop(struct guest_queue *q);

/* Back to the state before any SET_VRING request, except for the eventfds. */
void queue_reset(struct guest_queue *q);

/* Calls the driver: buffers were used. Two system calls at the most. */
void queue_call(struct guest_queue *q);

/* Tells the front end, once for each start, that the guest broke the ring. */
void queue_tell_error(struct guest_queue *q);

#endif
