/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Host programs, one for each end at a time. A program's answer to CONNECT is
 * read before its data.
 */
#include "fuzz/play.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

#define MESSAGE_MAX (1u << 20)

static bool messages(const struct end *end)
{
	return end->type == VIRTIO_VSOCK_TYPE_SEQPACKET;
}

static void start(struct end *end, int fd)
{
	struct sink in = end->program.in;

	flow_restart(&in);
	end->program = (struct program){
		.fd = fd,
		.in = in,
		.flow = flow_new(flow_sink(end, false)),
	};
}

void program_call(struct end *end)
{
	char line[32];
	int fd, len;

	/* A second connection would use the same ports of the guest. */
	if (end->program.fd >= 0 || truth_conn(end))
		return;
	fd = stage_knock(play.guests[end->vm].vm, messages(end));
	if (fd < 0)
		return;
	start(end, fd);
	end->spoilt = false;
	end->program.line = true;
	len = snprintf(line, sizeof(line), "CONNECT %u\n", end->port);
	fuzz_check(write(fd, line, (size_t)len) == len);
}

void program_accept(struct end *end)
{
	int listening = play.guests[end->vm].vm->programs[end->index];
	int fd;

	if (end->program.fd >= 0 || !end->calls)
		return;
	fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	end->calls--;
	start(end, fd);
}

/* A program that has not read the OK line sends nothing yet. */
void program_send(struct end *end, uint32_t len)
{
	struct program *p = &end->program;
	ssize_t n;

	if (p->fd < 0 || p->line || !p->flow || !len)
		return;
	n = send(p->fd,
		 stage_bytes + stage_at(p->flow, play.flows[p->flow].sent), len,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		flow_sent(p->flow, (uint32_t)n, messages(end));
}

/* False: the answer has not come, or never will. */
static bool read_answer(struct end *end)
{
	struct program *p = &end->program;
	char answer[32];
	ssize_t n, i;

	n = recv(p->fd, answer, sizeof(answer), MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0) {
		p->ended = n == 0 || errno != EAGAIN;
		return false;
	}
	fuzz_check(n > 3 && !memcmp(answer, "OK ", 3));
	for (i = 0; i < n && answer[i] != '\n'; i++)
		continue;
	fuzz_check(i < n);
	fuzz_check(recv(p->fd, answer, (size_t)i + 1, MSG_DONTWAIT) == i + 1);
	p->line = false;
	return true;
}

void program_receive(struct end *end, uint32_t max)
{
	static uint8_t bytes[MESSAGE_MAX];
	struct program *p = &end->program;
	ssize_t n;

	if (p->fd < 0 || p->ended || (p->line && !read_answer(end)))
		return;
	if (messages(end) || max > sizeof(bytes))
		max = sizeof(bytes);
	n = recv(p->fd, bytes, max, MSG_DONTWAIT);
	if (n > 0)
		flow_expect(flow_sink(end, true), &p->in, bytes, (uint32_t)n,
			    messages(end), true);
	else if (max && (n == 0 || errno != EAGAIN))
		p->ended = true;
}

void program_shut(struct end *end, int how)
{
	if (end->program.fd < 0)
		return;
	end->program.shut = true;
	end->clean = false;
	end->spoilt = true;
	shutdown(end->program.fd, how);
}

void program_close(struct end *end)
{
	end->clean = false;
	end->spoilt = true;
	fd_close(&end->program.fd);
}
