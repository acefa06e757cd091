/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guest addresses and a front end's addresses become pointers, across regions,
 * or do not. Tables try each border of virtq_fixture.h's regions from both
 * sides, and sums that wrap at 2^64.
 *
 * A map never changes; adding and removing make another one. What is therefore
 * counted is mappings: of a table that is refused nothing is left mapped, and a
 * region stays mapped as long as one map has it, and no longer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include "base/check.h"
#include "suite.h"
#include "unit/virtq/virtq_fixture.h"

/* MFD_HUGE_2MB is in a header that clashes with memfd_create()'s. */
#define HUGE_2_MIB (MFD_HUGETLB | 21u << 26)

static struct guest guest;
static const char *why;

static void set_up(void)
{
	guest_open(&guest);
	why = NULL;
}

static void tear_down(void)
{
	guest_close(&guest);
}

#define MAX_SEGMENTS 3

static const struct {
	uint64_t gpa;
	uint64_t len;
	unsigned max;
	int rc;
	uint64_t lens[MAX_SEGMENTS];
} translations[] = {
	{ 0, 1, 3, 1, { 1 } },
	{ 0, 0, 0, 0, { 0 } },
	{ SECOND_END, 0, 3, 0, { 0 } },
	{ 0, FIRST_END, 3, 1, { FIRST_END } },
	{ 0, SECOND_END, 3, 2, { FIRST_END, SECOND_END - FIRST_END } },
	{ 0, SECOND_END, 1, -ENOBUFS, { 0 } },
	{ 0, SECOND_END + 1, 3, -EFAULT, { 0 } },
	{ FIRST_END - 1, 2, 3, 2, { 1, 1 } },
	{ FIRST_END, 1, 1, 1, { 1 } },
	{ SECOND_END - 1, 1, 3, 1, { 1 } },
	{ SECOND_END - 1, 2, 3, -EFAULT, { 0 } },
	{ SECOND_END, 1, 3, -EFAULT, { 0 } },
	{ FAR_AT - 1, 2, 3, -EFAULT, { 0 } },
	{ HUGE_AT, HUGE_SIZE, 3, 1, { HUGE_SIZE } },
	{ HUGE_AT, HUGE_SIZE + 1, 3, -EFAULT, { 0 } },
	{ HUGE_AT, UINT64_MAX, 3, -EFAULT, { 0 } },
	{ UINT64_MAX, 1, 3, -EFAULT, { 0 } },
	{ UINT64_MAX, 2, 3, -EFAULT, { 0 } },
	{ -4ull, 8, 3, -EFAULT, { 0 } },
};

START_TEST(translates)
{
	uint64_t gpa = translations[_i].gpa;
	struct iovec iov[MAX_SEGMENTS];
	int rc = memory_iov(guest.memory, gpa, translations[_i].len, iov,
			    translations[_i].max);

	ck_assert_int_eq(rc, translations[_i].rc);
	for (int i = 0; i < rc; i++) {
		ck_assert_ptr_eq(iov[i].iov_base, mapped_at(&guest, gpa));
		ck_assert_uint_eq(iov[i].iov_len, translations[_i].lens[i]);
		gpa += iov[i].iov_len;
	}
}
END_TEST

START_TEST(same_bytes_on_both_sides)
{
	static const uint64_t at[] = { 0,
				       4097,
				       FIRST_END - 1,
				       FIRST_END,
				       SECOND_END - 1,
				       FAR_AT,
				       HUGE_AT + 12345 };

	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		memset(guest_at(&guest, at[i]), (int)i + 1, 1);
		ck_assert_uint_eq(*(uint8_t *)mapped_at(&guest, at[i]), i + 1);
		memset(mapped_at(&guest, at[i]), (int)i + 100, 1);
		ck_assert_uint_eq(*(uint8_t *)guest_at(&guest, at[i]), i + 100);
	}
}
END_TEST

static const struct {
	uint64_t user;
	size_t len;
	bool found;
} user_addresses[] = {
	{ USER_BASE, 1, true },
	{ USER_BASE, FIRST_END, true },
	{ USER_BASE, FIRST_END + 1, false }, /* one region only */
	{ USER_BASE + FIRST_END, 1, true },
	{ USER_BASE + FIRST_END - 1, 2, false },
	{ USER_BASE + SECOND_END, 1, false },
	{ USER_BASE - 1, 1, false },
	{ 0, 1, false },
	{ UINT64_MAX, 1, false },
	{ USER_BASE + 8, SIZE_MAX, false },
	{ USER_BASE + HUGE_AT, HUGE_SIZE, true },
};

START_TEST(finds_user_addresses)
{
	void *p = memory_at_user(guest.memory, user_addresses[_i].user,
				 user_addresses[_i].len);

	ck_assert_int_eq(p != NULL, user_addresses[_i].found);
	ck_assert_ptr_null(memory_at_user(NULL, USER_BASE, 1));
}
END_TEST

