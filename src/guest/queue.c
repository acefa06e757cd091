/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A queue outlives the ring that runs on it. While the ring stops and starts
 * again the queue keeps its eventfds; whether a call was due while it had no
 * eventfd for it, which is made up for; and the index at which the ring stopped,
 * by which its next start is judged (queue_moved()). That a notification once
 * had to be interrupted is remembered even when the next front end comes, as it
 * cost all VMs of the worker a moment.
 */
#include "guest/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/closer.h"
#include "base/fd.h"
#include "ring/ring.h"

/*
 * The ring may refer to a watch after it was stopped, and a front end may send
 * the next kick at once. So each kick has memory of its own, which waits among
 * the queue's past kicks until the ring has let go of it.
 */
struct kick {
	struct ring_watch watch;
	struct kick *next; /* among past kicks */
	void *owner;
	int fd;
};

void queue_init(struct guest_queue *q, struct chain_rule rule)
{
	*q = (struct guest_queue){
		.rule = rule,
		.call_fd = -1,
		.err_fd = -1,
	};
}

int queue_set_size(struct guest_queue *q, uint32_t size, uint32_t max,
		   const char **why)
{
	debug_assert(!virtq_running(&q->vq));
	if (!is_power_of_two(size) || size > VIRTQ_SIZE_MAX) {
		*why = "size is not a power of two up to 32768";
		return -EINVAL;
	}
	if (size > max) {
		*why = "size is above the configured queue-size";
		return -EINVAL;
	}
	q->setup.size = (uint16_t)size;
	q->has_size = true;
	return 0;
}

/* Alignment: virtio 1.3, 2.7. Addresses keep it in our mapping, which begins
 * with a page. */
int queue_set_addresses(struct guest_queue *q, uint64_t desc, uint64_t avail,
			uint64_t used, const char **why)
{
	debug_assert(!virtq_running(&q->vq));
	if (desc % VRING_DESC_ALIGN_SIZE || avail % VRING_AVAIL_ALIGN_SIZE ||
	    used % VRING_USED_ALIGN_SIZE) {
		*why = "misaligned ring address";
		return -EINVAL;
	}
	q->setup.desc = desc;
	q->setup.avail = avail;
	q->setup.used = used;
	q->has_addr = true;
	return 0;
}

int queue_set_base(struct guest_queue *q, uint32_t base, const char **why)
{
	debug_assert(!virtq_running(&q->vq));
	if (base > UINT16_MAX) {
		*why = "index does not fit 16 bits";
		return -EINVAL;
	}
	q->setup.base = (uint16_t)base;
	return 0;
}

/*
 * A write(2) to the eventfd must never wait. O_NONBLOCK is not set here, since
 * it would change how the front end itself reads the eventfd; it is only found
 * out whether the front end has set it. A front end that clears the flag later
 * makes one write wait, which the watchdog interrupts. From then on the queue
 * asks before each write whether it would wait.
 */
