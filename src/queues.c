/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "queues.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/fd.h"

void queue_init(struct guest_queue *q)
{
	*q = (struct guest_queue){ .call_fd = -1, .err_fd = -1 };
}

void queue_free(struct guest_queue *q)
{
	queue_stop(q);
	fd_close(&q->call_fd);
	fd_close(&q->err_fd);
	queue_init(q);
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

/* Alignment: virtio 1.3, 2.7. Mappings preserve it, as pages are aligned. */
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
 * What write(2) can notify somebody through. Pipes and sockets are made
 * non-blocking. The same flag on an eventfd would change how the front end
 * itself reads it, so that there it is only found out.
 */
static int check_notifier(int fd, bool *may_block, const char **why)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);
	bool anonymous;

	if (flags < 0 || fstat(fd, &st) < 0) {
		*why = "unusable descriptor";
		return -EINVAL;
	}
	anonymous = !(st.st_mode & S_IFMT);
	*may_block = anonymous && !(flags & O_NONBLOCK);
	if (anonymous)
		return 0;
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return fd_nonblock(fd);
	*why = "descriptor that is no eventfd, pipe or socket";
	return -EINVAL;
}

static int replace_notifier(int *slot, int fd, bool *may_block,
			    const char **why)
{
	int ret = 0;

	*may_block = false;
	if (fd >= 0)
		ret = check_notifier(fd, may_block, why);
	if (ret < 0) {
		fd_close(&fd);
		return ret;
	}
	fd_close(slot);
	*slot = fd;
	return 0;
}

int queue_set_call(struct guest_queue *q, int fd, const char **why)
{
	bool may_block;
	int ret = replace_notifier(&q->call_fd, fd, &may_block, why);

	if (!ret)
		q->call_may_block = may_block;
	return ret;
}

int queue_set_err(struct guest_queue *q, int fd, const char **why)
{
	bool may_block;
	int ret = replace_notifier(&q->err_fd, fd, &may_block, why);

	if (!ret)
		q->err_may_block = may_block;
	return ret;
}

bool queue_configured(const struct guest_queue *q)
{
	return q->has_size && q->has_addr && (q->kick || q->polled);
}

int queue_start(struct guest_queue *q, struct memory *memory,
		uint64_t features, const char **why)
{
	int ret;

	debug_assert(queue_configured(q) && !virtq_running(&q->vq));
	q->setup.event_idx = features & (1ull << VIRTIO_RING_F_EVENT_IDX);
	q->setup.notify_on_empty =
		features & (1ull << VIRTIO_F_NOTIFY_ON_EMPTY);
	ret = virtq_start(&q->vq, &q->setup, memory, why);
	if (!ret)
		q->error_told = false;
	return ret;
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

static bool takes_bytes(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1;
}

static void notify(int fd, bool may_block)
{
	if (fd < 0 || (may_block && !takes_bytes(fd)))
		return;
	eventfd_signal(fd);
}

void queue_call(const struct guest_queue *q)
{
	notify(q->call_fd, q->call_may_block);
}

void queue_tell_error(struct guest_queue *q)
{
	if (q->error_told)
		return;
	q->error_told = true;
	notify(q->err_fd, q->err_may_block);
}
