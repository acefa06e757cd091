/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a guest may put into a descriptor chain, and what it may not. A row
 * places descriptors in guest memory, names the head, and says either which
 * segments come out, or which fault is named in the log.
 *
 * The guest is hostile and can write anything at any time. Therefore every row
 * of the second table must fail without a segment outside the guest's memory,
 * and rows run in random order as well: the walk keeps the last region that it
 * found, and a wrong hit there would need a good row before the bad one.
 *
 * Borders are those of virtq_fixture.h: FIRST_END, where two regions adjoin in
 * the guest but not in this process; SECOND_END, behind which there is nothing;
 * and HUGE_AT, whose 2 GiB twice are more than a chain's length can count.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/check.h"
#include "suite.h"
#include "unit/virtq/virtq_fixture.h"
#include "virtq/chain.h"

/* The direct table of SIZE descriptors, indirect tables, buffers. */
#define SIZE 2048
#define DIRECT FAR_AT
#define IND (FAR_AT + 64 * KIB)
#define BUF (FAR_AT + 512 * KIB)

#define N VRING_DESC_F_NEXT
#define W VRING_DESC_F_WRITE
#define I VRING_DESC_F_INDIRECT

static struct guest guest;
static struct chain_source source;
static struct iovec iov[CHAIN_SEGMENTS_MAX];
static struct chain chain;

static void set_up(void)
{
	guest_open(&guest);
	source = (struct chain_source){
		.table = mapped_at(&guest, DIRECT),
		.size = SIZE,
		.memory = guest.memory,
	};
	memset(&chain, 0xff, sizeof(chain));
}

static void tear_down(void)
{
	guest_close(&guest);
}

/* A descriptor at a guest-physical address; byte by byte, as any is allowed. */
static void put_desc(uint64_t at, uint64_t addr, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	struct vring_desc d = { htole64(addr), htole32(len), htole16(flags),
				htole16(next) };

	for (unsigned i = 0; i < sizeof(d); i++)
		memcpy(guest_at(&guest, at + i), (uint8_t *)&d + i, 1);
}

