/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The directory of a path, and who has its lock. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "base/socket_path.h"
#include "suite.h"

static const struct {
	const char *path, *directory;
} paths[] = {
	{ "vm.sock", "." },
	{ "/vm.sock", "/" },
	{ "//vm.sock", "/" },
	{ "run/vm.sock", "run" },
	{ "./vm.sock", "." },
	{ "../vm.sock", ".." },
	{ "/run/vms/vm.sock", "/run/vms" },
	{ "/run//vm.sock", "/run/" },
	{ "", "." },
};

START_TEST(test_directory)
{
	char out[SOCKET_PATH_MAX + 1];

	socket_path_directory(paths[_i].path, out);
	ck_assert_str_eq(out, paths[_i].directory);
}
END_TEST

START_TEST(test_directory_of_the_longest_path)
{
	char path[SOCKET_PATH_MAX + 1];
	char out[SOCKET_PATH_MAX + 1];

	memset(path, 'd', SOCKET_PATH_MAX);
	path[SOCKET_PATH_MAX - 1] = '/';
	path[SOCKET_PATH_MAX] = '\0';
	socket_path_directory(path, out);
	ck_assert_uint_eq(strlen(out), SOCKET_PATH_MAX - 1);
}
END_TEST

/* Whether some descriptor has the lock of the directory. */
static bool is_locked(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool locked;

	ck_assert_int_ge(fd, 0);
	locked = flock(fd, LOCK_SH | LOCK_NB) < 0;
	ck_assert(!locked || errno == EWOULDBLOCK);
	fd_close(&fd);
	return locked;
}

START_TEST(test_lock_lasts_until_close)
{
	char directory[] = "/tmp/socket_path.XXXXXX";
	char path[sizeof(directory) + sizeof("/vm.sock")];
	int first, second;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/vm.sock", directory);
	ck_assert(!is_locked(directory));
	first = socket_path_lock(path, SOCKET_PATH_WAIT, open);
	ck_assert_int_ge(first, 0);
	ck_assert(is_locked(directory));

	/* Another process that does not wait goes on without the lock. */
	second = socket_path_lock(path, SOCKET_PATH_NO_WAIT, open);
	ck_assert_int_ge(second, 0);
	fd_close(&second);
	ck_assert(is_locked(directory));

	fd_close(&first);
	ck_assert(!is_locked(directory));
	ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(test_lock_without_a_directory)
{
	ck_assert_int_eq(socket_path_lock("/nowhere/at/all/vm.sock",
					  SOCKET_PATH_WAIT, open),
			 -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket_path");
	TCase *tcase = tcase_create("socket_path");

	tcase_add_loop_test(tcase, test_directory, 0, ARRAY_SIZE(paths));
	tcase_add_test(tcase, test_directory_of_the_longest_path);
	tcase_add_test(tcase, test_lock_lasts_until_close);
	tcase_add_test(tcase, test_lock_without_a_directory);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
