/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The reader: the same messages come out however the stream was cut. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "protocol/reader.h"
#include "suite.h"

/* Nothing here opens or closes a descriptor: any numbers do. */
static int left[VHOST_USER_FDS_MAX];

/* A size that no message may have stands in the header only. */
static size_t put(uint8_t *out, uint32_t request, uint32_t flags, uint32_t size,
		  uint8_t fill)
{
	const uint32_t header[3] = { request, flags, size };

	memcpy(out, header, sizeof(header));
	if (size <= MESSAGE_PAYLOAD_MAX)
		memset(out + sizeof(header), fill, size);
	return sizeof(header) + size;
}

/* A stream with messages of every interesting size. */
static const uint32_t sizes[] = { 0, 8, 0, 0, 1, 264, 4096, 40, 4095, 0 };
static uint8_t stream[16384];
static size_t stream_len;

static void make_stream(void)
{
	stream_len = 0;
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
		stream_len += put(stream + stream_len, 100 + i,
				  i & 1 ? 0x9 : 0x1, sizes[i],
				  (uint8_t)(i + 1));
}

static void expect_message(const struct message *m, unsigned i)
{
	ck_assert_uint_eq(m->request, 100 + i);
	ck_assert_uint_eq(m->flags, i & 1 ? 0x9 : 0x1);
	ck_assert_uint_eq(m->size, sizes[i]);
	ck_assert_uint_eq(m->nfds, 0);
	ck_assert(!m->excess_fds);
	for (uint32_t at = 0; at < sizes[i]; at++)
		ck_assert_uint_eq(m->payload.bytes[at], i + 1);
}

/* Chunks of CHUNK bytes; 0: as many as the reader wants. */
START_TEST(test_any_chunking)
{
	static const size_t chunks[] = { 0,  1,	 2,  3,	  5,	7,    11,   12,
					 13, 20, 64, 100, 4108, 5000, 16384 };
	static struct reader r;
	static struct message m;
	const char *why = NULL;
	unsigned got = 0;

	make_stream();
	reader_init(&r);
	for (size_t at = 0; at < stream_len;) {
		size_t n = chunks[_i] ? chunks[_i] : reader_wants(&r);

		ck_assert_uint_gt(n, 0);
		if (n > stream_len - at)
			n = stream_len - at;
		for (size_t end = at + n; at < end;) {
			at += reader_push(&r, stream + at, end - at);
			if (reader_next(&r, &m, &why) == 1)
				expect_message(&m, got++);
			ck_assert_ptr_null(why);
		}
	}
	ck_assert_uint_eq(got, ARRAY_SIZE(sizes));
	ck_assert_int_eq(reader_next(&r, &m, &why), 0);
	ck_assert_uint_eq(reader_end(&r, left), 0);
}
END_TEST

/* What is read at once never reaches into the next message: descriptors come
 * with bytes, and these must all be of the message that they are for. */
START_TEST(test_wants_stop_at_the_boundaries)
{
	static struct reader r;
	static struct message m;
	uint8_t bytes[64];
	const char *why;

	put(bytes, 2, 1, 8, 0);
	put(bytes + 20, 1, 1, 0, 0);
	reader_init(&r);
	ck_assert_uint_eq(reader_wants(&r), 12);
	ck_assert_uint_eq(reader_push(&r, bytes, 5), 5);
	ck_assert_uint_eq(reader_wants(&r), 7);
	ck_assert_uint_eq(reader_push(&r, bytes + 5, 7), 7);
	ck_assert_uint_eq(reader_wants(&r), 8);
	ck_assert_int_eq(reader_next(&r, &m, &why), 0);
	ck_assert_uint_eq(reader_push(&r, bytes + 12, 1), 1);
	ck_assert_uint_eq(reader_wants(&r), 7);
	ck_assert_uint_eq(reader_push(&r, bytes + 13, 19), 7);
	ck_assert_uint_eq(reader_push(&r, bytes + 20, 12), 0);
	ck_assert_int_eq(reader_next(&r, &m, &why), 1);
	ck_assert_uint_eq(reader_push(&r, bytes + 20, 12), 12);
	ck_assert_int_eq(reader_next(&r, &m, &why), 1);
	ck_assert_uint_eq(m.request, 1);
	ck_assert_uint_eq(reader_end(&r, left), 0);
}
END_TEST

/* Descriptors with byte AT of a message with 8 bytes of payload. */
START_TEST(test_descriptors_with_any_byte)
{
	const int fds[] = { 100, 101 };
	static struct reader r;
	static struct message m;
	uint8_t bytes[20];
	const char *why;

	put(bytes, 12, 1, 8, 0);
	reader_init(&r);
	for (int at = 0; at < 20; at++) {
		if (at == _i)
			ck_assert_uint_eq(reader_add_fds(&r, fds, 2), 2);
		ck_assert_uint_eq(reader_push(&r, bytes + at, 1), 1);
	}
	ck_assert_int_eq(reader_next(&r, &m, &why), 1);
	ck_assert_uint_eq(m.nfds, 2);
	ck_assert_int_eq(m.fds[0], 100);
	ck_assert_int_eq(m.fds[1], 101);

	for (int at = 0; at < 20; at++)
		reader_push(&r, bytes + at, 1);
	ck_assert_int_eq(reader_next(&r, &m, &why), 1);
	ck_assert_uint_eq(m.nfds, 0);
	ck_assert_uint_eq(reader_end(&r, left), 0);
}
END_TEST

