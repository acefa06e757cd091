/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Sets of numbers: what texts come to, and that a set is one in every order. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ranges.h"
#include "suite.h"

#define MAX 4294967294u

static char *print(const struct ranges *r)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_ptr_nonnull(out);
	ranges_print(r, out);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

static const struct {
	const char *text;
	const char *set; /* as it is printed */
	int result;
} parse_rows[] = {
	{ "22", "22", 0 },
	{ "0", "0", 0 },
	{ "4294967294", "4294967294", 0 },
	{ "80-90", "80-90", 0 },
	{ "7-7", "7", 0 },
	{ "0-4294967294", "0-4294967294", 0 },
	/* order, overlap and touch */
	{ "5,3,1", "1,3,5", 0 },
	{ "1,2,3", "1-3", 0 },
	{ "3,2,1", "1-3", 0 },
	{ "1-3,5-7,4", "1-7", 0 },
	{ "1-3,5-7,9-11,3-9", "1-11", 0 },
	{ "1-3,5-7,9-11,0-20", "0-20", 0 },
	{ "1-9,3-4", "1-9", 0 },
	{ "3-4,1-9", "1-9", 0 },
	{ "10-20,15-30,5-12", "5-30", 0 },
	{ "0,2,1", "0-2", 0 },
	{ "2-4,0", "0,2-4", 0 },
	{ "4294967294,4294967293", "4294967293-4294967294", 0 },
	{ "4294967294,0", "0,4294967294", 0 },
	{ "9,9,9", "9", 0 },
	/* what parts them */
	{ "1+3+5", "1,3,5", 0 },
	{ "1, 3 ,\t5", "1,3,5", 0 },
	{ " 1 3 ", "1,3", 0 },
	{ ",1,,3,", "1,3", 0 },
	/* mistakes; what was before them stays */
	{ "", "", -EINVAL },
	{ " ,+", "", -EINVAL },
	{ "1,x", "1", -EINVAL },
	{ "-", "", -EINVAL },
	{ "1-", "", -EINVAL },
	{ "-1", "", -EINVAL },
	{ "1-2-3", "", -EINVAL },
	{ "9-8", "", -EINVAL },
	{ "1 - 3", "1", -EINVAL },
	{ "0x10-0x1f", "16-31", 0 },
	{ "0x", "", -EINVAL },
	{ "1;2", "", -EINVAL },
	{ "4294967295", "", -ERANGE },
	{ "5-4294967295", "", -ERANGE },
	{ "1,18446744073709551617", "1", -EINVAL },
};

START_TEST(test_parse)
{
	struct ranges r = { .count = 0 };
	char *set;

	ck_assert_int_eq(ranges_parse(&r, parse_rows[_i].text, MAX),
			 parse_rows[_i].result);
	set = print(&r);
	ck_assert_str_eq(set, parse_rows[_i].set);
	free(set);
	ranges_free(&r);
	ck_assert_uint_eq(r.count, 0);
}
END_TEST

/* Its neighbour is not 0. */
START_TEST(test_highest_number)
{
	struct ranges r = { .count = 0 };

	ck_assert_int_eq(ranges_add(&r, UINT32_MAX, UINT32_MAX), 0);
	ck_assert_int_eq(ranges_add(&r, 0, 0), 0);
	ck_assert_uint_eq(r.count, 2);
	ck_assert(ranges_contain(&r, UINT32_MAX));
	ck_assert(!ranges_contain(&r, 1));
	ck_assert_int_eq(ranges_add(&r, 1, UINT32_MAX - 1), 0);
	ck_assert_uint_eq(r.count, 1);
	ck_assert_uint_eq(ranges_size(&r), UINT64_C(1) << 32);
	ck_assert_uint_eq(ranges_nth(&r, UINT32_MAX), UINT32_MAX);
	ranges_free(&r);
}
END_TEST

/* Random ranges against a bitmap of small numbers. */
START_TEST(test_model)
{
	struct ranges r = { .count = 0 };
	bool model[64] = { false };
	uint32_t first, last, n;
	unsigned i, seen;

	srand(1);
	for (i = 0; i < 40; i++) {
		first = (uint32_t)rand() % 60;
		last = first + (uint32_t)rand() % 4;
		ck_assert_int_eq(ranges_add(&r, first, last), 0);
		memset(model + first, true, last - first + 1);
		for (n = 0, seen = 0; n < 64; n++) {
			ck_assert_int_eq(ranges_contain(&r, n), model[n]);
			if (model[n])
				ck_assert_uint_eq(ranges_nth(&r, seen++), n);
		}
		ck_assert_uint_eq(ranges_size(&r), seen);
		for (n = 1; n < r.count; n++)
			ck_assert_uint_lt(r.list[n - 1].last + 1,
					  r.list[n].first);
	}
	ranges_free(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ranges");
	TCase *tcase = tcase_create("ranges");

	tcase_add_loop_test(tcase, test_parse, 0, ARRAY_SIZE(parse_rows));
	tcase_add_test(tcase, test_highest_number);
	tcase_add_test(tcase, test_model);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
