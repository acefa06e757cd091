/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Ranges are sorted by guest-physical address and never overlap, so one
 * binary search finds the only range that can hold an address. All checks
 * compare by subtraction: no sum of two untrusted numbers is ever formed.
 */
#include "virtq/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/sorted.h"
#include "virtq/guard.h"

/* One mmap; shared by all maps that have its region. */
struct mapping {
	unsigned refs;
	void *start;
	size_t length;
	struct guard_span *guard;
};

struct range {
	struct memory_window window;
	uint64_t user_addr;
	struct mapping *mapping;
};

struct memory {
	unsigned refs;
	unsigned count;
	struct range ranges[];
};

static void *refuse(const char **why, const char *reason, int error)
{
	*why = reason;
	errno = error;
	return NULL;
}

static bool wraps(uint64_t start, uint64_t size)
{
	return size && size - 1 > UINT64_MAX - start;
}

static bool overlaps(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a - b < b_size || b - a < a_size;
}

/* hugetlbfs maps by its own page size, everything else by the system's. */
static uint64_t page_size(int fd)
{
	struct statfs fs;

	if (!fstatfs(fd, &fs) && fs.f_type == HUGETLBFS_MAGIC)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Only a regular file has a size to compare with; a device refuses in mmap. */
static bool file_holds(int fd, const struct memory_region *r)
{
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return true;
	size = (uint64_t)st.st_size;
	return r->mmap_offset <= size && r->size <= size - r->mmap_offset;
}

static void mapping_put(struct mapping *p)
{
	if (--p->refs)
		return;
	guard_remove(p->guard);
	munmap(p->start, p->length);
	free(p);
}

static struct mapping *mapping_wrap(void *start, size_t length)
{
	struct mapping *p = malloc(sizeof(*p));
	struct guard_span *guard = p ? guard_add(start, length) : NULL;

	if (!guard) {
		free(p);
		return NULL;
	}
	*p = (struct mapping){
		.refs = 1,
		.start = start,
		.length = length,
		.guard = guard,
	};
	return p;
}

/* Maps the whole pages that hold R; the region begins SKIP bytes into them. */
static struct mapping *mapping_new(const struct memory_region *r, int fd,
				   uint64_t *skip, const char **why)
{
	uint64_t page = page_size(fd);
	uint64_t offset = r->mmap_offset & ~(page - 1);
	size_t length =
		(size_t)((r->mmap_offset - offset + r->size + page - 1) &
			 ~(page - 1));
	struct mapping *p;
	void *start;

	if (!file_holds(fd, r))
		return refuse(why, "region is longer than its file", EINVAL);
	start = mmap(NULL, length, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_NORESERVE, fd, (off_t)offset);
	if (start == MAP_FAILED)
		return refuse(why, "region cannot be mapped", errno);
	madvise(start, length,
		MADV_DONTDUMP); /* a guest's secrets, and large */
	p = mapping_wrap(start, length);
	if (!p) {
		munmap(start, length);
		return refuse(why, "no memory for a region", ENOMEM);
	}
	*skip = r->mmap_offset - offset;
	return p;
}

static const char *region_fault(const struct memory *m,
				const struct memory_region *r)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < m->count; i++)
		sum += m->ranges[i].window.size;
	if (!r->size)
		return "region is empty";
	if (r->size > MEMORY_SIZE_MAX - sum)
		return "more memory than can be mapped";
	/* Half of the range leaves room to round up to pages. */
	if (r->mmap_offset > INT64_MAX / 2)
		return "region begins too far in its file";
	if (wraps(r->guest_addr, r->size) || wraps(r->user_addr, r->size))
		return "region wraps around";
	if (m->count == MEMORY_SLOTS_MAX)
		return "too many regions";
	for (unsigned i = 0; i < m->count; i++) {
		const struct range *o = &m->ranges[i];

		if (overlaps(r->guest_addr, r->size, o->window.guest_addr,
			     o->window.size))
			return "region overlaps another in guest addresses";
		if (overlaps(r->user_addr, r->size, o->user_addr,
			     o->window.size))
			return "region overlaps another in user addresses";
	}
	return NULL;
}

static struct memory *memory_alloc(unsigned room, const char **why)
{
	struct memory *m = malloc(sizeof(*m) + room * sizeof(m->ranges[0]));

	if (!m)
		return refuse(why, "no memory for a memory map", ENOMEM);
	m->refs = 1;
	m->count = 0;
	return m;
}

static void append_shared(struct memory *m, const struct range *r)
{
	/* The analyzer loses count of the references that a map holds. */
	r->mapping->refs++; /* NOLINT(clang-analyzer-unix.Malloc) */
	m->ranges[m->count++] = *r;
}