START_TEST(test_more_than_eight_stay_the_callers)
{
	static const int fds[20] = { 100 };
	static struct reader r;
	static struct message m;
	uint8_t bytes[20];
	const char *why;

	put(bytes, 12, 1, 8, 0);
	reader_init(&r);
	ck_assert_uint_eq(reader_add_fds(&r, fds, 6), 6);
	reader_push(&r, bytes, 3);
	ck_assert_uint_eq(reader_add_fds(&r, fds + 6, 6), 2);
	reader_push(&r, bytes + 3, 13);
	ck_assert_uint_eq(reader_add_fds(&r, fds + 12, 8), 0);
	reader_push(&r, bytes + 16, 4);
	ck_assert_int_eq(reader_next(&r, &m, &why), 1);
	ck_assert_uint_eq(m.nfds, 8);
	ck_assert(m.excess_fds);

	reader_push(&r, bytes, 20);
	ck_assert_int_eq(reader_next(&r, &m, &why), 1);
	ck_assert(!m.excess_fds);
}
END_TEST

START_TEST(test_unfinished_message_gives_its_descriptors_up)
{
	const int fds[] = { 100, 101, 102, 103 };
	static struct reader r;
	uint8_t bytes[20];

	put(bytes, 12, 1, 8, 0);
	reader_init(&r);
	reader_add_fds(&r, fds, 4);
	reader_push(&r, bytes, 15);
	ck_assert_uint_eq(reader_end(&r, left), 4);
	ck_assert_mem_eq(left, fds, sizeof(fds));
	ck_assert_uint_eq(reader_end(&r, left), 0);
}
END_TEST

struct broken_case {
	uint32_t flags;
	uint32_t size;
	const char *word;
};

static const struct broken_case broken[] = {
	{ 0, 0, "version" },	    { 2, 0, "version" },
	{ 3, 8, "version" },	    { 5, 0, "reply" },
	{ 0xd, 8, "reply" },	    { 1, 4097, "large" },
	{ 1, 0xffffffff, "large" }, { 1, 0xfffffff4, "large" },
};

START_TEST(test_broken_header_ends_the_stream)
{
	static struct reader r;
	static struct message m;
	uint8_t bytes[MESSAGE_MAX];
	const char *why = NULL;
	const int fd = 100;

	put(bytes, 1, broken[_i].flags, broken[_i].size, 0);
	reader_init(&r);
	ck_assert_uint_eq(reader_add_fds(&r, &fd, 1), 1);
	ck_assert_uint_eq(reader_push(&r, bytes, 11), 11);
	ck_assert_int_eq(reader_next(&r, &m, &why), 0);
	ck_assert_uint_eq(reader_push(&r, bytes + 11, 9), 1);
	ck_assert_int_eq(reader_next(&r, &m, &why), -EPROTO);
	ck_assert_ptr_nonnull(strstr(why, broken[_i].word));

	put(bytes, 1, 1, 0, 0);
	ck_assert_uint_eq(reader_push(&r, bytes, 12), 0);
	ck_assert_int_eq(reader_next(&r, &m, &why), -EPROTO);
	ck_assert_uint_eq(reader_end(&r, left), 1);
}
END_TEST

START_TEST(test_flags_of_the_future_are_let_through)
{
	static struct reader r;
	static struct message m;
	uint8_t bytes[12];
	const char *why;

	put(bytes, 1, 0xfffffff9, 0, 0);
	reader_init(&r);
	reader_push(&r, bytes, 12);
	ck_assert_int_eq(reader_next(&r, &m, &why), 1);
	ck_assert(message_need_reply(&m));
	ck_assert_uint_eq(reader_end(&r, left), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reader");
	TCase *tcase = tcase_create("reader");

	tcase_add_loop_test(tcase, test_any_chunking, 0, 15);
	tcase_add_test(tcase, test_wants_stop_at_the_boundaries);
	tcase_add_loop_test(tcase, test_descriptors_with_any_byte, 0, 20);
	tcase_add_test(tcase, test_more_than_eight_stay_the_callers);
	tcase_add_test(tcase, test_unfinished_message_gives_its_descriptors_up);
	tcase_add_loop_test(tcase, test_broken_header_ends_the_stream, 0,
			    ARRAY_SIZE(broken));
	tcase_add_test(tcase, test_flags_of_the_future_are_let_through);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
