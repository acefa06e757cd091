/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The guest's memory is a sparse file of a little more than 2 GiB, of which a
 * few pages are ever touched. The code under test maps it region by region, the
 * test maps it as a whole: both see the same bytes at addresses that have
 * nothing to do with each other, so that no pointer is right by chance.
 *
 * The driver's side of the rings is written here once more, independent of
 * src/virtq, with the order that virtio asks of a driver: an entry first, then
 * the index that shows it.
 */
#include "unit/virtq/virtq_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include "base/check.h"
#include "virtq/guard.h"

#define FILE_SIZE (8 * KIB * KIB + HUGE_SIZE)
#define DESC_AT 0
#define AVAIL_AT (DESC_AT + 16 * VIRTQ_SIZE_MAX)

/* Apart in the file, so that the kernel never makes one mapping of two. */
static const struct memory_region regions[REGIONS] = {
	{ 0, FIRST_END, USER_BASE, 64 * KIB },
	{ FIRST_END, SECOND_END - FIRST_END, USER_BASE + FIRST_END,
	  1024 * KIB },
	{ FAR_AT, 1024 * KIB, USER_BASE + FAR_AT, 2048 * KIB },
	{ HUGE_AT, HUGE_SIZE, USER_BASE + HUGE_AT, 8 * KIB *KIB },
};

const struct memory_region *guest_regions(void)
{
	return regions;
}

void guest_open(struct guest *g)
{
	int fds[REGIONS];
	const char *why = NULL;

	ck_assert_int_eq(guard_install(), 0);
	g->fd = memfd_create("guest", MFD_CLOEXEC);
	ck_assert_int_ge(g->fd, 0);
	ck_assert_int_eq(ftruncate(g->fd, FILE_SIZE), 0);
	g->file = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_NORESERVE, g->fd, 0);
	ck_assert_ptr_ne(g->file, MAP_FAILED);
	for (unsigned i = 0; i < REGIONS; i++)
		fds[i] = g->fd;
	g->memory = memory_new(regions, fds, REGIONS, &why);
	ck_assert_msg(g->memory, "%s", why);
}

void guest_close(struct guest *g)
{
	memory_put(g->memory);
	munmap(g->file, FILE_SIZE);
	close(g->fd);
}

void *guest_at(struct guest *g, uint64_t gpa)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		uint64_t offset = gpa - regions[i].guest_addr;

		if (offset < regions[i].size)
			return g->file + regions[i].mmap_offset + offset;
	}
	ck_abort_msg("no guest memory at %#lx", (unsigned long)gpa);
	return NULL;
}

void *mapped_at(struct guest *g, uint64_t gpa)
{
	return memory_at_user(g->memory, USER_BASE + gpa, 1);
}

/* The rings lie in the far region; 32768 descriptors fill half of it. */
void ring_init(struct ring *r, struct guest *g, uint16_t size, uint16_t base,
	       bool event_idx)
{
	uint64_t desc = FAR_AT + DESC_AT;
	uint64_t avail = FAR_AT + AVAIL_AT;
	uint64_t used = avail + 128 * KIB;

	*r = (struct ring){
		.guest = g,
		.setup = {
			.size = size,
			.desc = USER_BASE + desc,
			.avail = USER_BASE + avail,
			.used = USER_BASE + used,
			.base = base,
			.event_idx = event_idx,
		},
		.desc = guest_at(g, desc),
		.avail = guest_at(g, avail),
		.used = guest_at(g, used),
		.next_avail = base,
		.last_used = base,
	};
	memset(guest_at(g, FAR_AT), 0, 1024 * KIB);
	layout_store(&r->avail[1], base, __ATOMIC_SEQ_CST);
	layout_store(&r->used[1], base, __ATOMIC_SEQ_CST);
}

void ring_desc(struct ring *r, unsigned i, uint64_t addr, uint32_t len,
	       uint16_t flags, uint16_t next)
{
	r->desc[i] = (struct vring_desc){
		.addr = htole64(addr),
		.len = htole32(len),
		.flags = htole16(flags),
		.next = htole16(next),
	};
}

void ring_add(struct ring *r, uint16_t head)
{
	uint16_t slot = r->next_avail & (uint16_t)(r->setup.size - 1);

	layout_store(&r->avail[2 + slot], head, __ATOMIC_RELAXED);
	r->next_avail++;
	layout_store(&r->avail[1], r->next_avail, __ATOMIC_SEQ_CST);
}

uint16_t ring_used_index(struct ring *r)
{
	return layout_load(&r->used[1], __ATOMIC_SEQ_CST);
}

uint16_t ring_used_flags(struct ring *r)
{
	return layout_load(&r->used[0], __ATOMIC_SEQ_CST);
}

bool ring_used(struct ring *r, uint32_t *head, uint32_t *len)
{
	uint16_t slot = r->last_used & (uint16_t)(r->setup.size - 1);
	struct vring_used_elem *e = (void *)(r->used + 2);

	if (ring_used_index(r) == r->last_used)
		return false;
	*head = le32toh(e[slot].id);
	*len = le32toh(e[slot].len);
	r->last_used++;
	return true;
}

uint16_t ring_avail_event(struct ring *r)
{
	return layout_load(&r->used[2 + 4 * r->setup.size], __ATOMIC_SEQ_CST);
}

void ring_set_used_event(struct ring *r, uint16_t event)
{
	layout_store(&r->avail[2 + r->setup.size], event, __ATOMIC_SEQ_CST);
}

void ring_set_avail_flags(struct ring *r, uint16_t flags)
{
	layout_store(&r->avail[0], flags, __ATOMIC_SEQ_CST);
}

void ring_set_avail_index(struct ring *r, uint16_t index)
{
	r->next_avail = index;
	layout_store(&r->avail[1], index, __ATOMIC_SEQ_CST);
}

unsigned mappings_of(const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];
	unsigned n = 0;

	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof(line), maps))
		n += strstr(line, name) != NULL;
	fclose(maps);
	return n;
}