/* OLD's ranges and ADDED, whose reference on its mapping moves along. */
static struct memory *copy_with(const struct memory *old,
				const struct range *added, const char **why)
{
	struct memory *m = memory_alloc(old->count + 1, why);
	unsigned i = 0;

	if (!m)
		return NULL;
	while (i < old->count &&
	       old->ranges[i].window.guest_addr < added->window.guest_addr)
		append_shared(m, &old->ranges[i++]);
	m->ranges[m->count++] = *added;
	while (i < old->count)
		append_shared(m, &old->ranges[i++]);
	return m;
}

struct memory *memory_add(const struct memory *old,
			  const struct memory_region *region, int fd,
			  const char **why)
{
	static const struct memory nothing;
	struct range added = { .user_addr = region->user_addr };
	struct memory *m;
	uint64_t skip = 0;

	if (!old)
		old = &nothing;
	*why = region_fault(old, region);
	if (*why)
		return refuse(why, *why, EINVAL);
	added.mapping = mapping_new(region, fd, &skip, why);
	if (!added.mapping)
		return NULL;
	added.window = (struct memory_window){
		.guest_addr = region->guest_addr,
		.size = region->size,
		.at = (uint8_t *)added.mapping->start + skip,
	};
	m = copy_with(old, &added, why);
	if (!m)
		mapping_put(added.mapping);
	return m;
}

struct memory *memory_new(const struct memory_region *regions, const int *fds,
			  unsigned n, const char **why)
{
	struct memory *m = memory_alloc(0, why);

	for (unsigned i = 0; m && i < n; i++) {
		struct memory *more = memory_add(m, &regions[i], fds[i], why);

		memory_put(m);
		m = more;
	}
	return m;
}

static bool same_region(const struct range *range,
			const struct memory_region *region)
{
	return range->window.guest_addr == region->guest_addr &&
	       range->window.size == region->size &&
	       range->user_addr == region->user_addr;
}

struct memory *memory_remove(const struct memory *old,
			     const struct memory_region *region,
			     const char **why)
{
	unsigned gone = 0;
	struct memory *m;

	while (old && gone < old->count &&
	       !same_region(&old->ranges[gone], region))
		gone++;
	if (!old || gone == old->count)
		return refuse(why, "no such region", ENOENT);
	m = memory_alloc(old->count - 1, why);
	for (unsigned i = 0; m && i < old->count; i++)
		if (i != gone)
			append_shared(m, &old->ranges[i]);
	return m;
}

struct memory *memory_get(struct memory *m)
{
	if (m)
		m->refs++;
	return m;
}

/* Keeps errno: a change that fails sets it, and then puts the map that it had
 * begun. */
void memory_put(struct memory *m)
{
	int saved = errno;

	if (!m || --m->refs)
		return;
	for (unsigned i = 0; i < m->count; i++)
		/* As in append_shared(). */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		mapping_put(m->ranges[i].mapping);
	free(m);
	errno = saved;
}

/* A linear search, as the ranges are sorted by the other address. Rings are
 * looked up when they start or move, not for each packet. */
void *memory_at_user(const struct memory *m, uint64_t user_addr, size_t len)
{
	for (unsigned i = 0; m && i < m->count; i++) {
		const struct range *r = &m->ranges[i];
		uint64_t offset = user_addr - r->user_addr;

		if (offset < r->window.size && len <= r->window.size - offset)
			return r->window.at + offset;
	}
	return NULL;
}

static bool begins_by(const void *range, const void *guest_addr)
{
	return ((const struct range *)range)->window.guest_addr <=
	       *(const uint64_t *)guest_addr;
}

bool memory_find(const struct memory *m, uint64_t guest_addr,
		 struct memory_window *out)
{
	size_t behind = sorted_find(m->ranges, m->count, sizeof(*m->ranges),
				    begins_by, &guest_addr);
	const struct memory_window *last;

	if (!behind)
		return false;
	last = &m->ranges[behind - 1].window;
	if (!memory_window_at(last, guest_addr, 1))
		return false;
	*out = *last;
	return true;
}

int memory_iov(const struct memory *m, uint64_t guest_addr, uint64_t len,
	       struct iovec *out, unsigned max)
{
	struct memory_window w;
	int n = 0;

	if (wraps(guest_addr, len))
		return -EFAULT;
	while (len) {
		uint64_t offset;
		uint64_t part;

		if (!memory_find(m, guest_addr, &w))
			return -EFAULT;
		if ((unsigned)n == max)
			return -ENOBUFS;
		offset = guest_addr - w.guest_addr;
		part = w.size - offset < len ? w.size - offset : len;
		out[n++] = (struct iovec){ w.at + offset, part };
		guest_addr += part;
		len -= part;
	}
	return n;
}

bool memory_lost(const struct memory *m)
{
	if (!m || !guard_any_lost())
		return false;
	for (unsigned i = 0; i < m->count; i++)
		if (guard_lost(m->ranges[i].mapping->guard))
			return true;
	return false;
}
