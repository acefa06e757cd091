/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/regions.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "virtq/guard.h"

/* Each region has its own part of the file, at an odd place in it. Huge ones
 * begin in their part and have the same bytes behind it. */
#define PART (2 * REGION_SIZE_MAX)
#define FILE_SIZE ((size_t)REGIONS_MAX * PART + REGION_HUGE)
#define PAGE 4096u
#define PAGES ((FILE_SIZE + PAGE - 1) / PAGE)
#define USER_OFFSET 0x100000000000u

static struct {
	int fd;
	uint8_t *bytes;
	/* Pages that must be cleared again, each listed once. */
	uint32_t written[PAGES];
	uint8_t is_written[PAGES];
	uint32_t nwritten;
} file;

/* Where the first region begins; with the last choice, the last region ends at
 * 2^64. */
static uint64_t first_address(unsigned choice, uint64_t span)
{
	switch (choice) {
	case 0:
		return 0;
	case 1:
		return 4096;
	case 2:
		return UINT32_MAX - 100u;
	default:
		return -span;
	}
}

static int file_new(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	fuzz_check(fd >= 0 && ftruncate(fd, FILE_SIZE) == 0);
	return fd;
}

static void file_open(void)
{
	if (file.bytes)
		return;
	fuzz_check(guard_install() == 0);
	file.fd = file_new();
	file.bytes = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_NORESERVE, file.fd, 0);
	fuzz_check(file.bytes != MAP_FAILED);
}

static struct memory *map_of(const struct regions *r, int fd)
{
	int fds[REGIONS_MAX];
	const char *why = NULL;
	struct memory *m;

	for (unsigned i = 0; i < r->count; i++)
		fds[i] = fd;
	m = memory_new(r->region, fds, r->count, &why);
	fuzz_check(m);
	return m;
}

struct memory *regions_again(const struct regions *r)
{
	return map_of(r, file.fd);
}

struct memory *regions_of_zeros(const struct regions *r, int *fd)
{
	*fd = file_new();
	return map_of(r, *fd);
}

void regions_open(struct regions *r, struct fuzz_input *in, uint64_t least)
{
	unsigned choice = fuzz_below(in, 4);
	uint64_t at = 0;

	file_open();
	r->count = 1 + fuzz_below(in, REGIONS_MAX);
	for (unsigned i = 0; i < r->count; i++) {
		unsigned gap = fuzz_u8(in);
		uint64_t size = 1 + (uint64_t)fuzz_u16(in);

		/* The first region suits rings: it is aligned, and not small.
		 * */
		if (!i) {
			gap &= 0xf0;
			size = size < least ? least : size;
		} else if (gap & 1) {
			at += gap;
		}
		r->region[i] = (struct memory_region){
			.guest_addr = at,
			.size = gap == UINT8_MAX ? REGION_HUGE : size,
			.mmap_offset = (uint64_t)i * PART + gap,
		};
		at += r->region[i].size;
	}
	for (unsigned i = 0; i < r->count; i++) {
		r->region[i].guest_addr += first_address(choice, at);
		r->region[i].user_addr =
			regions_user(r, r->region[i].guest_addr);
	}
	r->memory = regions_again(r);
}

void regions_close(struct regions *r)
{
	while (file.nwritten) {
		uint32_t page = file.written[--file.nwritten];

		memset(file.bytes + (size_t)page * PAGE, 0, PAGE);
		file.is_written[page] = 0;
	}
	memory_put(r->memory);
	r->memory = NULL;
}

FUZZ_MODEL static const struct memory_region *find(const struct regions *r,
						   uint64_t guest_addr)
{
	for (unsigned i = 0; i < r->count; i++) {
		const struct memory_region *region = &r->region[i];

		if (guest_addr >= region->guest_addr &&
		    guest_addr <= region->guest_addr + (region->size - 1))
			return region;
	}
	return NULL;
}

FUZZ_MODEL uint8_t *regions_byte(const struct regions *r, uint64_t guest_addr)
{
	const struct memory_region *region = find(r, guest_addr);

	return region ? file.bytes + region->mmap_offset +
				(guest_addr - region->guest_addr)
		      : NULL;
}

FUZZ_MODEL int regions_count(const struct regions *r, uint64_t guest_addr,
			     uint64_t len)
{
	int n = 0;

	while (len) {
		const struct memory_region *region = find(r, guest_addr);
		uint64_t last;

		if (!region)
			return -1;
		n++;
		last = region->guest_addr + (region->size - 1);
		if (len - 1 <= last - guest_addr)
			return n;
		len -= last - guest_addr + 1;
		if (last == UINT64_MAX)
			return -1;
		guest_addr = last + 1;
	}
	return n;
}

/* How many bytes from GUEST_ADDR on lie in one region, at most N; 1 if nothing
 * is mapped there. */
FUZZ_MODEL static size_t piece(const struct regions *r, uint64_t guest_addr,
			       size_t n, uint8_t **at)
{
	const struct memory_region *region = find(r, guest_addr);
	uint64_t left;

	*at = regions_byte(r, guest_addr);
	if (!region)
		return 1;
	left = region->size - (guest_addr - region->guest_addr);
	return n < left ? n : left;
}

static void forget_later(const uint8_t *at, size_t n)
{
	size_t start = (size_t)(at - file.bytes);

	for (size_t page = start / PAGE; page * PAGE < start + n; page++) {
		if (file.is_written[page])
			continue;
		file.is_written[page] = 1;
		file.written[file.nwritten++] = (uint32_t)page;
	}
}

FUZZ_MODEL void regions_put(const struct regions *r, uint64_t guest_addr,
			    const void *bytes, size_t n)
{
	size_t part;
	uint8_t *at;

	for (size_t done = 0; done < n; done += part) {
		part = piece(r, guest_addr + done, n - done, &at);
		if (!at)
			continue;
		memcpy(at, (const uint8_t *)bytes + done, part);
		forget_later(at, part);
	}
}

FUZZ_MODEL void regions_get(const struct regions *r, uint64_t guest_addr,
			    void *bytes, size_t n)
{
	size_t part;
	uint8_t *at;

	memset(bytes, 0, n);
	for (size_t done = 0; done < n; done += part) {
		part = piece(r, guest_addr + done, n - done, &at);
		if (at)
			memcpy((uint8_t *)bytes + done, at, part);
	}
}

FUZZ_MODEL bool regions_have(const struct regions *r,
			     const struct memory *memory, const void *at,
			     size_t n)
{
	for (unsigned i = 0; i < r->count; i++) {
		const struct memory_region *region = &r->region[i];
		const uint8_t *start =
			memory_at_user(memory, region->user_addr, 1);
		size_t offset = (size_t)((uintptr_t)at - (uintptr_t)start);

		if (start && offset < region->size &&
		    n <= region->size - offset)
			return true;
	}
	return false;
}

uint64_t regions_address(const struct regions *r, struct fuzz_input *in)
{
	unsigned choice = fuzz_u8(in);
	const struct memory_region *region = &r->region[choice / 4 % r->count];
	uint64_t end = region->guest_addr + region->size;

	switch (choice % 4) {
	case 0:
		return fuzz_u64(in);
	case 1:
		return region->guest_addr + fuzz_u16(in) % region->size;
	case 2:
		return end - fuzz_u8(in);
	default:
		return region->guest_addr + 16 * (uint64_t)fuzz_u8(in);
	}
}

/* Regions adjoin in both kinds of addresses or in neither. */
uint64_t regions_user(const struct regions *r, uint64_t guest_addr)
{
	return USER_OFFSET + (guest_addr - r->region[0].guest_addr);
}
