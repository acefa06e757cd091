/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Bytes come out as they went in, and memory is held only for them. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "suite.h"
#include "vsock/backlog.h"

#define SEGMENTS 8
#define WINDOW 262144u

static struct backlog backlog;
static uint64_t seed;
static uint8_t source[WINDOW];

/* Byte AT of the endless stream that goes through the backlog. */
static uint8_t byte_at(uint64_t at)
{
	return (uint8_t)(at * 167 + (at >> 8) * 13 + (at >> 16));
}

static uint32_t below(uint32_t n)
{
	return suite_random(&seed) % n;
}

static void expect_stream(uint64_t from, uint64_t to)
{
	struct iovec all = backlog_iov(&backlog);
	const uint8_t *bytes = all.iov_base;

	ck_assert_uint_eq(all.iov_len, to - from);
	ck_assert_uint_eq(backlog_len(&backlog), to - from);
	for (uint64_t at = from; at < to; at++)
		if (bytes[at - from] != byte_at(at))
			ck_abort_msg("byte %llu is wrong",
				     (unsigned long long)at);
}

/* LEN bytes of the stream in random segments behind SKIP others. */
static unsigned cut(uint64_t at, uint32_t len, uint32_t skip, struct iovec *iov)
{
	uint32_t used = 0, n = 0;

	memset(source, 0xee, skip);
	for (uint32_t i = 0; i < len; i++)
		source[skip + i] = byte_at(at + i);
	while (n < SEGMENTS - 1) {
		uint32_t part = below(skip + len - used + 1);

		iov[n++] = (struct iovec){ source + used, part };
		used += part;
	}
	iov[n++] = (struct iovec){ source + used, skip + len - used };
	return n;
}

static const struct {
	uint32_t add, drop; /* most of each step */
	unsigned steps;
} walks[] = {
	{ 1, 1, 3000 },	      { 100, 100, 3000 },      { 5000, 100, 2000 },
	{ 70000, 300, 500 },  { 300, 262144, 2000 },   { 70000, 70000, 500 },
	{ 4096, 4095, 2000 }, { 262144, 262144, 200 },
};

/* SKIP is a packet's header, which lies in the same segments as its payload. */
START_TEST(random_walk)
{
	uint64_t in = 0, out = 0;
	struct iovec iov[SEGMENTS];

	seed = 7;
	backlog_init(&backlog);
	for (unsigned i = 0; i < walks[_i].steps; i++) {
		uint32_t len = below(walks[_i].add + 1);
		uint32_t skip = below(3) ? 0 : below(1000);
		unsigned n;

		if (len + skip > WINDOW - (in - out))
			len = skip = 0;
		n = cut(in, len, skip, iov);
		ck_assert_int_eq(backlog_add(&backlog, iov, n, skip), 0);
		in += len;
		if (!(i % 8))
			expect_stream(out, in);
		len = below(walks[_i].drop + 1);
		if (len > in - out)
			len = (uint32_t)(in - out);
		if (len)
			backlog_drop(&backlog, len);
		out += len;
		ck_assert_uint_le(backlog.size, 2 * WINDOW);
		ck_assert((in == out) == !backlog.bytes);
	}
	expect_stream(out, in);
	backlog_free(&backlog);
}
END_TEST

/* The window is never more than doubled by what is held for it. */
START_TEST(full_window)
{
	struct iovec iov[SEGMENTS];
	unsigned n;

	seed = 3;
	backlog_init(&backlog);
	for (uint32_t at = 0; at < WINDOW; at += 4096) {
		n = cut(at, 4096, 0, iov);
		ck_assert_int_eq(backlog_add(&backlog, iov, n, 0), 0);
	}
	expect_stream(0, WINDOW);
	ck_assert_uint_eq(backlog.size, WINDOW);
	backlog_drop(&backlog, 1);
	n = cut(WINDOW, 1, 0, iov);
	ck_assert_int_eq(backlog_add(&backlog, iov, n, 0), 0);
	expect_stream(1, WINDOW + 1);
	ck_assert_uint_le(backlog.size, 2 * WINDOW);
	/* From here on it is not copied for each byte. */
	ck_assert_uint_gt(backlog.size - backlog.end, WINDOW / 2);
	backlog_drop(&backlog, WINDOW);
	ck_assert_uint_eq(backlog_len(&backlog), 0);
	ck_assert_ptr_null(backlog.bytes);
}
END_TEST

START_TEST(nothing_costs_nothing)
{
	char byte = 1;
	struct iovec iov[] = { { &byte, 1 }, { NULL, 0 } };

	backlog_init(&backlog);
	ck_assert_uint_eq(backlog_len(&backlog), 0);
	ck_assert_int_eq(backlog_add(&backlog, iov, 2, 1), 0);
	ck_assert_int_eq(backlog_add(&backlog, iov + 1, 1, 0), 0);
	ck_assert_int_eq(backlog_add(&backlog, NULL, 0, 0), 0);
	ck_assert_ptr_null(backlog.bytes);
	ck_assert_int_eq(backlog_add(&backlog, iov, 2, 0), 0);
	ck_assert_uint_eq(backlog_len(&backlog), 1);
	backlog_free(&backlog);
	ck_assert_uint_eq(backlog_len(&backlog), 0);
	ck_assert_ptr_null(backlog.bytes);
	backlog_free(&backlog);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("backlog");
	TCase *c = tcase_create("backlog");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, random_walk, 0, ARRAY_SIZE(walks));
	tcase_add_test(c, full_window);
	tcase_add_test(c, nothing_costs_nothing);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
