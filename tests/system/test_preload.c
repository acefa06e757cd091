/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Unmodified programs that use AF_VSOCK, on the host with the preloaded
 * library, and a guest behind the daemon. Each program's standard input and
 * output are a socket of this test.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/system.h"

#define GUEST_PORT 1024

struct program {
	pid_t pid;
	struct host_conn terminal;
};

/* An absolute path, as programs may be scripts that change directories. */
static const char *library(void)
{
	static char path[PATH_MAX];
	const char *given = getenv("URING_VSOCK_PRELOAD");

	if (!given)
		given = "libvsock-over-uds.so";
	need(realpath(given, path) != NULL, given);
	return path;
}

static _Noreturn void run(const struct daemon *d, int terminal,
			  const char *command)
{
	char variable[256];

	snprintf(variable, sizeof(variable), "3=%s", d->uds[0]);
	if (dup2(terminal, STDIN_FILENO) >= 0 &&
	    dup2(terminal, STDOUT_FILENO) >= 0 &&
	    setenv("VSOCK_OVER_UDS", variable, 1) == 0 &&
	    setenv("LD_PRELOAD", library(), 1) == 0)
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void program_start(struct program *p, struct scene *s,
			  const char *command)
{
	int fds[2];

	s->world.context = command;
	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
	     "socketpair");
	p->pid = fork();
	need(p->pid >= 0, "fork");
	if (p->pid == 0)
		run(&s->daemon, fds[1], command);
	close(fds[1]);
	host_adopt(&p->terminal, &s->world, fds[0]);
}

static void program_end(struct program *p, struct scene *s)
{
	int status;

	drive_until(&s->world, host_over(&p->terminal));
	host_close(&p->terminal);
	ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
	ck_assert_msg(status == 0, "%s: status %#x", s->world.context, status);
	s->world.context = NULL;
}

/* The guest is refused until the program listens. */
static struct gsock *call_program(struct scene *s)
{
	struct gsock *g;

	for (;;) {
		g = gsock_connect(&s->guest.sockets, PORT);
		drive_until(&s->world, g->state != GSOCK_CONNECTING);
		if (g->state == GSOCK_OPEN)
			return g;
		gsock_close(g);
		world_rest(&s->world, 5);
	}
}

static const char *const relays_out[] = {
	"exec socat -t 30 - VSOCK-CONNECT:3:1024",
	"exec ncat --vsock 3 1024",
};

static const char *const relays_in[] = {
	"exec socat -t 30 VSOCK-LISTEN:5000 -",
	"exec ncat --vsock -l -p 5000",
};

/* Both ends see what the other one has sent, and that it has ended. */
static void relay(struct scene *s, struct program *p, struct gsock *g)
{
	gsock_read_all(g);
	sink_expect(&p->terminal.in, 5);
	sink_expect(&g->in, 6);
	gsock_send(g, 5, MIB);
	host_send(&p->terminal, 6, MIB);
	drive_until(&s->world, p->terminal.in.got == MIB && g->in.got == MIB);
	host_shutdown(&p->terminal);
	drive_until(&s->world, gsock_eof(g));
	gsock_close(g);
}

START_TEST(programs_connect_to_a_guest)
{
	struct gsock *listener, *g;
	struct scene s;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, GUEST_PORT);
	for (unsigned i = 0; i < ARRAY_SIZE(relays_out); i++) {
		struct program p;

		program_start(&p, &s, relays_out[i]);
		drive_until(&s.world, (g = gsock_accept(listener)) != NULL);
		relay(&s, &p, g);
		program_end(&p, &s);
	}
	scene_close(&s);
}
END_TEST

START_TEST(guest_connects_to_programs)
{
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(relays_in); i++) {
		struct program p;

		program_start(&p, &s, relays_in[i]);
		relay(&s, &p, call_program(&s));
		program_end(&p, &s);
	}
	scene_close(&s);
}
END_TEST

static const char python_connects[] =
	"exec python3 -c '"
	"import socket\n"
	"s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)\n"
	"assert s.connect_ex((3, 99)) == 104\n"
	"s.connect((3, 1024))\n"
	"assert s.getpeername() == (3, 1024)\n"
	"s.sendall(b\"question\")\n"
	"s.shutdown(socket.SHUT_WR)\n"
	"print(s.makefile().read(), end=\"\")'";

static const char asyncio_connects[] =
	"exec python3 -c '"
	"import asyncio, socket\n"
	"async def main():\n"
	"    s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)\n"
	"    s.setblocking(False)\n"
	"    await asyncio.get_running_loop().sock_connect(s, (3, 1024))\n"
	"    reader, writer = await asyncio.open_connection(sock=s)\n"
	"    writer.write(b\"question\")\n"
	"    writer.write_eof()\n"
	"    print((await reader.read()).decode(), end=\"\")\n"
	"asyncio.run(main())'";

static const char *const askers[] = { python_connects, asyncio_connects };

START_TEST(python_asks_a_guest)
{
	struct gsock *listener, *g;
	struct scene s;

	scene_open(&s, _i);
	listener = gsock_listen(&s.guest.sockets, GUEST_PORT);
	for (unsigned i = 0; i < ARRAY_SIZE(askers); i++) {
		struct program p;

		program_start(&p, &s, askers[i]);
		drive_until(&s.world, (g = gsock_accept(listener)) != NULL);
		gsock_read_all(g);
		drive_until(&s.world, gsock_eof(g));
		ck_assert(sink_is(&g->in, "question"));
		gsock_write(g, "answer");
		gsock_close(g);
		drive_until(&s.world, host_over(&p.terminal));
		ck_assert(sink_is(&p.terminal.in, "answer"));
		program_end(&p, &s);
	}
	scene_close(&s);
}
END_TEST

static const char python_listens[] =
	"exec python3 -c '"
	"import select, socket\n"
	"s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)\n"
	"s.bind((socket.VMADDR_CID_ANY, 5000))\n"
	"s.listen()\n"
	"select.select([s], [], [])\n"
	"c, peer = s.accept()\n"
	"assert peer[0] == 3 and c.getsockname() == (2, 5000)\n"
	"print(c.makefile().read(), end=\"\")\n"
	"c.sendall(b\"answer\")'";

START_TEST(a_guest_asks_python)
{
	struct program p;
	struct gsock *g;
	struct scene s;

	scene_open(&s, _i);
	program_start(&p, &s, python_listens);
	g = call_program(&s);
	gsock_read_all(g);
	gsock_write(g, "question");
	gsock_shutdown(g, SHUT_SEND);
	drive_until(&s.world, gsock_eof(g));
	ck_assert(sink_is(&g->in, "answer"));
	gsock_close(g);
	drive_until(&s.world, host_over(&p.terminal));
	ck_assert(sink_is(&p.terminal.in, "question"));
	program_end(&p, &s);
	scene_close(&s);
}
END_TEST

static bool lacks(const char *program)
{
	char command[64];

	snprintf(command, sizeof(command), "command -v %s >/dev/null", program);
	if (system(command) == 0)
		return false;
	printf("%s is missing\n", program);
	return true;
}

int main(void)
{
	const TTest *const tests[] = {
		programs_connect_to_a_guest,
		guest_connects_to_programs,
		python_asks_a_guest,
		a_guest_asks_python,
	};

	if (lacks("socat") || lacks("ncat") || lacks("python3"))
		return 77;
	return run_tests("system/preload", tests, ARRAY_SIZE(tests));
}
