/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What is said where a filter denies one of io_uring's calls. A filter cannot be
 * taken off again, so each is put on in a process of its own.
 */
#include <check.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "ring/ring.h"
#include "suite.h"

/* Exit statuses of the process with the filter. */
enum { SAID, OPENED, NO_FILTER };

/* From now on system call NUMBER returns -ERR. */
static bool deny(unsigned number, unsigned err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { ARRAY_SIZE(code), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

/* Writes to TO why the ring does not open without that call. */
static int try_without(unsigned number, unsigned err, int to)
{
	const char *why = "";
	struct ring *ring;

	if (!deny(number, err))
		return NO_FILTER;
	ring = ring_open("io_uring", &why);
	if (ring)
		return OPENED;
	dprintf(to, "%u %s", (unsigned)errno, why);
	return SAID;
}

/* The exit status of try_without() in another process, and what it wrote. */
static int without(unsigned number, unsigned err, char *said, size_t room)
{
	size_t got = 0;
	ssize_t n;
	int ends[2];
	int status;
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child)
		_exit(try_without(number, err, ends[1]));
	close(ends[1]);
	while ((n = read(ends[0], said + got, room - 1 - got)) > 0)
		got += (size_t)n;
	said[got] = '\0';
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const struct {
	unsigned number;
	unsigned err;
	const char *why;
} calls[] = {
	{ __NR_io_uring_setup, EPERM, "io_uring is forbidden here (EPERM)" },
	{ __NR_io_uring_setup, ENOSYS, "the kernel has no io_uring" },
	{ __NR_io_uring_register, EPERM, "io_uring_register fails with EPERM" },
	{ __NR_io_uring_register, EACCES,
	  "io_uring_register fails with EACCES" },
	{ __NR_io_uring_register, ENOSYS,
	  "io_uring_register fails with ENOSYS" },
	{ __NR_io_uring_enter, EPERM, "io_uring_enter fails with EPERM" },
	{ __NR_io_uring_enter, EACCES, "io_uring_enter fails with EACCES" },
	{ __NR_io_uring_enter, ENOSYS, "io_uring_enter fails with ENOSYS" },
};

START_TEST(a_call_that_a_filter_denies_is_named)
{
	const char *why = "";
	struct ring *ring = ring_open("io_uring", &why);
	char said[512], expected[256];
	int status;

	if (!ring) {
		printf("not tried: io_uring: %s\n", why);
		return;
	}
	ring_close(ring);
	status = without(calls[_i].number, calls[_i].err, said, sizeof(said));
	if (status == NO_FILTER) {
		printf("not tried: no filter can be put on here\n");
		return;
	}
	ck_assert_int_eq(status, SAID);
	snprintf(expected, sizeof(expected), "%u %s", calls[_i].err,
		 calls[_i].why);
	ck_assert_msg(strncmp(said, expected, strlen(expected)) == 0, "%s",
		      said);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("uring_denied");
	TCase *tcase = tcase_create("uring_denied");

	tcase_add_loop_test(tcase, a_call_that_a_filter_denies_is_named, 0,
			    ARRAY_SIZE(calls));
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
