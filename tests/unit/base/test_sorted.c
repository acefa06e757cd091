/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The first element that does not belong before a key, in arrays of every
 * length that matters. */
#include <check.h>
#include <stdlib.h>

#include "base/sorted.h"
#include "suite.h"

#define LONGEST 20u

static bool is_below(const void *element, const void *key)
{
	return *(const unsigned *)element < *(const unsigned *)key;
}

/* Elements are 0, 2, 2, 4, 6, 6, 8 and so on: keys meet elements, equal ones,
 * gaps, and both ends. */
START_TEST(test_first_that_is_not_before)
{
	const unsigned count = (unsigned)_i;
	unsigned array[LONGEST];

	for (unsigned i = 0; i < count; i++)
		array[i] = (i + i / 2) / 2 * 2;
	for (unsigned key = 0; key < 3 * LONGEST; key++) {
		size_t expected = 0;

		while (expected < count && array[expected] < key)
			expected++;
		ck_assert_uint_eq(sorted_find(array, count, sizeof(*array),
					      is_below, &key),
				  expected);
	}
}
END_TEST

START_TEST(test_no_array)
{
	const unsigned key = 1;

	ck_assert_uint_eq(sorted_find(NULL, 0, sizeof(key), is_below, &key), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sorted");
	TCase *tcase = tcase_create("sorted");

	tcase_add_loop_test(tcase, test_first_that_is_not_before, 0,
			    LONGEST + 1);
	tcase_add_test(tcase, test_no_array);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
