/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * SIGBUS, which a guest can bring about by truncating the file of its memory.
 * The handler must take over where memory is guarded, and nowhere else: any
 * other fault is a bug and has to end the process as it would have without us,
 * by the handler that was there before or by the signal.
 *
 * Handlers belong to processes and are installed once in each. So every row
 * forks a child, which says what it was like before, faults, and is judged by
 * how it ended: exit codes from 10 on name the step that went wrong.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "base/check.h"
#include "suite.h"
#include "unit/virtq/virtq_fixture.h"
#include "virtq/guard.h"

#define LENGTH (4 * 4096)

/* A mapping of a file that is too short for all of it but its first page. */
static uint8_t *map_short(void)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	uint8_t *p;

	if (fd < 0 || ftruncate(fd, 4096) < 0)
		abort();
	p = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		abort();
	return p;
}

static void no_core(void)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

/* Runs BODY in a child that had DISPOSITION; what became of it. */
static int status_of(void (*body)(void), void (*disposition)(int))
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		no_core();
		signal(SIGBUS, disposition);
		if (guard_install())
			_exit(2);
		body();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static void store(uint8_t *at)
{
	*(volatile uint8_t *)at = 1;
}

static void fault_guarded(void)
{
	uint8_t *p = map_short();
	struct guard_span *s = guard_add(p, LENGTH);

	p[0] = 7;
	if (guard_lost(s) || guard_any_lost())
		_exit(10);
	store(p + LENGTH - 1);
	if (!guard_lost(s) || !guard_any_lost())
		_exit(11);
	/* All of it is fresh memory now, and private. */
	if (p[0] != 0 || p[LENGTH - 1] != 1 || p[4096] != 0)
		_exit(12);
	guard_remove(s);
}

/* Behind the end of one span, and far from the other. */
static void fault_beside(void)
{
	uint8_t *p = map_short();

	guard_add(map_short(), LENGTH);
	guard_add(p, 2 * 4096);
	store(p + 2 * 4096);
}

static void fault_unguarded_after(void)
{
	uint8_t *p = map_short();
	struct guard_span *s = guard_add(p, LENGTH);

	guard_remove(s);
	store(p + 4096);
}

/* A signal that somebody sent has no address: what lies in its place is
 * none. */
static void send_to_self(void)
{
	guard_add(map_short(), LENGTH);
	raise(SIGBUS);
}

static void install_twice(void)
{
	if (guard_install())
		_exit(2);
	fault_beside();
}

static void exit_42(int signal)
{
	(void)signal;
	_exit(42);
}

static const struct {
	const char *name;
	void (*body)(void);
	void (*before)(int);
	int signal; /* it dies of, or 0 */
	int status; /* it exits with */
} faults[] = {
	{ "guarded", fault_guarded, SIG_DFL, 0, 0 },
	{ "beside a span", fault_beside, SIG_DFL, SIGBUS, 0 },
	{ "after the span went", fault_unguarded_after, SIG_DFL, SIGBUS, 0 },
	{ "sent", send_to_self, SIG_DFL, SIGBUS, 0 },
	{ "installed twice", install_twice, SIG_DFL, SIGBUS, 0 },
	{ "handled before", fault_beside, exit_42, 0, 42 },
	{ "sent, handled before", send_to_self, exit_42, 0, 42 },
};

START_TEST(a_fault)
{
	int status = status_of(faults[_i].body, faults[_i].before);

	if (faults[_i].signal)
		ck_assert_msg(WIFSIGNALED(status) &&
				      WTERMSIG(status) == faults[_i].signal,
			      "%s: %#x", faults[_i].name, status);
	else
		ck_assert_msg(WIFEXITED(status) &&
				      WEXITSTATUS(status) == faults[_i].status,
			      "%s: %#x", faults[_i].name, status);
}
END_TEST

/* More spans than one block has, on several threads, every other one lost. */
#define SPANS 700

static void *many_spans(void *unused)
{
	static _Thread_local struct guard_span *spans[SPANS];
	static _Thread_local uint8_t *at[SPANS];

	(void)unused;
	for (unsigned i = 0; i < SPANS; i++) {
		at[i] = map_short();
		spans[i] = guard_add(at[i], LENGTH);
		if (!spans[i])
			abort();
		if (i & 1)
			store(at[i] + 4096);
	}
	for (unsigned i = 0; i < SPANS; i++) {
		if (guard_lost(spans[i]) != (i & 1))
			abort();
		guard_remove(spans[i]);
		munmap(at[i], LENGTH);
	}
	return NULL;
}

START_TEST(many_threads)
{
	pthread_t threads[3];

	ck_assert_int_eq(guard_install(), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < ARRAY_SIZE(threads); i++)
			ck_assert_int_eq(pthread_create(&threads[i], NULL,
							many_spans, NULL),
					 0);
		for (unsigned i = 0; i < ARRAY_SIZE(threads); i++)
			ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	}
}
END_TEST

/* A slot that is used again starts healthy. */
START_TEST(slots_are_used_again)
{
	uint8_t *p = map_short();
	struct guard_span *s = guard_add(p, LENGTH);

	ck_assert_int_eq(guard_install(), 0);
	store(p + 4096);
	ck_assert(guard_lost(s));
	guard_remove(s);
	guard_remove(NULL);
	ck_assert_ptr_eq(guard_add(p, LENGTH), s);
	ck_assert(!guard_lost(s));
	guard_remove(s);
	munmap(p, LENGTH);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("guard");
	TCase *c = tcase_create("guard");

	/* First the ones whose children install it for the first time. */
	tcase_add_loop_test(c, a_fault, 0, ARRAY_SIZE(faults));
	tcase_add_test(c, many_threads);
	tcase_add_test(c, slots_are_used_again);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