static void replace_notifier(struct guest_queue *q, int *slot, bool *may_block,
			     int fd)
{
	closer_close_one(q->closer, slot);
	*slot = fd;
	*may_block = fd >= 0 && !(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

/* A write(2) to FD would not wait, as far as can be known before it. */
static bool takes_bytes(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

static void notify(struct guest_queue *q, int fd, bool may_block)
{
	if (fd < 0 || ((may_block || q->blocked) && !takes_bytes(fd)))
		return;
	if (eventfd_signal(fd) != -EINTR)
		return;
	q->blocked = true;
	virtq_break(&q->vq, "the front end lets a notification wait");
}

void queue_call(struct guest_queue *q)
{
	q->call_missed = q->call_fd < 0;
	notify(q, q->call_fd, q->call_may_block);
}

void queue_set_call(struct guest_queue *q, int fd)
{
	replace_notifier(q, &q->call_fd, &q->call_may_block, fd);
	if (q->call_missed)
		queue_call(q);
}

void queue_set_err(struct guest_queue *q, int fd)
{
	replace_notifier(q, &q->err_fd, &q->err_may_block, fd);
}

void queue_tell_error(struct guest_queue *q)
{
	if (q->error_told)
		return;
	q->error_told = true;
	notify(q, q->err_fd, q->err_may_block);
}

/* Frees the past kicks that the ring has let go of, or ALL. */
static void free_past_kicks(struct guest_queue *q, bool all)
{
	struct kick **at = &q->kicks_past;
	struct kick *kick;

	while (*at) {
		kick = *at;
		if (!all && ring_watch_busy(&kick->watch)) {
			at = &kick->next;
			continue;
		}
		*at = kick->next;
		free(kick);
	}
}

void queue_drop_kick(struct guest_queue *q, struct ring *ring)
{
	struct kick *kick = q->kick;

	if (kick) {
		ring_unwatch(ring, &kick->watch);
		ring_let_go(ring);
		closer_close_one(q->closer, &kick->fd);
		kick->next = q->kicks_past;
		q->kicks_past = kick;
		q->kick = NULL;
	}
	q->polled = false;
	free_past_kicks(q, false);
}

void queue_set_polled(struct guest_queue *q, struct ring *ring)
{
	queue_drop_kick(q, ring);
	q->polled = true;
}

static struct kick *kick_new(struct ring *ring, int fd, ring_done *done,
			     void *owner, const char **why)
{
	struct kick *kick = calloc(1, sizeof(*kick));

	if (!kick) {
		*why = "out of memory";
		return NULL;
	}
	kick->fd = fd;
	kick->owner = owner;
	ring_watch_init(&kick->watch);
	if (ring_watch(ring, &kick->watch, fd, done) < 0) {
		*why = "descriptor that cannot be watched";
		free(kick);
		return NULL;
	}
	return kick;
}

int queue_set_kick(struct guest_queue *q, struct ring *ring, int fd,
		   ring_done *done, void *owner, const char **why)
{
	struct kick *kick = kick_new(ring, fd, done, owner, why);

	if (!kick) {
		closer_close_one(q->closer, &fd);
		return -EINVAL;
	}
	queue_drop_kick(q, ring);
	q->kick = kick;
	return 0;
}

void *queue_kick_owner(struct ring_watch *watch)
{
	return container_of(watch, struct kick, watch)->owner;
}

bool queue_configured(const struct guest_queue *q)
{
	return q->has_size && q->has_addr && (q->kick || q->polled);
}

int queue_start(struct guest_queue *q, struct memory *memory, uint64_t features,
		const char **why)
{
	int ret;

	debug_assert(queue_configured(q) && !virtq_running(&q->vq));
	q->setup.event_idx = features & (1ull << VIRTIO_RING_F_EVENT_IDX);
	q->setup.notify_on_empty = features &
				   (1ull << VIRTIO_F_NOTIFY_ON_EMPTY);
	q->setup.in_order = features & (1ull << VIRTIO_F_IN_ORDER);
	q->setup.rule = q->rule;
	ret = virtq_start(&q->vq, &q->setup, memory, why);
	if (ret < 0)
		return ret;
	q->error_told = false;
	q->returned = false;
	return 0;
}

bool queue_moved(const struct guest_queue *q)
{
	return q->returned && q->setup.base != q->returned_base;
}

void queue_stop(struct guest_queue *q)
{
	if (!virtq_running(&q->vq))
		return;
	q->setup.base = virtq_stop(&q->vq);
	q->returned_base = q->setup.base;
	q->returned = true;
}

void queue_reset(struct guest_queue *q)
{
	debug_assert(!q->kick);
	queue_stop(q);
	q->setup = (struct virtq_setup){ .base = 0 };
	q->has_size = false;
	q->has_addr = false;
	q->polled = false;
	q->enabled = false;
	q->returned = false;
}

void queue_clear(struct guest_queue *q)
{
	struct kick *past = q->kicks_past;
	struct closer *closer = q->closer;
	bool blocked = q->blocked;

	debug_assert(!q->kick);
	virtq_stop(&q->vq);
	closer_close_one(closer, &q->call_fd);
	closer_close_one(closer, &q->err_fd);
	queue_init(q, q->rule);
	q->kicks_past = past;
	q->closer = closer;
	q->blocked = blocked;
}

void queue_free(struct guest_queue *q)
{
	queue_clear(q);
	free_past_kicks(q, true);
}
