/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "fuzz/session.h"

void session_knock(struct session *s, const struct record *r)
{
	static const char *const lines[] = { "CONNECT 1000\n",
					     "CONNECT 1001\n",
					     "CONNECT 1000\r\n",
					     "connect 7\n",
					     "CONNECT ",
					     "1000\n",
					     "CONNECT 99999999999\n",
					     "x" };
	const char *line = lines[r->b < 192 ? r->b % 2 : r->b % 8];
	int *fd = &s->programs[r->a % SESSION_PROGRAMS];

	fd_close(fd);
	*fd = stage_knock(s->vm, r->c % 4 == 3);
	if (*fd < 0)
		return;
	(void)!write(*fd, line, strlen(line));
	if (r->d % 2)
		(void)!write(*fd, stage_bytes, session_size(r->e) % 65536);
}

void session_accept(struct session *s, const struct record *r)
{
	int *fd = &s->programs[r->a % SESSION_PROGRAMS];
	int got = accept4(s->vm->programs[r->b % STAGE_PORTS], NULL, NULL,
			  SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (got < 0)
		return;
	fd_close(fd);
	*fd = got;
}

void session_program(struct session *s, const struct record *r)
{
	static uint8_t bytes[65536];
	int *fd = &s->programs[r->a % SESSION_PROGRAMS];

	if (*fd < 0)
		return;
	switch (r->b % 5) {
	case 0:
		(void)!send(*fd, stage_bytes, session_size(r->d) % 65536,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 1:
		(void)!recv(*fd, bytes, r->d, MSG_DONTWAIT);
		break;
	case 2:
		shutdown(*fd, r->d % 3);
		break;
	case 3:
		fd_close(fd);
		break;
	case 4:
		(void)!send(*fd, stage_bytes, r->d % 256,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	}
}
