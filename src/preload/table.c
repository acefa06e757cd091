/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Two levels, which grow and never shrink: a chunk that a reader has found
 * stays where it is. An entry is an endpoint's address and one bit, which says
 * that the program does not see the descriptor; a fan's member has that bit
 * alone.
 */
#include "preload/table.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "preload/state.h"

#define CHUNK_BITS 10
#define CHUNK_SIZE (1 << CHUNK_BITS)
#define CHUNKS 1024

#define HIDDEN ((uintptr_t)1)

typedef _Atomic(uintptr_t) entry;

static _Atomic(entry *) chunks[CHUNKS];

/* NULL if there is no room for it yet. */
static entry *entry_of(int fd)
{
	entry *chunk;

	if (fd < 0 || fd >= CHUNKS * CHUNK_SIZE)
		return NULL;
	chunk = atomic_load_explicit(&chunks[fd >> CHUNK_BITS],
				     memory_order_acquire);
	return chunk ? &chunk[fd & (CHUNK_SIZE - 1)] : NULL;
}

static uintptr_t load(int fd)
{
	entry *at = entry_of(fd);

	return at ? atomic_load_explicit(at, memory_order_relaxed) : 0;
}

static int make_room(int fd)
{
	entry *chunk;

	if (fd < 0 || fd >= CHUNKS * CHUNK_SIZE)
		return -EMFILE;
	if (entry_of(fd))
		return 0;
	chunk = mmap(NULL, CHUNK_SIZE * sizeof(*chunk), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (chunk == MAP_FAILED)
		return -ENOMEM;
	atomic_store_explicit(&chunks[fd >> CHUNK_BITS], chunk,
			      memory_order_release);
	return 0;
}

static void store(int fd, const struct endpoint *endpoint, uintptr_t bits)
{
	entry *at = entry_of(fd);

	if (at)
		atomic_store_explicit(at, (uintptr_t)endpoint | bits,
				      memory_order_relaxed);
}

bool table_has(int fd)
{
	return load(fd) != 0;
}

bool table_is_hidden(int fd)
{
	return load(fd) & HIDDEN;
}

struct endpoint *table_find(int fd)
{
	return (struct endpoint *)(load(fd) & ~HIDDEN);
}

bool table_view(int fd, struct endpoint *copy)
{
	struct endpoint *found;
	struct state_guard saved;

	if (!table_has(fd))
		return false;
	state_lock(&saved);
	found = table_find(fd);
	if (found)
		*copy = *found;
	state_unlock(&saved);
	return found != NULL;
}

static int add(int fd, const struct endpoint *like)
{
	int err = make_room(fd);
	struct endpoint *made;

	if (err)
		return err;
	made = endpoint_new();
	if (!made)
		return -ENOMEM;
	*made = *like;
	made->fds = 1;
	store(fd, made, 0);
	return 0;
}

int table_add(int fd, const struct endpoint *like)
{
	struct state_guard saved;
	int err;

	state_lock(&saved);
	err = add(fd, like);
	state_unlock(&saved);
	return err;
}

bool table_take(int fd, struct endpoint *last)
{
	struct endpoint *found = table_find(fd);

	if (!found)
		return false;
	store(fd, NULL, 0);
	if (--found->fds)
		return false;
	*last = *found;
	endpoint_free(found);
	return true;
}

bool table_drop(int fd, struct endpoint *last)
{
	struct state_guard saved;
	bool was_last;

	if (!table_has(fd))
		return false;
	state_lock(&saved);
	was_last = table_take(fd, last);
	state_unlock(&saved);
	return was_last;
}

bool table_alias(int from, int to, struct endpoint *last)
{
	bool was_last = false;
	struct endpoint *found;
	struct state_guard saved;

	if (from == to || (!table_has(from) && !table_has(to)))
		return false;
	state_lock(&saved);
	found = table_find(from);
	if (found)
		found->fds++;
	was_last = table_take(to, last);
	if (found && make_room(to) < 0)
		found->fds--;
	else if (found)
		store(to, found, 0);
	state_unlock(&saved);
	return was_last;
}

static int next_in_chunk(const entry *chunk, int fd)
{
	do {
		if (atomic_load_explicit(&chunk[fd & (CHUNK_SIZE - 1)],
					 memory_order_relaxed))
			return fd;
		fd++;
	} while (fd & (CHUNK_SIZE - 1));
	return -1;
}

int table_next(int fd)
{
	while (fd < CHUNKS * CHUNK_SIZE) {
		const entry *chunk = atomic_load_explicit(
			&chunks[fd >> CHUNK_BITS], memory_order_acquire);
		int found = chunk ? next_in_chunk(chunk, fd) : -1;

		if (found >= 0)
			return found;
		fd = (fd | (CHUNK_SIZE - 1)) + 1;
	}
	return -1;
}

int table_hide(int fd)
{
	int err = make_room(fd);

	if (!err)
		store(fd, NULL, HIDDEN);
	return err;
}

void table_unhide(int fd)
{
	store(fd, NULL, 0);
}

int table_hold(int from, int to)
{
	struct endpoint *found = table_find(from);
	int err = make_room(to);

	if (err)
		return err;
	found->fds++;
	store(to, found, HIDDEN);
	return 0;
}