/* What the table of a case consists of. */
struct placed {
	uint64_t at;
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* One row of these reads as one thing. */
/* clang-format off */
#define D(i, addr, len, flags, next) \
	{ DIRECT + 16 * (i), addr, len, flags, next }
#define T(base, i, addr, len, flags, next) \
	{ (base) + 16 * (i), addr, len, flags, next }

struct segment {
	uint64_t gpa;
	uint32_t len;
};

#define PIECES 6

struct row {
	const char *name;
	struct placed desc[PIECES]; /* ends at at == 0 */
	uint16_t head;
	int rc;
	const char *fault;
	uint16_t nread;
	uint16_t nwrite;
	struct segment segments[PIECES];
};

/* An indirect table whose descriptor 1 straddles the regions, unaligned. */
#define STRADDLE (FIRST_END - 24)

static const struct row accepted[] = {
	{ "one buffer", { D(0, BUF, 44, 0, 0) }, 0, 0, NULL, 1, 0,
	  { { BUF, 44 } } },
	{ "last descriptor", { D(SIZE - 1, BUF, 1, W, 0) }, SIZE - 1, 0, NULL,
	  0, 1, { { BUF, 1 } } },
	{ "next without its flag", { D(3, BUF, 9, 0, 9999) }, 3, 0, NULL, 1, 0,
	  { { BUF, 9 } } },
	{ "unknown flags", { D(3, BUF, 9, 0xfff8, 0) }, 3, 0, NULL, 1, 0,
	  { { BUF, 9 } } },
	{ "header, data", { D(7, BUF, 44, N, 2), D(2, BUF + 100, 500, 0, 0) },
	  7, 0, NULL, 2, 0, { { BUF, 44 }, { BUF + 100, 500 } } },
	{ "split header",
	  { D(0, BUF, 1, N, 1), D(1, BUF + 1, 43, N, 2),
	    D(2, BUF + 44, 7, N, 3), D(3, BUF + 99, 8, 0, 0) },
	  0, 0, NULL, 4, 0,
	  { { BUF, 1 }, { BUF + 1, 43 }, { BUF + 44, 7 }, { BUF + 99, 8 } } },
	{ "read, then write",
	  { D(0, BUF, 10, N, 1), D(1, BUF + 10, 20, N | W, 2),
	    D(2, BUF + 40, 30, W, 0) },
	  0, 0, NULL, 1, 2,
	  { { BUF, 10 }, { BUF + 10, 20 }, { BUF + 40, 30 } } },
	{ "same buffer twice", { D(0, BUF, 10, N, 1), D(1, BUF, 10, 0, 0) }, 0,
	  0, NULL, 2, 0, { { BUF, 10 }, { BUF, 10 } } },
	{ "empty buffers dropped, wherever they point and turn",
	  { D(0, 1, 0, N | W, 1), D(1, BUF, 5, N, 2), D(2, BUF, 0, N | W, 3),
	    D(3, BUF, 6, N, 4), D(4, UINT64_MAX, 0, 0, 0) },
	  0, 0, NULL, 2, 0, { { BUF, 5 }, { BUF, 6 } } },
	{ "nothing but empty", { D(0, BUF, 0, 0, 0) }, 0, 0, NULL, 0, 0,
	  { { 0, 0 } } },
	{ "to the last byte of a region",
	  { D(0, SECOND_END - 4, 4, 0, 0) }, 0, 0, NULL, 1, 0,
	  { { SECOND_END - 4, 4 } } },
	{ "across regions, reading",
	  { D(0, FIRST_END - 3, 8, N, 1), D(1, BUF, 2, W, 0) }, 0, 0, NULL,
	  2, 1, { { FIRST_END - 3, 3 }, { FIRST_END, 5 }, { BUF, 2 } } },
	{ "across regions, writing",
	  { D(0, BUF, 2, N, 1), D(1, FIRST_END - 1, 2, W, 0) }, 0, 0, NULL,
	  1, 2, { { BUF, 2 }, { FIRST_END - 1, 1 }, { FIRST_END, 1 } } },
	{ "regions in turn",
	  { D(0, BUF, 2, N, 1), D(1, HUGE_AT, 2, N, 2), D(2, 16, 2, 0, 0) },
	  0, 0, NULL, 3, 0, { { BUF, 2 }, { HUGE_AT, 2 }, { 16, 2 } } },
	{ "indirect",
	  { D(0, IND, 32, I, 0), T(IND, 0, BUF, 44, N, 1),
	    T(IND, 1, BUF + 64, 9, W, 0) },
	  0, 0, NULL, 1, 1, { { BUF, 44 }, { BUF + 64, 9 } } },
	{ "indirect, descriptors out of order, last ones unused",
	  { D(0, IND, 64, I, 0), T(IND, 0, BUF, 44, N, 2),
	    T(IND, 2, BUF + 64, 9, N, 1), T(IND, 1, BUF + 128, 3, 0, 0) },
	  0, 0, NULL, 3, 0,
	  { { BUF, 44 }, { BUF + 64, 9 }, { BUF + 128, 3 } } },
	{ "indirect, its WRITE flag ignored",
	  { D(0, IND, 16, I | W, 0), T(IND, 0, BUF, 44, 0, 0) }, 0, 0, NULL,
	  1, 0, { { BUF, 44 } } },
	{ "direct, then indirect",
	  { D(5, BUF, 44, N, 6), D(6, IND, 32, I, 0),
	    T(IND, 0, BUF + 64, 9, N, 1), T(IND, 1, BUF + 128, 3, 0, 0) },
	  5, 0, NULL, 3, 0,
	  { { BUF, 44 }, { BUF + 64, 9 }, { BUF + 128, 3 } } },
	{ "indirect at an odd address",
	  { D(0, IND + 3, 16, I, 0), T(IND + 3, 0, BUF, 44, 0, 0) }, 0, 0,
	  NULL, 1, 0, { { BUF, 44 } } },
	{ "indirect across regions",
	  { D(0, STRADDLE, 48, I, 0), T(STRADDLE, 0, BUF, 44, N, 1),
	    T(STRADDLE, 1, BUF + 64, 9, N, 2),
	    T(STRADDLE, 2, BUF + 128, 3, 0, 0) },
	  0, 0, NULL, 3, 0,
	  { { BUF, 44 }, { BUF + 64, 9 }, { BUF + 128, 3 } } },
	{ "almost 4 GiB",
	  { D(0, HUGE_AT, HUGE_SIZE, N, 1),
	    D(1, HUGE_AT, HUGE_SIZE - 1, 0, 0) },
	  0, 0, NULL, 2, 0,
	  { { HUGE_AT, HUGE_SIZE }, { HUGE_AT, HUGE_SIZE - 1 } } },
};

#define FAULT(why) -EPROTO, why, 0, 0, { { 0, 0 } }
#define OUTSIDE FAULT(CHAIN_UNMAPPED("buffer"))
#define BAD_TABLE FAULT(CHAIN_UNMAPPED("indirect table"))
#define BAD_LENGTH FAULT("indirect table of a bad length")
#define BAD_INDEX FAULT("descriptor index out of range")
#define ORDER FAULT("buffer to read behind one to write")
#define LOOP FAULT("descriptors in a loop")
#define NESTED FAULT("indirect table within an indirect table")

static const struct row refused[] = {
	{ "head out of range", { D(0, BUF, 4, 0, 0) }, SIZE, BAD_INDEX },
	{ "head far out of range", { D(0, BUF, 4, 0, 0) }, 0xffff, BAD_INDEX },
	{ "next out of range", { D(0, BUF, 4, N, SIZE) }, 0, BAD_INDEX },
	{ "next behind the indirect table",
	  { D(0, IND, 32, I, 0), T(IND, 0, BUF, 4, N, 2),
	    T(IND, 2, BUF, 4, 0, 0) }, 0, BAD_INDEX },
	{ "write, then read", { D(0, BUF, 4, N | W, 1), D(1, BUF, 4, 0, 0) }, 0,
	  ORDER },
	{ "write, then read in the indirect table",
	  { D(0, BUF, 4, N | W, 1), D(1, IND, 16, I, 0),
	    T(IND, 0, BUF, 4, 0, 0) }, 0, ORDER },
	{ "own next", { D(0, BUF, 4, N, 0) }, 0,
	  FAULT("chain of too many descriptors") },
	{ "indirect loop",
	  { D(0, IND, 32, I, 0), T(IND, 0, BUF, 4, N, 1),
	    T(IND, 1, BUF, 4, N, 0) }, 0, LOOP },
	{ "unmapped", { D(0, SECOND_END, 1, 0, 0) }, 0, OUTSIDE },
	{ "one byte too far", { D(0, SECOND_END - 4, 5, 0, 0) }, 0, OUTSIDE },
	{ "into a hole, from a region hit before",
	  { D(0, SECOND_END - 4, 4, N, 1), D(1, SECOND_END - 4, 5, 0, 0) }, 0,
	  OUTSIDE },
	{ "up to 2^64", { D(0, UINT64_MAX, 1, 0, 0) }, 0, OUTSIDE },
	{ "beyond 2^64", { D(0, UINT64_MAX, 2, 0, 0) }, 0, OUTSIDE },
	{ "before a region, wrapping", { D(0, -8ull, 64, 0, 0) }, 0, OUTSIDE },
	{ "4 GiB - 1 in a small region", { D(0, BUF, UINT32_MAX, 0, 0) }, 0,
	  OUTSIDE },
	{ "4 GiB in all",
	  { D(0, HUGE_AT, HUGE_SIZE, N, 1), D(1, HUGE_AT, HUGE_SIZE, 0, 0) },
	  0, FAULT("chain of more than 4 GiB") },
	{ "4 GiB, read and write together",
	  { D(0, HUGE_AT, HUGE_SIZE, N, 1), D(1, HUGE_AT, HUGE_SIZE, W, 0) },
	  0, FAULT("chain of more than 4 GiB") },
	{ "indirect and next",
	  { D(0, IND, 16, I | N, 1), D(1, BUF, 4, 0, 0),
	    T(IND, 0, BUF, 4, 0, 0) }, 0,
	  FAULT("descriptor both indirect and with a next") },
	{ "indirect in indirect",
	  { D(0, IND, 16, I, 0), T(IND, 0, IND + 16, 16, I, 0),
	    T(IND, 1, BUF, 4, 0, 0) }, 0, NESTED },
	{ "indirect in indirect, later",
	  { D(0, IND, 32, I, 0), T(IND, 0, BUF, 4, N, 1),
	    T(IND, 1, IND + 64, 16, I, 0) }, 0, NESTED },
	{ "indirect, 0 bytes", { D(0, IND, 0, I, 0) }, 0, BAD_LENGTH },
	{ "indirect, 8 bytes", { D(0, IND, 8, I, 0) }, 0, BAD_LENGTH },
	{ "indirect, 17 bytes", { D(0, IND, 17, I, 0) }, 0, BAD_LENGTH },
	{ "indirect, 4 GiB - 1", { D(0, IND, UINT32_MAX, I, 0) }, 0,
	  BAD_LENGTH },
	{ "indirect, 4 GiB - 16", { D(0, IND, UINT32_MAX - 15, I, 0) }, 0,
	  BAD_TABLE },
	{ "indirect, unmapped", { D(0, SECOND_END, 16, I, 0) }, 0, BAD_TABLE },
	{ "indirect, its unused end unmapped",
	  { D(0, SECOND_END - 16, 32, I, 0),
	    T(SECOND_END - 16, 0, BUF, 4, 0, 0) }, 0, BAD_TABLE },
	{ "indirect, across regions into a hole",
	  { D(0, STRADDLE, 128 * KIB, I, 0) }, 0, BAD_TABLE },
	{ "indirect, beyond 2^64", { D(0, -16ull, 32, I, 0) }, 0, BAD_TABLE },
};

/* clang-format on */

static void check_segments(const struct row *row)
{
	uint64_t bytes[2] = { 0, 0 };

	for (unsigned i = 0; i < row->nread + row->nwrite; i++) {
		const struct segment *s = &row->segments[i];

		ck_assert_msg(iov[i].iov_base == mapped_at(&guest, s->gpa) &&
				      iov[i].iov_len == s->len,
			      "%s: segment %u", row->name, i);
		bytes[i >= row->nread] += s->len;
	}
	ck_assert_msg(chain.read_bytes == bytes[0], "%s: read", row->name);
	ck_assert_msg(chain.write_bytes == bytes[1], "%s: write", row->name);
	ck_assert_ptr_eq(chain.iov, iov);
}

static void run_row(const struct row *row)
{
	int rc;

	for (unsigned i = 0; i < PIECES && row->desc[i].at; i++) {
		const struct placed *d = &row->desc[i];

		put_desc(d->at, d->addr, d->len, d->flags, d->next);
	}
	source.fault = NULL;
	rc = chain_walk(&source, row->head, iov, CHAIN_SEGMENTS_MAX, &chain);
	ck_assert_msg(rc == row->rc, "%s: %d, %s", row->name, rc, source.fault);
	if (row->fault)
		ck_assert_msg(source.fault && !strcmp(source.fault, row->fault),
			      "%s: %s", row->name, source.fault);
	if (rc)
		return;
	ck_assert_msg(chain.head == row->head, "%s", row->name);
	ck_assert_msg(chain.nread == row->nread, "%s: %u", row->name,
		      chain.nread);
	ck_assert_msg(chain.nwrite == row->nwrite, "%s: %u", row->name,
		      chain.nwrite);
	check_segments(row);
}

START_TEST(accepts)
{
	run_row(&accepted[_i]);
}
END_TEST

START_TEST(refuses)
{
	run_row(&refused[_i]);
}
END_TEST

/* The windows of one walk must not decide the next one wrongly. */
START_TEST(rows_after_each_other)
{
	for (unsigned i = 0; i < 4000; i++) {
		unsigned k = (unsigned)rand();

		if (k & 1)
			run_row(&accepted[k / 2 % ARRAY_SIZE(accepted)]);
		else
			run_row(&refused[k / 2 % ARRAY_SIZE(refused)]);
	}
}
END_TEST

/* Empty buffers are work as well: a caller of many chains counts them. */
START_TEST(empty_descriptors_are_counted)
{
	put_desc(DIRECT, BUF, 44, N, 1);
	put_desc(DIRECT + 16, BUF, 0, N, 2);
	put_desc(DIRECT + 32, BUF, 0, 0, 0);
	ck_assert_int_eq(
		chain_walk(&source, 0, iov, CHAIN_SEGMENTS_MAX, &chain), 0);
	ck_assert_uint_eq(chain.nread, 1);
	ck_assert_uint_eq(chain.descriptors, 3);
}
END_TEST

/* COUNT one-byte buffers from AT on, each the next one's neighbour. */
static void put_chain(uint64_t at, unsigned count, uint64_t buffer)
{
	for (unsigned i = 0; i < count; i++)
		put_desc(at + 16 * i, buffer + i, 1, i + 1 < count ? N : 0,
			 (uint16_t)(i + 1));
}

static int walk(unsigned room)
{
	return chain_walk(&source, 0, iov, room, &chain);
}

static const struct {
	unsigned direct;
	unsigned indirect;
	int rc;
} lengths[] = {
	{ 1024, 0, 0 },	      { 1025, 0, -EPROTO }, { 0, 1024, 0 },
	{ 0, 1025, -EPROTO }, { 1023, 1, 0 },	    { 1024, 1, -EPROTO },
	{ 1, 1023, 0 },	      { 1, 1024, -EPROTO }, { 2047, 0, -EPROTO },
};

START_TEST(at_most_1024_descriptors)
{
	unsigned direct = lengths[_i].direct;
	unsigned indirect = lengths[_i].indirect;

	put_chain(DIRECT, direct, BUF);
	if (indirect) {
		put_chain(IND, indirect, BUF + direct);
		if (direct)
			put_desc(DIRECT + 16 * (direct - 1), BUF + direct - 1,
				 1, N, (uint16_t)direct);
		put_desc(DIRECT + 16 * direct, IND, indirect * 16, I, 0);
	}
	ck_assert_int_eq(walk(CHAIN_SEGMENTS_MAX), lengths[_i].rc);
	if (lengths[_i].rc) {
		ck_assert_str_eq(source.fault, "chain of too many descriptors");
		return;
	}
	ck_assert_uint_eq(chain.descriptors, 1024);
	ck_assert_uint_eq(chain.nread, 1024);
	ck_assert_uint_eq(chain.read_bytes, 1024);
	for (unsigned i = 0; i < 1024; i++)
		ck_assert_ptr_eq(iov[i].iov_base, mapped_at(&guest, BUF + i));
}
END_TEST

/* Linux makes such chains on small queues, against 2.7.5.3.1. */
START_TEST(indirect_longer_than_the_queue)
{
	source.size = 1;
	put_chain(IND, 300, BUF);
	put_desc(DIRECT, IND, 300 * 16, I, 0);
	ck_assert_int_eq(walk(CHAIN_SEGMENTS_MAX), 0);
	ck_assert_uint_eq(chain.nread, 300);
}
END_TEST

/* A table of four has no chain of five: found long before the general limit. */
START_TEST(loop_on_a_small_queue)
{
	source.size = 4;
	put_chain(DIRECT, 4, BUF);
	ck_assert_int_eq(walk(CHAIN_SEGMENTS_MAX), 0);
	put_desc(DIRECT + 48, BUF, 1, N, 0);
	ck_assert_int_eq(walk(CHAIN_SEGMENTS_MAX), -EPROTO);
	ck_assert_str_eq(source.fault, "descriptors in a loop");
}
END_TEST

/* Guest memory may end at 2^64, and may begin at 0: they do not adjoin. */
START_TEST(table_around_2_64)
{
	const struct memory_region regions[2] = {
		{ -4096ull, 4096, USER_BASE, 0 },
		{ 0, 4096, USER_BASE + 8192, 8192 },
	};
	int fds[2] = { guest.fd, guest.fd };
	const char *why;
	struct memory *m = memory_new(regions, fds, 2, &why);

	source.memory = m;
	put_desc(DIRECT, -16ull, 16, I, 0);
	ck_assert_int_eq(walk(CHAIN_SEGMENTS_MAX), 0);
	put_desc(DIRECT, -16ull, 32, I, 0);
	ck_assert_int_eq(walk(CHAIN_SEGMENTS_MAX), -EPROTO);
	ck_assert_str_eq(source.fault, CHAIN_UNMAPPED("indirect table"));
	memory_put(m);
}
END_TEST

/* No fault of the guest's: the same chain is walked again with more room. */
START_TEST(room)
{
	put_chain(DIRECT, 5, BUF);
	ck_assert_int_eq(walk(4), -ENOBUFS);
	ck_assert_int_eq(walk(0), -ENOBUFS);
	ck_assert_int_eq(walk(5), 0);
	put_desc(DIRECT + 64, FIRST_END - 1, 2, 0, 0);
	ck_assert_int_eq(walk(5), -ENOBUFS);
	ck_assert_int_eq(walk(6), 0);
	ck_assert_uint_eq(chain.nread, 6);
}
END_TEST

/* 1,024 buffers that all cross: more segments than buffers apart can have. */
START_TEST(too_many_segments)
{
	for (unsigned i = 0; i < 1024; i++)
		put_desc(DIRECT + 16 * i, FIRST_END - 1, 2, i < 1023 ? N : 0,
			 (uint16_t)(i + 1));
	ck_assert_int_eq(walk(CHAIN_SEGMENTS_MAX - 1), -ENOBUFS);
	ck_assert_int_eq(walk(CHAIN_SEGMENTS_MAX), -EPROTO);
	ck_assert_str_eq(source.fault, "chain of too many segments");
}
END_TEST

START_TEST(names_the_descriptor)
{
	put_desc(DIRECT + 16 * 9, BUF, 4, N, 700);
	put_desc(DIRECT + 16 * 700, SECOND_END, 4, 0, 0);
	ck_assert_int_eq(chain_walk(&source, 9, iov, 8, &chain), -EPROTO);
	ck_assert_uint_eq(source.fault_index, 700);
}
END_TEST

/* Once walked, the guest's later changes do not matter. */
START_TEST(private_copy)
{
	put_chain(DIRECT, 2, BUF);
	ck_assert_int_eq(walk(8), 0);
	memset(guest_at(&guest, DIRECT), 0xff, 64);
	ck_assert_uint_eq(chain.nread, 2);
	ck_assert_uint_eq(iov[1].iov_len, 1);
	ck_assert_ptr_eq(iov[1].iov_base, mapped_at(&guest, BUF + 1));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("chain");
	TCase *c = tcase_create("chain");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, accepts, 0, ARRAY_SIZE(accepted));
	tcase_add_loop_test(c, refuses, 0, ARRAY_SIZE(refused));
	tcase_add_test(c, rows_after_each_other);
	tcase_add_test(c, empty_descriptors_are_counted);
	tcase_add_loop_test(c, at_most_1024_descriptors, 0,
			    ARRAY_SIZE(lengths));
	tcase_add_test(c, indirect_longer_than_the_queue);
	tcase_add_test(c, loop_on_a_small_queue);
	tcase_add_test(c, table_around_2_64);
	tcase_add_test(c, room);
	tcase_add_test(c, too_many_segments);
	tcase_add_test(c, names_the_descriptor);
	tcase_add_test(c, private_copy);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
