/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The whole span is reserved first; then each region is mapped over its part of
 * it. So neighbours here are separate files to the device, which may map them
 * at any addresses. Things are allocated within one region where they fit, as a
 * ring must be, or on purpose across a border, which no pointer of the device's
 * may cross.
 */
#include "frontend/ram.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096u

static size_t round_up(size_t value, size_t to)
{
	return (value + to - 1) / to * to;
}

static size_t region_bytes(const struct ram *ram, unsigned i)
{
	if (i + 1 < ram->count)
		return ram->region_size;
	return ram->size - i * ram->region_size;
}

static void map_region(struct ram *ram, unsigned i)
{
	size_t bytes = region_bytes(ram, i);
	void *at = ram->base + i * ram->region_size;
	int fd = memfd_create("guest-ram", MFD_CLOEXEC);

	need(fd >= 0, "memfd_create");
	need(!ftruncate(fd, (off_t)(ram->file_offset + bytes)), "ftruncate");
	need(mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		  (off_t)ram->file_offset) == at,
	     "mmap of guest memory");
	ram->fds[i] = fd;
}

void ram_init(struct ram *ram, size_t size, unsigned count, size_t file_offset)
{
	*ram = (struct ram){
		.size = round_up(size, PAGE * count),
		.count = count,
		.file_offset = round_up(file_offset, PAGE),
		.fds = need_zeroed(count, sizeof(int)),
	};
	ram->region_size = ram->size / count;
	ram->base = mmap(NULL, ram->size, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	need(ram->base != MAP_FAILED, "mmap of guest memory");
	for (unsigned i = 0; i < count; i++)
		map_region(ram, i);
}

void ram_free(struct ram *ram)
{
	if (!ram->base)
		return;
	munmap(ram->base, ram->size);
	for (unsigned i = 0; i < ram->count; i++)
		close(ram->fds[i]);
	free(ram->fds);
	*ram = (struct ram){ 0 };
}

static void *take_until(struct ram *ram, size_t start, size_t size)
{
	if (start + size > ram->size)
		die("guest memory of %zu bytes is too small", ram->size);
	ram->used = start + size;
	return ram->base + start;
}

void *ram_alloc(struct ram *ram, size_t size, size_t align)
{
	size_t start = round_up(ram->used, align);
	size_t left = ram->region_size - start % ram->region_size;

	if (size > left && size <= ram->region_size)
		start = round_up(start + left, align);
	return take_until(ram, start, size);
}

void *ram_alloc_across(struct ram *ram, size_t size)
{
	size_t first = (size + 1) / 2;
	size_t border = round_up(ram->used + first, ram->region_size);

	return take_until(ram, border - first, size);
}

uint64_t ram_guest_addr(const struct ram *ram, const void *at)
{
	return RAM_GUEST_BASE + (uint64_t)((const uint8_t *)at - ram->base);
}

uint64_t ram_user_addr(const struct ram *ram, const void *at)
{
	(void)ram;
	return (uintptr_t)at;
}

struct vu_region ram_region(const struct ram *ram, unsigned i)
{
	uint8_t *at = ram->base + i * ram->region_size;

	return (struct vu_region){
		.guest_addr = ram_guest_addr(ram, at),
		.size = region_bytes(ram, i),
		.user_addr = ram_user_addr(ram, at),
		.mmap_offset = ram->file_offset,
	};
}

uint64_t ram_sum(const struct ram *ram)
{
	uint64_t sum = 0, word;

	for (size_t i = 0; i < ram->size; i += sizeof(word)) {
		memcpy(&word, ram->base + i, sizeof(word));
		sum = sum * 31 + word;
	}
	return sum;
}
