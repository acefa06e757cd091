/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The cursor over scattered bytes. The bytes 'a' to 'j' lie in segments of
 * the sizes that a row says, empty ones among them.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/iov.h"
#include "suite.h"

#define TOTAL 10
#define SEGMENTS_MAX 6

static const char bytes[] = "abcdefghij";

static const struct shape {
	unsigned count;
	size_t size[SEGMENTS_MAX];
} shapes[] = {
	{ 1, { 10 } },
	{ 2, { 5, 5 } },
	{ 2, { 1, 9 } },
	{ 5, { 2, 2, 2, 2, 2 } },
	{ 5, { 0, 3, 0, 7, 0 } },
	{ 6, { 0, 0, 9, 0, 0, 1 } },
};

/* Segments in blocks of their own, so that a stray byte is seen. */
struct layout {
	char block[SEGMENTS_MAX][TOTAL + 2];
	struct iovec iov[SEGMENTS_MAX];
};

static void lay_out(struct layout *layout, const struct shape *shape,
		    const char *from)
{
	unsigned i;

	memset(layout, '#', sizeof(*layout));
	for (i = 0; i < shape->count; i++) {
		layout->iov[i].iov_base = layout->block[i] + 1;
		layout->iov[i].iov_len = shape->size[i];
		memcpy(layout->block[i] + 1, from, shape->size[i]);
		from += shape->size[i];
	}
}

/* What lies in the segments, and whether anything lies around them. */
static void gather(const struct layout *layout, const struct shape *shape,
		   char out[TOTAL + 1])
{
	unsigned i;

	for (i = 0; i < shape->count; i++) {
		ck_assert_int_eq(layout->block[i][0], '#');
		ck_assert_int_eq(layout->block[i][1 + shape->size[i]], '#');
		out = mempcpy(out, layout->block[i] + 1, shape->size[i]);
	}
	*out = '\0';
}

START_TEST(test_size)
{
	struct layout layout;

	lay_out(&layout, &shapes[_i], bytes);
	ck_assert_uint_eq(iov_size(layout.iov, shapes[_i].count), TOTAL);
	ck_assert_uint_eq(iov_size(layout.iov, 0), 0);
}
END_TEST

/* For every step size: whatever the pieces, the same bytes in order. */
START_TEST(test_read_in_steps)
{
	struct layout layout;
	struct iov_cursor cursor;
	char got[TOTAL + 8];
	size_t step, at, n;

	lay_out(&layout, &shapes[_i], bytes);
	for (step = 1; step <= TOTAL + 1; step++) {
		iov_begin(&cursor, layout.iov, shapes[_i].count);
		for (at = 0; at < TOTAL; at += n) {
			n = iov_read(&cursor, got + at, step);
			ck_assert_uint_gt(n, 0);
			ck_assert_uint_eq(n, at + step <= TOTAL ? step
								: TOTAL - at);
		}
		ck_assert_mem_eq(got, bytes, TOTAL);
		ck_assert_uint_eq(iov_read(&cursor, got, step), 0);
	}
}
END_TEST

START_TEST(test_write_in_steps)
{
	struct layout layout;
	struct iov_cursor cursor;
	char got[TOTAL + 1];
	size_t step, at, n;

	for (step = 1; step <= TOTAL; step++) {
		lay_out(&layout, &shapes[_i], "..........");
		iov_begin(&cursor, layout.iov, shapes[_i].count);
		for (at = 0; at < TOTAL; at += step) {
			n = step < TOTAL - at ? step : TOTAL - at;
			ck_assert_uint_eq(iov_write(&cursor, bytes + at, n), n);
		}
		ck_assert_uint_eq(iov_write(&cursor, bytes, 1), 0);
		gather(&layout, &shapes[_i], got);
		ck_assert_str_eq(got, bytes);
	}
}
END_TEST

START_TEST(test_skip)
{
	struct layout layout;
	struct iov_cursor cursor;
	char got[TOTAL];
	size_t skip;

	lay_out(&layout, &shapes[_i], bytes);
	for (skip = 0; skip <= TOTAL; skip++) {
		iov_begin(&cursor, layout.iov, shapes[_i].count);
		ck_assert_uint_eq(iov_skip(&cursor, skip), skip);
		ck_assert_uint_eq(iov_read(&cursor, got, TOTAL), TOTAL - skip);
		ck_assert_mem_eq(got, bytes + skip, TOTAL - skip);
	}
	iov_begin(&cursor, layout.iov, shapes[_i].count);
	ck_assert_uint_eq(iov_skip(&cursor, 1000), TOTAL);
}
END_TEST

/* A slice covers what was asked for, in segments that are never empty. */
START_TEST(test_slice)
{
	struct layout layout;
	struct iov_cursor cursor;
	struct iovec out[SEGMENTS_MAX];
	size_t skip, want, len;
	unsigned i, n;

	lay_out(&layout, &shapes[_i], bytes);
	for (skip = 0; skip <= TOTAL; skip++) {
		for (want = 0; want <= TOTAL + 1; want++) {
			iov_begin(&cursor, layout.iov, shapes[_i].count);
			iov_skip(&cursor, skip);
			len = want;
			n = iov_slice(&cursor, out, SEGMENTS_MAX, &len);
			ck_assert_uint_eq(
				len, want < TOTAL - skip ? want : TOTAL - skip);
			ck_assert_uint_eq(iov_size(out, n), len);
			for (i = 0; i < n; i++)
				ck_assert_uint_gt(out[i].iov_len, 0);
			if (len)
				ck_assert_int_eq(*(char *)out[0].iov_base,
						 bytes[skip]);
		}
	}
}
END_TEST

/* With room for one segment at a time it takes as many calls. */
START_TEST(test_slice_one_by_one)
{
	struct layout layout;
	struct iov_cursor cursor;
	struct iovec out[2];
	char got[TOTAL + 1] = "";
	size_t len = TOTAL;

	lay_out(&layout, &shapes[_i], bytes);
	iov_begin(&cursor, layout.iov, shapes[_i].count);
	while (iov_slice(&cursor, out, 1, &len)) {
		ck_assert_uint_eq(len, out[0].iov_len);
		strncat(got, out[0].iov_base, len);
		len = TOTAL;
	}
	ck_assert_uint_eq(len, 0);
	ck_assert_str_eq(got, bytes);
	len = 1;
	ck_assert_uint_eq(iov_slice(&cursor, out, 0, &len), 0);
	ck_assert_uint_eq(len, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iov");
	TCase *tcase = tcase_create("iov");

	tcase_add_loop_test(tcase, test_size, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tcase, test_read_in_steps, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tcase, test_write_in_steps, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tcase, test_skip, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tcase, test_slice, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tcase, test_slice_one_by_one, 0,
			    ARRAY_SIZE(shapes));
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