/* What a region may not be, beside the four of the guest. */
static const struct {
	const char *why;
	struct memory_region region;
} bad_regions[] = {
	{ "region is empty", { 2 * GIB, 0, 0, 0 } },
	{ "region wraps around", { -4096ull, 8192, 0, 0 } },
	{ "region wraps around", { 2 * GIB, 8192, -4096ull, 0 } },
	{ "more memory than can be mapped",
	  { 2 * GIB, MEMORY_SIZE_MAX, 0, 0 } },
	{ "more memory than can be mapped", { 2 * GIB, 1ull << 63, 0, 0 } },
	{ "more memory than can be mapped", { 2 * GIB, UINT64_MAX, 0, 0 } },
	{ "region begins too far in its file",
	  { 2 * GIB, 4096, 0, UINT64_MAX } },
	{ "region begins too far in its file", { 2 * GIB, 4096, 0, -4096ull } },
	{ "region is longer than its file", { 8 * GIB, 4 * GIB, 0, 0 } },
	{ "region is longer than its file", { 8 * GIB, 1, 0, 4 * GIB } },
	{ "region is longer than its file",
	  { 8 * GIB, 2, 0, HUGE_SIZE + 8 * KIB *KIB - 1 } },
	/* Guest addresses: same, inside, around, at either end. */
	{ "region overlaps another in guest addresses",
	  { 0, FIRST_END, 0, 0 } },
	{ "region overlaps another in guest addresses", { 4096, 1, 0, 0 } },
	{ "region overlaps another in guest addresses",
	  { FAR_AT - 1, KIB *KIB + 2, 0, 0 } },
	{ "region overlaps another in guest addresses",
	  { FAR_AT - 1, 2, 0, 0 } },
	{ "region overlaps another in guest addresses",
	  { SECOND_END - 1, 2, 0, 0 } },
	/* User addresses. */
	{ "region overlaps another in user addresses",
	  { 2 * GIB, 4096, USER_BASE, 0 } },
	{ "region overlaps another in user addresses",
	  { 2 * GIB, 2, USER_BASE - 1, 0 } },
	{ "region overlaps another in user addresses",
	  { 2 * GIB, 4096, USER_BASE + SECOND_END - 1, 0 } },
};

START_TEST(refuses)
{
	unsigned mapped = mappings_of("memfd:guest");

	ck_assert_ptr_null(memory_add(guest.memory, &bad_regions[_i].region,
				      guest.fd, &why));
	ck_assert_str_eq(why, bad_regions[_i].why);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(mappings_of("memfd:guest"), mapped);
	ck_assert_ptr_nonnull(mapped_at(&guest, 0));
}
END_TEST

/* A table is refused whole; what it had mapped so far goes. */
START_TEST(refuses_a_table)
{
	const struct memory_region *good = guest_regions();
	struct memory_region table[3] = { good[0], good[1], good[0] };
	int fds[3] = { guest.fd, guest.fd, guest.fd };
	unsigned mapped = mappings_of("memfd:guest");

	ck_assert_ptr_null(memory_new(table, fds, 3, &why));
	ck_assert_str_eq(why, "region overlaps another in guest addresses");
	ck_assert_uint_eq(mappings_of("memfd:guest"), mapped);
}
END_TEST

START_TEST(refuses_descriptors)
{
	struct memory_region r = { 2 * GIB, 4096, 0, 0 };
	int fd = eventfd(0, EFD_CLOEXEC);

	ck_assert_ptr_null(memory_add(NULL, &r, -1, &why));
	ck_assert_int_eq(errno, EBADF);
	ck_assert_ptr_null(memory_add(NULL, &r, fd, &why));
	ck_assert_int_eq(errno, ENODEV);
	ck_assert_str_eq(why, "region cannot be mapped");
	close(fd);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ck_assert_ptr_null(memory_add(NULL, &r, fd, &why));
	ck_assert_int_eq(errno, EACCES);
	close(fd);
}
END_TEST

/* The end of the address space is no wrap; nothing goes on at 0 from there. */
START_TEST(up_to_2_64)
{
	const struct memory_region regions[2] = {
		{ -4096ull, 4096, -4096ull, 0 },
		{ 0, 4096, 0, 8192 },
	};
	int fds[2] = { guest.fd, guest.fd };
	struct memory *m = memory_new(regions, fds, 2, &why);
	struct iovec iov;

	ck_assert_msg(m, "%s", why);
	ck_assert_int_eq(memory_iov(m, UINT64_MAX, 1, &iov, 1), 1);
	ck_assert_int_eq(memory_iov(m, -4096ull, 4096, &iov, 1), 1);
	ck_assert_int_eq(memory_iov(m, -4096ull, 4097, &iov, 1), -EFAULT);
	ck_assert_int_eq(memory_iov(m, 0, 4096, &iov, 1), 1);
	ck_assert_ptr_nonnull(memory_at_user(m, UINT64_MAX, 1));
	memory_put(m);
}
END_TEST

