/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * System tests run the real daemon as a child process, by its command line,
 * between a driver and host programs that the test's only thread plays. Hardly
 * anything is timed: the world turns until a condition holds, and a condition
 * that has not come true after twenty seconds never will. So the tests find the
 * same on an idle machine and on one that runs a hundred others.
 *
 * Every flow is made from a seed and compared byte by byte on arrival: bytes
 * that were lost, doubled, swapped or belong elsewhere show at the first of
 * them. A pair keeps its two seeds for life, so that what it sends in parts is
 * one stream.
 */
#include "system/system.h"

#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUEST_PORT 1024
#define TEST_TIMEOUT_S 180

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

/* There is one engine if the build has no io_uring or the environment names
 * one. */
int engines(void)
{
#ifdef HAVE_LIBURING
	if (!getenv("URING_VSOCK_ENGINE"))
		return 2;
#endif
	return 1;
}

/* The table ends with the engine that every build has. */
const char *engine_name(int engine)
{
	const char *only = getenv("URING_VSOCK_ENGINE");

	return only ? only : engine_names[engine + 2 - engines()];
}

uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
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

/* Some tests' drivers have the largest rings of virtio, 32,768 entries. */
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

void pair_open_from_guest(struct pair *p, struct guest *guest, const char *uds)
{
	int listener = host_listen(uds, PORT, 8);

	p->world = guest->world;
	p->guest = gsock_connect(&guest->sockets, PORT);
	drive_until(p->world, p->guest->state != GSOCK_CONNECTING);
	ck_assert(p->guest->state == GSOCK_OPEN);
	drive_until(p->world, host_accept(&p->host, p->world, listener));
	host_unlisten(uds, PORT, listener);
}

void pair_open_from_host(struct pair *p, struct guest *guest, const char *uds)
{
	struct gsock *listener = gsock_listen(&guest->sockets, GUEST_PORT);

	p->world = guest->world;
	host_connect(&p->host, p->world, uds, GUEST_PORT);
	drive_until(p->world, (p->guest = gsock_accept(listener)) != NULL);
	drive_until(p->world, !p->host.wants_line);
	ck_assert(host_ready(&p->host));
	gsock_close(listener);
}

void pair_from_guest(struct scene *s, struct pair *p)
{
	pair_open_from_guest(p, &s->guest, s->daemon.uds[0]);
}

void pair_from_host(struct scene *s, struct pair *p)
{
	pair_open_from_host(p, &s->guest, s->daemon.uds[0]);
}

void pair_seqpacket_from_guest(struct scene *s, struct pair *p)
{
	const char *uds = s->daemon.uds[0];
	int listener = host_listen_seqpacket(uds, PORT, 8);

	p->world = &s->world;
	p->guest = gsock_connect_seqpacket(&s->guest.sockets, PORT);
	drive_until(p->world, p->guest->state != GSOCK_CONNECTING);
	ck_assert(p->guest->state == GSOCK_OPEN);
	drive_until(p->world,
		    host_accept_seqpacket(&p->host, p->world, listener));
	host_unlisten(uds, PORT, listener);
}

void pair_seqpacket_from_host(struct scene *s, struct pair *p)
{
	struct gsock *listener = gsock_listen(&s->guest.sockets, GUEST_PORT);

	listener->type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	p->world = &s->world;
	host_connect_seqpacket(&p->host, p->world, s->daemon.uds[0],
			       GUEST_PORT);
	drive_until(p->world, (p->guest = gsock_accept(listener)) != NULL);
	drive_until(p->world, !p->host.wants_line);
	ck_assert(host_ready(&p->host));
	gsock_close(listener);
}

/* As Linux does, the guest keeps a closed socket until the daemon's RST comes,
 * or for eight seconds. So when its count of sockets is 0, both sides are done.
 * */
void pair_close(struct pair *p)
{
	struct sockets *sockets = p->guest->owner;
	unsigned count = sockets->count;

	host_close(&p->host);
	gsock_close(p->guest);
	drive_until(p->world, sockets->count < count);
	p->guest = NULL;
}

uint64_t pair_begin_to_host(struct pair *p, uint64_t length)
{
	if (p->host.in.seed != TO_HOST)
		sink_expect(&p->host.in, TO_HOST);
	gsock_send(p->guest, TO_HOST, length);
	return p->guest->out.total;
}

uint64_t pair_begin_to_guest(struct pair *p, uint64_t length)
{
	if (p->guest->in.seed != TO_GUEST)
		sink_expect(&p->guest->in, TO_GUEST);
	host_send(&p->host, TO_GUEST, length);
	return p->host.out.total;
}

void pair_to_host(struct pair *p, uint64_t length)
{
	uint64_t due = pair_begin_to_host(p, length);

	drive_until(p->world, p->host.in.got == due);
}

void pair_to_guest(struct pair *p, uint64_t length)
{
	uint64_t due = pair_begin_to_guest(p, length);

	gsock_read_all(p->guest);
	drive_until(p->world, p->guest->in.got == due);
}

void pair_both_ways(struct pair *p, uint64_t length)
{
	uint64_t host_due = pair_begin_to_host(p, length);
	uint64_t guest_due = pair_begin_to_guest(p, length);

	gsock_read_all(p->guest);
	drive_until(p->world, p->host.in.got == host_due &&
				      p->guest->in.got == guest_due);
}

bool memory_within(uint64_t now_kib, uint64_t limit_kib)
{
#ifdef DEBUG_ASSERTIONS
	(void)now_kib;
	(void)limit_kib;
	return true;
#else
	return now_kib <= limit_kib;
#endif
}

void expect_memory(uint64_t now_kib, uint64_t limit_kib)
{
	ck_assert_msg(memory_within(now_kib, limit_kib),
		      "%llu KiB, more than %llu", (unsigned long long)now_kib,
		      (unsigned long long)limit_kib);
}

void guest_check_works(struct guest *guest, const char *uds)
{
	struct pair p;

	pair_open_from_guest(&p, guest, uds);
	pair_both_ways(&p, 200000);
	pair_close(&p);
	pair_open_from_host(&p, guest, uds);
	pair_both_ways(&p, 200000);
	pair_close(&p);
}

void scene_check_works(struct scene *s)
{
	guest_check_works(&s->guest, s->daemon.uds[0]);
}

unsigned guest_connect_many(struct guest *guest, struct gsock **g,
			    unsigned count)
{
	unsigned refused = 0;

	for (unsigned i = 0; i < count; i++)
		g[i] = gsock_connect(&guest->sockets, PORT);
	for (unsigned i = 0; i < count; i++) {
		drive_until(guest->sockets.driver.world,
			    g[i]->state != GSOCK_CONNECTING);
		refused += g[i]->refused;
	}
	return refused;
}

void preload_begin(const char *variable, const char *path)
{
	const char *given = getenv(variable);
	char absolute[PATH_MAX];

	need(realpath(given ? given : path, absolute) != NULL, path);
	setenv("LD_PRELOAD", absolute, 1);
	/* ASan's library insists on being the first, but does not need to be:
	 * ours replaces other functions. */
	setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 0);
}

void preload_end(void)
{
	unsetenv("LD_PRELOAD");
}

int run_tests(const char *name, const TTest *const *tests, size_t count)
{
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create(name);
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, TEST_TIMEOUT_S);
	for (size_t i = 0; i < count; i++)
		tcase_add_loop_test(tc, tests[i], 0, engines());
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	signal(SIGPIPE, SIG_IGN);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
