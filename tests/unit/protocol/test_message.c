/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Messages: who owns their descriptors, and what replies look like. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "protocol/message.h"
#include "suite.h"

START_TEST(test_gives_up_what_was_not_taken)
{
	const int fds[] = { 100, 101, 102 };
	struct message m = { .nfds = 0 };
	int left[VHOST_USER_FDS_MAX];

	ck_assert_uint_eq(message_add_fds(&m, fds, 3), 3);
	ck_assert_int_eq(message_take_fd(&m, 1), 101);
	ck_assert_int_eq(message_take_fd(&m, 1), -1);
	ck_assert_int_eq(message_take_fd(&m, 3), -1);
	ck_assert_uint_eq(message_take_fds(&m, left), 2);
	ck_assert_int_eq(left[0], 100);
	ck_assert_int_eq(left[1], 102);
	ck_assert_uint_eq(message_take_fds(&m, left), 0);
}
END_TEST

/* More than any request has: those are the caller's, and the message remembers
 * that there were some. */
START_TEST(test_takes_no_more_than_eight)
{
	const int fds[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
	struct message m = { .nfds = 0 };
	int left[VHOST_USER_FDS_MAX];

	ck_assert_uint_eq(message_add_fds(&m, fds, 5), 5);
	ck_assert_uint_eq(message_add_fds(&m, fds + 5, 2), 2);
	ck_assert(!m.excess_fds);
	ck_assert_uint_eq(message_add_fds(&m, fds + 7, 4), 1);
	ck_assert(m.excess_fds);
	ck_assert_uint_eq(message_add_fds(&m, fds + 8, 0), 0);
	ck_assert(m.excess_fds);
	ck_assert_uint_eq(message_take_fds(&m, left), 8);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(left[i], i);
}
END_TEST

START_TEST(test_number_reply)
{
	const struct message m = {
		.request = VHOST_USER_GET_QUEUE_NUM,
		.flags = VHOST_USER_VERSION | VHOST_USER_NEED_REPLY,
	};
	const uint32_t header[3] = { 17, 5, 8 };
	const uint64_t value = 0x1122334455667788;
	uint8_t out[20];

	ck_assert(message_need_reply(&m));
	ck_assert_uint_eq(message_reply_u64(&m, value, out, 20), 20);
	ck_assert_mem_eq(out, header, 12);
	ck_assert_mem_eq(out + 12, &value, 8);
	ck_assert_uint_eq(message_reply_u64(&m, value, out, 19), 0);
}
END_TEST

struct config_case {
	uint32_t size;	 /* of the request's payload */
	uint32_t offset; /* asked for */
	uint32_t bytes;
	size_t answer; /* size of the answer's payload */
	const char *data;
	size_t data_len; /* zeros follow */
};

static const struct config_case configs[] = {
	{ 20, 0, 8, 20, "abcdefgh", 8 }, /* QEMU */
	{ 12, 0, 8, 20, "abcdefgh", 8 }, /* no room was sent along */
	{ 16, 0, 4, 16, "abcd", 4 },
	{ 16, 4, 4, 16, "efgh", 4 },
	{ 20, 4, 8, 20, "efgh", 4 },
	{ 13, 7, 1, 13, "h", 1 },
	{ 20, 8, 8, 20, "", 0 },
	{ 20, 0xffffffff, 8, 20, "", 0 },
	{ 268, 0, 256, 268, "abcdefgh", 8 },
	{ 4096, 0, 4084, 4096, "abcdefgh", 8 },
	{ 12, 0, 0, 12, "", 0 },
	{ 12, 0, 0xffffffff, 12, "", 0 },
	/* The payload decides, if the two sizes differ. */
	{ 20, 0, 0xffffffff, 20, "abcdefgh", 8 },
	{ 20, 0, 4, 20, "abcdefgh", 8 },
	{ 16, 0, 8, 16, "abcd", 4 },
};

START_TEST(test_config_is_always_answered)
{
	const struct config_case *t = &configs[_i];
	static struct message m;
	uint8_t *data = m.payload.bytes + 12;

	memset(&m, 0xee, sizeof(m));
	m.request = VHOST_USER_GET_CONFIG;
	m.size = t->size;
	m.payload.config.offset = t->offset;
	m.payload.config.size = t->bytes;
	m.payload.config.flags = 7;
	ck_assert_uint_eq(message_fill_config(&m, "abcdefgh", 8), t->answer);
	ck_assert_uint_eq(m.payload.config.offset, t->offset);
	ck_assert_uint_eq(m.payload.config.size, t->bytes);
	ck_assert_uint_eq(m.payload.config.flags, 7);
	ck_assert_mem_eq(data, t->data, t->data_len);
	for (size_t i = t->data_len; i < t->answer - 12; i++)
		ck_assert_uint_eq(data[i], 0);
	if (t->answer < MESSAGE_PAYLOAD_MAX)
		ck_assert_uint_eq(m.payload.bytes[t->answer], 0xee);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *tcase = tcase_create("message");

	tcase_add_test(tcase, test_gives_up_what_was_not_taken);
	tcase_add_test(tcase, test_takes_no_more_than_eight);
	tcase_add_test(tcase, test_number_reply);
	tcase_add_loop_test(tcase, test_config_is_always_answered, 0,
			    ARRAY_SIZE(configs));
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