/* Offsets and sizes need not be multiples of a page. */
START_TEST(odd_offset_of_a_plain_file)
{
	char path[] = "/tmp/test_memory.XXXXXX";
	int fd = mkstemp(path);
	struct memory_region r = { 0x1001, 8191, 0x7001, 4097 };
	struct memory *m;
	struct iovec iov;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 4097 + 8191), 0);
	ck_assert_int_eq(pwrite(fd, "a", 1, 4097), 1);
	ck_assert_int_eq(pwrite(fd, "z", 1, 4097 + 8190), 1);
	m = memory_add(NULL, &r, fd, &why);
	ck_assert_msg(m, "%s", why);
	close(fd);
	ck_assert_int_eq(memory_iov(m, 0x1001, 8191, &iov, 1), 1);
	ck_assert_int_eq(((char *)iov.iov_base)[0], 'a');
	ck_assert_int_eq(((char *)iov.iov_base)[8190], 'z');
	ck_assert_int_eq(memory_iov(m, 0x1000, 1, &iov, 1), -EFAULT);
	ck_assert_uint_eq(mappings_of(path), 1);
	memory_put(m);
	ck_assert_uint_eq(mappings_of(path), 0);
	unlink(path);
}
END_TEST

/* Sparse files are as large as one likes, the address space is not. */
START_TEST(sixteen_tebibytes_are_enough)
{
	const uint64_t half = MEMORY_SIZE_MAX / 2;
	struct memory_region r[3] = {
		{ 0, half, 0, 0 },
		{ half, half, half, half },
		{ 2 * half, 1, 2 * half, 0 },
	};
	int fd = memfd_create("sparse", MFD_CLOEXEC);
	int fds[3] = { fd, fd, fd };
	struct memory *all, *less, *other;

	ck_assert_int_eq(ftruncate(fd, (off_t)MEMORY_SIZE_MAX), 0);
	ck_assert_ptr_null(memory_new(r, fds, 3, &why));
	ck_assert_str_eq(why, "more memory than can be mapped");
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(mappings_of("memfd:sparse"), 0);
	all = memory_new(r, fds, 2, &why);
	ck_assert_msg(all, "%s", why);
	ck_assert_ptr_null(memory_add(all, &r[2], fd, &why));
	ck_assert_ptr_nonnull(memory_at_user(all, 2 * half - 1, 1));
	less = memory_remove(all, &r[0], &why);
	other = memory_add(less, &r[2], fd, &why);
	ck_assert_msg(other, "%s", why);
	memory_put(all);
	memory_put(less);
	memory_put(other);
	close(fd);
}
END_TEST

/* All slots, added and removed one by one, in an order that is not sorted. */
START_TEST(all_slots)
{
	struct memory *m = NULL;
	struct memory *next;
	struct memory_region r = { 0, 4096, 0, 0 };
	struct memory_window w;

	ck_assert_uint_ge(MEMORY_SLOTS_MAX, 509);
	for (unsigned i = 0; i <= MEMORY_SLOTS_MAX; i++) {
		r.guest_addr = (uint64_t)(i * 77 % 1024) * 8192;
		r.user_addr = USER_BASE + r.guest_addr;
		r.mmap_offset = i * 4096;
		next = memory_add(m, &r, guest.fd, &why);
		ck_assert_int_eq(next != NULL, i < MEMORY_SLOTS_MAX);
		if (!next)
			break;
		memory_put(m);
		m = next;
	}
	ck_assert_str_eq(why, "too many regions");
	for (unsigned i = 0; i < MEMORY_SLOTS_MAX; i++) {
		r.guest_addr = (uint64_t)(i * 77 % 1024) * 8192;
		r.user_addr = USER_BASE + r.guest_addr;
		r.mmap_offset = 99; /* of no importance here */
		ck_assert(memory_find(m, r.guest_addr + 4095, &w));
		ck_assert_uint_eq(w.guest_addr, r.guest_addr);
		ck_assert(!memory_find(m, r.guest_addr + 4096, &w));
		next = memory_remove(m, &r, &why);
		ck_assert_msg(next, "%s", why);
		memory_put(m);
		m = next;
		ck_assert(!memory_find(m, r.guest_addr, &w));
	}
	ck_assert_ptr_null(memory_remove(m, &r, &why));
	ck_assert_str_eq(why, "no such region");
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_null(memory_remove(NULL, &r, &why));
	memory_put(m);
}
END_TEST

static const struct memory_region strangers[] = {
	{ 4096, FIRST_END, USER_BASE, 0 },
	{ 0, FIRST_END - 1, USER_BASE, 0 },
	{ 0, FIRST_END, USER_BASE + 4096, 0 },
};

