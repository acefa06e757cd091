/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The CONNECT line of a host program, as it comes in pieces and as a message.
 * What is promised: a verdict never changes as more bytes come, a line that was
 * understood can be written again, and both forms agree.
 */
#include <errno.h>

#include "fuzz/fuzz.h"
#include "vsock/handshake.h"

/* A copy of exactly N bytes, so that ASan finds a read beyond it. */
static int parse(const uint8_t *data, size_t n, uint32_t *port)
{
	char *copy = malloc(n ? n : 1);
	int rc;

	fuzz_check(copy);
	if (n)
		memcpy(copy, data, n);
	rc = handshake_parse(copy, n, port);
	free(copy);
	return rc;
}

/* The line names this port, and is no longer than a line may be. */
static void check_line(const uint8_t *data, size_t n, uint32_t port)
{
	char line[HANDSHAKE_LINE_MAX + 1] = "";
	unsigned long long said;

	fuzz_check(n <= HANDSHAKE_LINE_MAX && data[n - 1] == '\n');
	memcpy(line, data, n);
	said = strtoull(line + strlen("CONNECT "), NULL, 10);
	fuzz_check(said == port && port < UINT32_MAX);
}

static void check_answer(uint32_t port)
{
	char *answer = malloc(HANDSHAKE_ANSWER_MAX);
	unsigned read_back = 0;
	size_t n;

	fuzz_check(answer);
	n = handshake_answer(answer, port);
	fuzz_check(n < HANDSHAKE_ANSWER_MAX && answer[n - 1] == '\n');
	fuzz_check(sscanf(answer, "OK %u", &read_back) == 1);
	fuzz_check(read_back == port);
	free(answer);
}

static void check_message(const uint8_t *data, size_t size, int line,
			  uint32_t port)
{
	char *copy = malloc(size ? size : 1);
	uint32_t other = port;
	int rc;

	fuzz_check(copy);
	if (size)
		memcpy(copy, data, size);
	rc = handshake_parse_message(copy, size, &other);
	free(copy);
	fuzz_check(rc == 0 || rc == -EPROTO);
	if (line > 0 && (size_t)line == size)
		fuzz_check(rc == 0 && other == port);
	if (line < 0)
		fuzz_check(rc == -EPROTO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t port = 0;
	uint32_t known;
	int rc = 0;

	for (size_t n = 0; n <= size && n <= 2 * HANDSHAKE_LINE_MAX; n++) {
		int next = parse(data, n, &port);

		fuzz_check(!rc || next == rc);
		fuzz_check(next <= (int)n && (next >= 0 || next == -EPROTO));
		fuzz_check(next || n < HANDSHAKE_LINE_MAX);
		if (next > 0) {
			check_line(data, (size_t)next, port);
			check_answer(port);
		}
		rc = next;
	}
	known = port;
	rc = parse(data, size, &port);
	fuzz_check(port == known);
	check_message(data, size, rc, port);
	return 0;
}
