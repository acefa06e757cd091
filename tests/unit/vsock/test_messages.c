/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Lengths come out as they went in, also those of empty messages. */
#include "base/check.h"
#include "suite.h"
#include "vsock/messages.h"

#define MANY 1000u

/* Mostly at the edges of what one more byte can hold, at seven bits in each. */
static uint32_t length_of(uint32_t i)
{
	static const uint32_t edges[] = {
		0,     1,	127,	 128,	    16383,
		16384, 2097151, 2097152, 268435455, 268435456,
	};

	return i % 3 ? edges[i % ARRAY_SIZE(edges)] : i * 37 % 65536;
}

START_TEST(lengths_come_in_order)
{
	struct messages m;
	uint32_t in = 0, out = 0, bytes = 0, pos;

	messages_init(&m);
	while (out < MANY) {
		while (in < MANY && in < out + 1 + out % 100) {
			ck_assert_int_eq(messages_add(&m, length_of(in)), 0);
			bytes += length_of(in++);
		}
		ck_assert_uint_eq(m.count, in - out);
		pos = 0;
		ck_assert_uint_eq(m.bytes, bytes);
		for (uint32_t i = out; i < in; i++)
			ck_assert_uint_eq(messages_next(&m, &pos),
					  length_of(i));
		ck_assert_uint_eq(messages_drop(&m), length_of(out));
		bytes -= length_of(out++);
	}
	ck_assert_uint_eq(m.count, 0);
	ck_assert_uint_eq(m.bytes, 0);
	ck_assert_ptr_null(m.lengths.bytes);
}
END_TEST

START_TEST(forgotten_ones_are_gone)
{
	struct messages m;

	messages_init(&m);
	ck_assert_int_eq(messages_add(&m, 0), 0);
	ck_assert_int_eq(messages_add(&m, 7), 0);
	ck_assert_uint_eq(m.count, 2);
	messages_free(&m);
	ck_assert_uint_eq(m.count, 0);
	ck_assert_uint_eq(m.bytes, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("messages");
	TCase *c = tcase_create("messages");

	tcase_add_test(c, lengths_come_in_order);
	tcase_add_test(c, forgotten_ones_are_gone);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