START_TEST(removes_only_what_matches)
{
	ck_assert_ptr_null(memory_remove(guest.memory, &strangers[_i], &why));
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

/* A mapping lives as long as one map that has it. */
START_TEST(maps_share_mappings)
{
	const struct memory_region *r = guest_regions();
	unsigned mapped = mappings_of("memfd:guest");
	struct memory *old = memory_get(guest.memory);
	struct memory *less = memory_remove(old, &r[0], &why);
	struct memory *more;

	ck_assert_uint_eq(mappings_of("memfd:guest"), mapped);
	ck_assert_ptr_null(memory_at_user(less, USER_BASE, 1));
	ck_assert_ptr_eq(memory_at_user(less, USER_BASE + FAR_AT, 1),
			 mapped_at(&guest, FAR_AT));
	memory_put(guest.memory);
	memory_put(old);
	ck_assert_uint_eq(mappings_of("memfd:guest"), mapped - 1);
	more = memory_add(less, &r[0], guest.fd, &why);
	memory_put(less);
	ck_assert_uint_eq(mappings_of("memfd:guest"), mapped);
	guest.memory = more;
	ck_assert_ptr_nonnull(mapped_at(&guest, 0));
}
END_TEST

START_TEST(nothing)
{
	struct memory *m = memory_new(NULL, NULL, 0, &why);
	struct iovec iov;

	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(memory_iov(m, 0, 1, &iov, 1), -EFAULT);
	ck_assert(!memory_lost(m));
	ck_assert(!memory_lost(NULL));
	memory_put(m);
	memory_put(NULL);
	ck_assert_ptr_null(memory_get(NULL));
}
END_TEST

/* One lost region is the loss of each map that has it, and of no other: a guest
 * has all of its memory or none. */
START_TEST(shrunk_file)
{
	struct memory_region r = { 0, 8192, 0, 0 };
	int fd = memfd_create("shrinks", MFD_CLOEXEC);
	struct memory *m;
	struct memory *both;
	uint8_t *p;

	ck_assert_int_eq(ftruncate(fd, 8192), 0);
	m = memory_add(NULL, &r, fd, &why);
	r.guest_addr = r.user_addr = 8192;
	both = memory_add(m, &r, guest.fd, &why);
	p = memory_at_user(m, 0, 8192);
	p[0] = p[8191] = 1;
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert(!memory_lost(m));
	ck_assert_uint_eq(p[8191], 0);
	ck_assert_uint_eq(p[0], 0);
	ck_assert(memory_lost(m));
	ck_assert(memory_lost(both));
	ck_assert(!memory_lost(guest.memory));
	memory_put(m);
	ck_assert(memory_lost(both));
	memory_put(both);
	close(fd);
}
END_TEST

/* Their pages are larger than the system's: offset and length round to them. */
START_TEST(hugetlbfs)
{
	struct memory_region r = { 0, 12288, 0, (2 << 20) + 4096 };
	int fd = memfd_create("huge", MFD_CLOEXEC | HUGE_2_MIB);
	struct memory *m;

	if (fd < 0) {
		puts("hugetlbfs: skipped, no 2 MiB pages in this kernel");
		return;
	}
	ck_assert_int_eq(ftruncate(fd, 4 << 20), 0);
	m = memory_add(NULL, &r, fd, &why);
	ck_assert_msg(m, "%s: %s", why, strerror(errno));
	ck_assert_uint_eq(mappings_of("memfd:huge"), 1);
	/* Written, or lost where no huge page is free: never a crash. */
	memset(memory_at_user(m, 0, 12288), 1, 12288);
	memory_put(m);
	ck_assert_uint_eq(mappings_of("memfd:huge"), 0);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *c = tcase_create("memory");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, translates, 0, ARRAY_SIZE(translations));
	tcase_add_test(c, same_bytes_on_both_sides);
	tcase_add_loop_test(c, finds_user_addresses, 0,
			    ARRAY_SIZE(user_addresses));
	tcase_add_loop_test(c, refuses, 0, ARRAY_SIZE(bad_regions));
	tcase_add_test(c, refuses_a_table);
	tcase_add_test(c, refuses_descriptors);
	tcase_add_test(c, up_to_2_64);
	tcase_add_test(c, odd_offset_of_a_plain_file);
	tcase_add_test(c, sixteen_tebibytes_are_enough);
	tcase_add_test(c, all_slots);
	tcase_add_loop_test(c, removes_only_what_matches, 0,
			    ARRAY_SIZE(strangers));
	tcase_add_test(c, maps_share_mappings);
	tcase_add_test(c, nothing);
	tcase_add_test(c, shrunk_file);
	tcase_add_test(c, hugetlbfs);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
