/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "system.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The seeds of a pair's two flows. */
enum { TO_HOST = 7, TO_GUEST = 9 };

static const char *const engine_names[] = { "io_uring", "epoll" };

_Noreturn void die(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ck_abort_msg("%s", text);
	abort();
}

int engines(void)
{
#ifdef HAVE_LIBURING
	if (!getenv("URING_VSOCK_ENGINE"))
		return 2;
#endif
	return 1;
}

const char *engine_name(int engine)
{
	const char *only = getenv("URING_VSOCK_ENGINE");

	return only ? only : engine_names[engine + 2 - engines()];
}

void scene_daemon(struct scene *s, int engine,
		  const struct daemon_config *config)
{
	struct daemon_config c = { .engine = NULL };

	if (config)
		c = *config;
	c.engine = engine_name(engine);
	memset(s, 0, sizeof(*s));
	world_init(&s->world);
	daemon_start(&s->daemon, &c, &s->world);
}

void scene_open_with(struct scene *s, int engine,
		     const struct guest_config *config)
{
	struct daemon_config d = { .vm_keys = ",queue-size=32768" };

	scene_daemon(s, engine, &d);
	guest_boot(&s->guest, config, &s->world, s->daemon.socket[0]);
}

void scene_open(struct scene *s, int engine)
{
	struct guest_config config = guest_defaults(DAEMON_CID);

	scene_open_with(s, engine, &config);
}

void scene_close(struct scene *s)
{
	if (s->guest.world)
		guest_free(&s->guest);
	daemon_stop(&s->daemon);
	world_free(&s->world);
}

void pair_from_guest(struct scene *s, struct pair *p)
{
	int listener = host_listen(s->daemon.uds[0], PORT, 8);

	p->guest = gsock_connect(&s->guest.sockets, PORT);
	drive_until(&s->world, p->guest->state != GSOCK_CONNECTING)
		;
	ck_assert(p->guest->state == GSOCK_OPEN);
	drive_until(&s->world, host_accept(&p->host, &s->world, listener))
		;
	host_unlisten(s->daemon.uds[0], PORT, listener);
}

void pair_from_host(struct scene *s, struct pair *p)
{
	struct gsock *listener = gsock_listen(&s->guest.sockets, 1024);

	host_connect(&p->host, &s->world, s->daemon.uds[0], 1024);
	drive_until(&s->world, (p->guest = gsock_accept(listener)) != NULL)
		;
	drive_until(&s->world, !p->host.wants_line)
		;
	ck_assert(host_ready(&p->host));
	gsock_close(listener);
}

void pair_close(struct scene *s, struct pair *p)
{
	unsigned count = s->guest.sockets.count;

	host_close(&p->host);
	gsock_close(p->guest);
	drive_until(&s->world, s->guest.sockets.count < count)
		;
	p->guest = NULL;
}

/* Both return what the receiver will have got in all. */
static uint64_t begin_to_host(struct pair *p, uint64_t length)
{
	if (p->host.in.seed != TO_HOST)
		sink_expect(&p->host.in, TO_HOST);
	gsock_send(p->guest, TO_HOST, length);
	return p->guest->out.total;
}

static uint64_t begin_to_guest(struct pair *p, uint64_t length)
{
	if (p->guest->in.seed != TO_GUEST)
		sink_expect(&p->guest->in, TO_GUEST);
	gsock_read_all(p->guest);
	host_send(&p->host, TO_GUEST, length);
	return p->host.out.total;
}

void pair_to_host(struct scene *s, struct pair *p, uint64_t length)
{
	uint64_t due = begin_to_host(p, length);

	drive_until(&s->world, p->host.in.got == due)
		;
}

void pair_to_guest(struct scene *s, struct pair *p, uint64_t length)
{
	uint64_t due = begin_to_guest(p, length);

	drive_until(&s->world, p->guest->in.got == due)
		;
}

void pair_both_ways(struct scene *s, struct pair *p, uint64_t length)
{
	uint64_t host_due = begin_to_host(p, length);
	uint64_t guest_due = begin_to_guest(p, length);

	drive_until(&s->world,
		    p->host.in.got == host_due && p->guest->in.got == guest_due)
		;
}

int run_suite(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	signal(SIGPIPE, SIG_IGN);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
