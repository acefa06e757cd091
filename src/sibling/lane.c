/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Ordering. The writer fills bytes, then stores TAIL with a release; the
 * reader's acquire load of TAIL is its partner. The reader stores HEAD with a
 * release when it has done with bytes; the writer's acquire load is its
 * partner. A writer without room stores WAITING, then loads HEAD once more;
 * the reader stores HEAD, then loads WAITING: the two fences keep both from
 * missing each other.
 *
 * HEARD is stored before HEAD and loaded after it, so that a writer that sees
 * room for bytes sees the room for messages that came with it.
 *
 * All counters wrap around and are compared by subtraction.
 */
#include "sibling/lane.h"

#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"

#define CACHE_LINE 64

struct lane {
	char *bytes;
	/* Written by the writer. */
	alignas(CACHE_LINE) _Atomic size_t tail; /* published up to here */
	size_t committed;
	size_t head_seen;
	unsigned sent;
	unsigned heard_seen;
	/* Written by the reader. */
	alignas(CACHE_LINE) _Atomic size_t head;
	atomic_uint heard; /* messages */
	/* Written by both. */
	alignas(CACHE_LINE) atomic_bool waiting;
};

/* Maps the same pages twice, one after the other. NULL and errno on failure. */
static char *map_twice(int fd)
{
	char *at = mmap(NULL, 2 * LANE_BYTES, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned i;

	if (at == MAP_FAILED)
		return NULL;
	for (i = 0; i < 2; i++) {
		if (mmap(at + i * LANE_BYTES, LANE_BYTES,
			 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			 0) == MAP_FAILED) {
			munmap(at, 2 * LANE_BYTES);
			return NULL;
		}
	}
	return at;
}

static char *new_bytes(void)
{
	int fd = memfd_create("uring-vsock-lane", MFD_CLOEXEC);
	char *at = NULL;

	if (fd >= 0 && ftruncate(fd, LANE_BYTES) == 0)
		at = map_twice(fd);
	fd_close(&fd);
	return at;
}

struct lane *lane_new(void)
{
	struct lane *lane = aligned_alloc(CACHE_LINE, sizeof(*lane));

	if (!lane)
		return NULL;
	lane->bytes = new_bytes();
	if (!lane->bytes) {
		free(lane);
		return NULL;
	}
	atomic_init(&lane->tail, 0);
	atomic_init(&lane->head, 0);
	atomic_init(&lane->waiting, false);
	lane->committed = 0;
	lane->head_seen = 0;
	atomic_init(&lane->heard, 0);
	lane->sent = 0;
	lane->heard_seen = 0;
	return lane;
}

void lane_free(struct lane *lane)
{
	if (!lane)
		return;
	munmap(lane->bytes, 2 * LANE_BYTES);
	free(lane);
}

/* SIZE bytes and a message fit, by what the writer saw last of the reader. */
static bool seems_to_fit(const struct lane *lane, size_t size)
{
	return size <= LANE_BYTES - (lane->committed - lane->head_seen) &&
	       lane->sent - lane->heard_seen < LANE_MESSAGES;
}

static void look_at_reader(struct lane *lane)
{
	lane->head_seen =
		atomic_load_explicit(&lane->head, memory_order_acquire);
	lane->heard_seen =
		atomic_load_explicit(&lane->heard, memory_order_relaxed);
}

void *lane_reserve(struct lane *lane, size_t size)
{
	debug_assert(size <= LANE_BYTES && size % 8 == 0);
	if (!seems_to_fit(lane, size))
		look_at_reader(lane);
	if (!seems_to_fit(lane, size)) {
		atomic_store_explicit(&lane->waiting, true,
				      memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		look_at_reader(lane);
		if (!seems_to_fit(lane, size))
			return NULL;
	}
	return lane->bytes + lane->committed % LANE_BYTES;
}

void lane_commit(struct lane *lane, size_t size)
{
	lane->committed += size;
	lane->sent++;
}

bool lane_publish(struct lane *lane)
{
	if (atomic_load_explicit(&lane->tail, memory_order_relaxed) ==
	    lane->committed)
		return false;
	atomic_store_explicit(&lane->tail, lane->committed,
			      memory_order_release);
	return true;
}

const void *lane_peek(struct lane *lane, size_t *size)
{
	size_t head = atomic_load_explicit(&lane->head, memory_order_relaxed);

	*size = atomic_load_explicit(&lane->tail, memory_order_acquire) - head;
	return lane->bytes + head % LANE_BYTES;
}

bool lane_read(struct lane *lane, size_t size, unsigned messages)
{
	size_t head = atomic_load_explicit(&lane->head, memory_order_relaxed);
	unsigned heard =
		atomic_load_explicit(&lane->heard, memory_order_relaxed);

	atomic_store_explicit(&lane->heard, heard + messages,
			      memory_order_relaxed);
	atomic_store_explicit(&lane->head, head + size, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&lane->waiting, memory_order_relaxed) &&
	       atomic_exchange(&lane->waiting, false);
}
