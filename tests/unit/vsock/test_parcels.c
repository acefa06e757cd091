/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Parcels come out in order, with their flags, in pieces of any size. */
#include <errno.h>
#include <string.h>

#include "base/iov.h"
#include "suite.h"
#include "vsock/parcels.h"

static struct parcels parcels;

static void set_up(void)
{
	parcels_init(&parcels);
}

static void tear_down(void)
{
	parcels_free(&parcels);
}

static void add(const char *text, uint32_t flags, bool join)
{
	struct iovec iov = { (void *)text, strlen(text) };
	struct iov_cursor from;

	iov_begin(&from, &iov, 1);
	ck_assert_int_eq(parcels_add(&parcels, &from, (uint32_t)iov.iov_len,
				     flags, join),
			 0);
}

/* The rest of the first is TEXT; LEN bytes of it leave. */
static void expect(const char *text, uint32_t flags, uint32_t len)
{
	struct parcel first;
	const char *bytes = parcels_first(&parcels, &first);

	ck_assert_uint_eq(first.len, strlen(text));
	ck_assert_uint_eq(first.flags, flags);
	ck_assert_int_eq(memcmp(bytes, text, first.len), 0);
	parcels_drop(&parcels, len);
}

START_TEST(each_keeps_its_flags)
{
	add("one", 1, false);
	add("", 2, false);
	add("three", 3, false);
	ck_assert_uint_eq(parcels.count, 3);
	ck_assert_uint_eq(parcels.empty, 1);
	expect("one", 1, 3);
	expect("", 2, 0);
	ck_assert_uint_eq(parcels.empty, 0);
	expect("three", 3, 2);
	add("four", 0, false);
	expect("ree", 3, 3);
	expect("four", 0, 4);
	ck_assert_uint_eq(parcels.count, 0);
	ck_assert_ptr_null(parcels.backlog.bytes);
}
END_TEST

START_TEST(a_stream_is_one)
{
	add("abc", 0, true);
	add("def", 0, true);
	ck_assert_uint_eq(parcels.count, 1);
	expect("abcdef", 0, 4);
	add("ghi", 0, true);
	ck_assert_uint_eq(parcels.count, 1);
	expect("efghi", 0, 5);
	ck_assert_uint_eq(parcels.count, 0);
	add("new", 0, true);
	expect("new", 0, 3);
}
END_TEST

/* A stream that never runs dry holds no more than what waits. */
START_TEST(what_has_left_is_given_back)
{
	static char text[1000];
	struct iovec iov = { text, sizeof(text) };

	for (unsigned i = 0; i < 100000; i++) {
		struct iov_cursor from;

		iov_begin(&from, &iov, 1);
		ck_assert_int_eq(
			parcels_add(&parcels, &from, sizeof(text), 0, true), 0);
		if (i)
			parcels_drop(&parcels, sizeof(text));
	}
	ck_assert_uint_eq(parcels.count, 1);
	ck_assert_uint_le(parcels.backlog.size, 16384);
}
END_TEST

/* No credit bounds messages without a byte. */
START_TEST(empty_messages_are_bounded)
{
	struct iov_cursor none;

	iov_begin(&none, NULL, 0);
	for (unsigned i = 0; i < PARCELS_EMPTY_MAX; i++)
		ck_assert_int_eq(parcels_add(&parcels, &none, 0, 1, false), 0);
	ck_assert_int_eq(parcels_add(&parcels, &none, 0, 1, false), -ENOBUFS);
	parcels_drop(&parcels, 0);
	ck_assert_int_eq(parcels_add(&parcels, &none, 0, 1, false), 0);
}
END_TEST

/* Bytes that join a parcel without any make it one that credit bounds. */
START_TEST(a_parcel_that_bytes_join_is_not_empty)
{
	add("", 0, true);
	ck_assert_uint_eq(parcels.empty, 1);
	add("abc", 0, true);
	ck_assert_uint_eq(parcels.empty, 0);
	add("", 0, true);
	expect("abc", 0, 3);
	ck_assert_uint_eq(parcels.empty, 0);
}
END_TEST

/* Against the plainest model: a string of bytes, and where each parcel ends. */
START_TEST(any_pieces)
{
	static char text[1 << 20];
	uint32_t ends[4096], added = 0, parcel = 0, n = 0, taken = 0;
	uint64_t seed = 3;

	for (uint32_t i = 0; i < sizeof(text); i++)
		text[i] = (char)suite_random(&seed);
	while (n < 4096 || parcel < n) {
		if (n < 4096 && suite_random(&seed) % 2) {
			uint32_t len = suite_random(&seed) % 256;
			struct iovec iov = { text + added, len };
			struct iov_cursor from;

			iov_begin(&from, &iov, 1);
			ck_assert_int_eq(parcels_add(&parcels, &from, len,
						     n % 4, false),
					 0);
			added += len;
			ends[n++] = added;
		} else if (parcel < n) {
			struct parcel first;
			const char *bytes = parcels_first(&parcels, &first);
			uint32_t len = suite_random(&seed) % (first.len + 1);

			ck_assert_uint_eq(first.flags, parcel % 4);
			ck_assert_uint_eq(first.len, ends[parcel] - taken);
			ck_assert_int_eq(memcmp(bytes, text + taken, first.len),
					 0);
			parcels_drop(&parcels, len);
			taken += len;
			parcel += taken == ends[parcel] && len == first.len;
		}
	}
	ck_assert_uint_eq(parcels.count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("parcels");
	TCase *c = tcase_create("parcels");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, each_keeps_its_flags);
	tcase_add_test(c, a_stream_is_one);
	tcase_add_test(c, what_has_left_is_given_back);
	tcase_add_test(c, empty_messages_are_bounded);
	tcase_add_test(c, a_parcel_that_bytes_join_is_not_empty);
	tcase_add_test(c, any_pieces);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
