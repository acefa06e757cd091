/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The CONNECT line, whole, cut anywhere, and wrong in every way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "suite.h"
#include "vsock/handshake.h"

/* A line, and from which of its bytes on it is known to be wrong (0: it is
 * right). SIZE counts bytes that may hold NUL. */
#define GOOD(text, port)                        \
	{                                       \
		text, sizeof(text) - 1, port, 0 \
	}
#define BAD(text, from)                         \
	{                                       \
		text, sizeof(text) - 1, 0, from \
	}

static const struct {
	const char *text;
	size_t size;
	uint32_t port;
	size_t wrong_from;
} lines[] = {
	GOOD("CONNECT 5000\n", 5000),
	GOOD("CONNECT 0\n", 0),
	GOOD("CONNECT 9\n", 9),
	GOOD("CONNECT 1\r\n", 1),
	GOOD("connect 22\n", 22),
	GOOD("cOnNeCt 4294967294\n", 4294967294),
	GOOD("CONNECT 0000000012\n", 12),
	GOOD("CONNECT 1234567890\r\n", 1234567890),
	BAD("CONNECT 4294967295\n", 18), /* VMADDR_PORT_ANY */
	BAD("CONNECT 4294967296\n", 18),
	BAD("CONNECT 9999999999\n", 18),
	BAD("CONNECT 00000000012\n", 19),
	BAD("CONNECT 18446744073709556616\n", 19),
	BAD("CONNECT \n", 9),
	BAD("CONNECT \r\n", 9),
	BAD("CONNECT\n", 8),
	BAD("CONNECT5000\n", 8),
	BAD("CONNECT  5000\n", 9),
	BAD("CONNECT\t5000\n", 8),
	BAD("CONNECT -1\n", 9),
	BAD("CONNECT +1\n", 9),
	BAD("CONNECT 0x10\n", 10),
	BAD("CONNECT 1e3\n", 10),
	BAD("CONNECT 12 \n", 11),
	BAD("CONNECT 12 34\n", 11),
	BAD("CONNECT 12\r\r\n", 12),
	BAD("CONNECT 12\rx\n", 12),
	BAD("CONNECT 12,\n", 11),
	BAD("CONNECT 1:\n", 10),
	BAD("CONNECT 1/\n", 10),
	BAD("CONNECT 12\0\n", 11),
	BAD("CONNECT \0"
	    "12\n",
	    9),
	BAD("CONN\0CT 12\n", 5),
	BAD("\0CONNECT 12\n", 1),
	BAD("CONNECT \xb2\n", 9),
	BAD("CONNECT five\n", 9),
	BAD(" CONNECT 5\n", 1),
	BAD("\n", 1),
	BAD("\r\n", 1),
	BAD("CONNECX 5\n", 7),
	BAD("CONNECTED 5\n", 8),
	BAD("OK 5\n", 1),
	BAD("GET / HTTP/1.1\r\n", 1),
};

static int parse(size_t line, size_t n, uint32_t *port)
{
	/* Of exactly that size, so that nothing behind it can be read. */
	char *bytes = malloc(n ? n : 1);
	int ret;

	ck_assert_ptr_nonnull(bytes);
	memcpy(bytes, lines[line].text, n);
	ret = handshake_parse(bytes, n, port);
	free(bytes);
	return ret;
}

/* At each length the line is unfinished, right or wrong, and which of them it
 * is may never depend on bytes that have not come yet. */
static void expect(size_t line, size_t n)
{
	uint32_t port = 4711;
	int ret = parse(line, n, &port);
	size_t wrong_from = lines[line].wrong_from;
	int expected = 0;

	if (wrong_from && n >= wrong_from)
		expected = -EPROTO;
	else if (n == lines[line].size)
		expected = (int)n;
	ck_assert_msg(ret == expected, "line %zu, %zu bytes: %d not %d", line,
		      n, ret, expected);
	ck_assert_uint_eq(port, expected > 0 ? lines[line].port : 4711);
}

