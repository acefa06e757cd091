/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Numbers and letters as people write them. */
#include <check.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "suite.h"

static const struct {
	const char *text;
	bool right;
	uint64_t n;
} numbers[] = {
	{ "0", true, 0 },
	{ "16", true, 16 },
	{ "0042", true, 42 },
	{ "+16", true, 16 },
	{ "0x10", true, 16 },
	{ "0xFf", true, 255 },
	{ "0o20", true, 16 },
	{ "0b10000", true, 16 },
	{ "+0x10", true, 16 },
	{ "18446744073709551615", true, UINT64_MAX },
	{ "0xffffffffffffffff", true, UINT64_MAX },
	{ "00000000000000000000016", true, 16 },
	{ "18446744073709551616", false, 0 },
	{ "0x10000000000000000", false, 0 },
	{ "0o2000000000000000000000", false, 0 },
	{ "", false, 0 },
	{ "+", false, 0 },
	{ "-1", false, 0 },
	{ "++1", false, 0 },
	{ "0x", false, 0 },
	{ "0x+1", false, 0 },
	{ "0X10", false, 0 },
	{ "0o8", false, 0 },
	{ "0b2", false, 0 },
	{ "1f", false, 0 },
	{ "0xg", false, 0 },
	{ "1_000", false, 0 },
	{ "1:30", false, 0 },
	{ "1.0", false, 0 },
	{ "1e3", false, 0 },
	{ " 1", false, 0 },
	{ "1 ", false, 0 },
};

START_TEST(numbers_are_read_as_yaml_has_them)
{
	uint64_t n = 77;
	bool right =
		text_number(numbers[_i].text, strlen(numbers[_i].text), &n);

	ck_assert_int_eq(right, numbers[_i].right);
	ck_assert_uint_eq(n, right ? numbers[_i].n : 77);
}
END_TEST

START_TEST(no_byte_behind_the_number_is_looked_at)
{
	uint64_t n;

	ck_assert(text_number("0x10", 1, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert(text_number("12345", 3, &n));
	ck_assert_uint_eq(n, 123);
	ck_assert(!text_number("+1", 1, &n));
	ck_assert(!text_number("0x1", 2, &n));
}
END_TEST

static const struct {
	const char *text;
	size_t length;
} letters[] = {
	{ "a", 1 },
	{ "\xc3\xa4x", 2 },
	{ "\xe2\x82\xac", 3 },
	{ "\xf0\x9f\x90\xa7", 4 },
	{ "\xf4\x8f\xbf\xbf", 4 },
	{ "\xc2\xa0", 2 },
	{ "\xc2\x9f", 0 },	   /* a control character */
	{ "\xc3", 0 },		   /* cut */
	{ "\xe2\x82", 0 },	   /* cut */
	{ "\xc3x", 0 },		   /* goes on with something else */
	{ "\xc1\xa1", 0 },	   /* longer than need be */
	{ "\xe0\x9f\xbf", 0 },	   /* longer than need be */
	{ "\xf0\x8f\xbf\xbf", 0 }, /* longer than need be */
	{ "\xed\xa0\x80", 0 },	   /* a surrogate */
	{ "\xf4\x90\x80\x80", 0 }, /* beyond Unicode */
	{ "\xf8\x88\x80\x80\x80", 0 },
	{ "\x80", 0 },
	{ "\xff", 0 },
};

START_TEST(letters_beyond_ascii_are_whole)
{
	ck_assert_uint_eq(text_letter(letters[_i].text,
				      strlen(letters[_i].text)),
			  letters[_i].length);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("text");
	TCase *tcase = tcase_create("text");

	tcase_add_loop_test(tcase, numbers_are_read_as_yaml_has_them, 0,
			    ARRAY_SIZE(numbers));
	tcase_add_test(tcase, no_byte_behind_the_number_is_looked_at);
	tcase_add_loop_test(tcase, letters_beyond_ascii_are_whole, 0,
			    ARRAY_SIZE(letters));
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
