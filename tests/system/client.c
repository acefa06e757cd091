/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A client that misbehaves, as host.c's clients do not: it sends its line late,
 * in pieces, wrongly or with something behind it. Of a refusal it expects the
 * end of the stream, without a byte.
 */
#include "system/client.h"

#include <sys/socket.h>

void client_dial(struct scene *s, struct host_conn *c)
{
	int fd = host_dial(s->daemon.uds[0]);

	need(fd >= 0, "dial");
	host_adopt(c, &s->world, fd);
	c->wants_line = true;
}

/* Pieces of a line are sent with a pause between them: otherwise the daemon
 * would read them at once, and a cut line would be tested by luck only. */
bool client_say(struct scene *s, struct host_conn *c, const char *bytes,
		size_t n, size_t chunk)
{
	for (size_t at = 0; at < n; at += chunk) {
		size_t piece = min_size(chunk, n - at);

		if (send(c->watch.fd, bytes + at, piece, MSG_NOSIGNAL) < 0)
			return false;
		if (chunk < 64)
			world_rest(&s->world, 1);
	}
	return true;
}

void client_expect_end(struct scene *s, struct host_conn *c)
{
	drive_until(&s->world, host_over(c));
	ck_assert(c->eof);
	ck_assert_int_eq(c->error, 0);
	client_expect_refusal(s, c);
}

void client_expect_refusal(struct scene *s, struct host_conn *c)
{
	drive_until(&s->world, host_over(c));
	ck_assert_uint_eq(c->line_length, 0);
	ck_assert_uint_eq(c->in.got, 0);
	host_close(c);
}