START_TEST(byte_by_byte)
{
	for (size_t n = 0; n <= lines[_i].size; n++)
		expect((size_t)_i, n);
}
END_TEST

/* What follows the line is not looked at. */
START_TEST(data_behind_it)
{
	char bytes[64];
	uint32_t port = 0;
	size_t n = lines[_i].size;

	memset(bytes, '7', sizeof(bytes));
	memcpy(bytes, lines[_i].text, n);
	if (lines[_i].wrong_from) {
		ck_assert_int_eq(handshake_parse(bytes, 64, &port), -EPROTO);
		return;
	}
	for (size_t more = 0; more < 20; more++) {
		port = 0;
		ck_assert_int_eq(handshake_parse(bytes, n + more, &port),
				 (int)n);
		ck_assert_uint_eq(port, lines[_i].port);
	}
}
END_TEST

/* Whatever comes, it is right or wrong before the longest line is full. */
START_TEST(no_line_is_endless)
{
	static const char fill[] = "0159 \r\0xC";
	char bytes[HANDSHAKE_LINE_MAX] = "CONNECT 1";
	uint64_t seed = 5;
	uint32_t port;

	for (unsigned i = 0; i < 5000; i++) {
		size_t at = 8 + suite_random(&seed) % 4;

		while (at < sizeof(bytes))
			bytes[at++] =
				fill[suite_random(&seed) % (sizeof(fill) - 1)];
		ck_assert_int_ne(handshake_parse(bytes, sizeof(bytes), &port),
				 0);
	}
}
END_TEST

static const struct {
	uint32_t port;
	const char *line;
} answers[] = {
	{ 1024, "OK 1024\n" },
	{ 65535, "OK 65535\n" }, /* what systemd's proxy reads: 9 bytes */
	{ 0, "OK 0\n" },
	{ UINT32_MAX, "OK 4294967295\n" },
};

START_TEST(answer)
{
	char out[HANDSHAKE_ANSWER_MAX];

	ck_assert_uint_eq(handshake_answer(out, answers[_i].port),
			  strlen(answers[_i].line));
	ck_assert_str_eq(out, answers[_i].line);
}
END_TEST

static const struct {
	const char *text;
	int result;
} firsts[] = {
	/*  1 */ { "CONNECT 1234", 0 },
	/*  2 */ { "CONNECT 1234\n", 0 },
	/*  3 */ { "CONNECT 1234\r\n", 0 },
	/*  4 */ { "CONNECT 1234\r", 0 },
	/*  5 */ { "cOnNeCt 01234", 0 },
	/*  6 */ { "", -EPROTO },
	/*  7 */ { "\n", -EPROTO },
	/*  8 */ { "CONNECT", -EPROTO },
	/*  9 */ { "CONNECT ", -EPROTO },
	/* 10 */ { "CONNECT 1234x", -EPROTO },
	/* 11 */ { "CONNECT 1234\nx", -EPROTO },
	/* 12 */ { "CONNECT 1234\n\n", -EPROTO },
	/* 13 */ { "CONNECT 4294967295", -EPROTO },
	/* 14 */ { "CONNECT 12345678901", -EPROTO },
	/* 15 */ { "CONNECT 00000000000000000000001234", -EPROTO },
};

START_TEST(as_a_message)
{
	const char *text = firsts[_i].text;
	uint32_t port = 0;

	ck_assert_int_eq(handshake_parse_message(text, strlen(text), &port),
			 firsts[_i].result);
	if (!firsts[_i].result)
		ck_assert_uint_eq(port, 1234);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handshake");
	TCase *c = tcase_create("handshake");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, byte_by_byte, 0, ARRAY_SIZE(lines));
	tcase_add_loop_test(c, data_behind_it, 0, ARRAY_SIZE(lines));
	tcase_add_test(c, no_line_is_endless);
	tcase_add_loop_test(c, as_a_message, 0, ARRAY_SIZE(firsts));
	tcase_add_loop_test(c, answer, 0, ARRAY_SIZE(answers));
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
