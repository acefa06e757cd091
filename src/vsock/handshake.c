/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The line is parsed from its start each time more of it has come: it is short,
 * and nothing has to be remembered in between. Each byte is judged at once, so
 * that a program that speaks another protocol is turned away with the first
 * byte that does not fit and not by the deadline.
 */
#include "vsock/handshake.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

static const char keyword[] = "CONNECT ";
#define KEYWORD_LEN (sizeof(keyword) - 1)

/* The longest port is 4294967294: VMADDR_PORT_ANY is not one. */
#define PORT_DIGITS_MAX 10

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Looks behind the digits, at AT of N bytes: the length of the line, 0 if its
 * end may still come, or -EPROTO. */
static int end_of_line(const char *bytes, size_t at, size_t n)
{
	if (at < n && bytes[at] == '\r')
		at++;
	if (at == n)
		return 0;
	return bytes[at] == '\n' ? (int)at + 1 : -EPROTO;
}

int handshake_parse(const char *bytes, size_t n, uint32_t *port)
{
	size_t at = min_size(n, KEYWORD_LEN);
	uint64_t value = 0;
	int end;

	if (strncasecmp(bytes, keyword, at) != 0)
		return -EPROTO;
	while (at < n && is_digit(bytes[at]) &&
	       at < KEYWORD_LEN + PORT_DIGITS_MAX)
		value = value * 10 + (uint64_t)(bytes[at++] - '0');
	if (at < n && at == KEYWORD_LEN)
		return -EPROTO;
	if (value >= UINT32_MAX)
		return -EPROTO;
	end = end_of_line(bytes, at, n);
	if (end > 0)
		*port = (uint32_t)value;
	return end;
}

int handshake_parse_message(const char *bytes, size_t n, uint32_t *port)
{
	char line[HANDSHAKE_LINE_MAX + 1];

	if (!n || n > HANDSHAKE_LINE_MAX)
		return -EPROTO;
	memcpy(line, bytes, n);
	if (line[n - 1] != '\n')
		line[n++] = '\n';
	return handshake_parse(line, n, port) == (int)n ? 0 : -EPROTO;
}

size_t handshake_answer(char out[HANDSHAKE_ANSWER_MAX], uint32_t host_port)
{
	return (size_t)snprintf(out, HANDSHAKE_ANSWER_MAX, "OK %u\n",
				host_port);
}
