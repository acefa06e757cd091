/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What becomes of AF_VSOCK's descriptors when they are copied and closed, and
 * /dev/vsock. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "preload/table.h"
#include "suite.h"
#include "unit/preload/preload_fixture.h"

static int by_dup(int fd)
{
	return dup(fd);
}

static int by_dup2(int fd)
{
	return dup2(fd, 200);
}

static int by_dup3(int fd)
{
	return dup3(fd, 1500, O_CLOEXEC);
}

static int by_fcntl(int fd)
{
	return fcntl(fd, F_DUPFD, 50);
}

static int by_fcntl_cloexec(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 50);
}

static int (*const copies[])(int) = { by_dup, by_dup2, by_dup3, by_fcntl,
				      by_fcntl_cloexec };

/* What the one becomes, the other is. */
START_TEST(test_copies_are_one_socket)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	int copy = copies[_i](fd);

	ck_assert_int_ge(copy, 0);
	ck_assert_int_eq(vm_connect(copy, 3, 1234), 0);
	ck_assert_uint_eq(vm_peer(fd).svm_port, 1234);
	ck_assert_int_eq(vm_connect(fd, 3, 1234), EISCONN);
	ck_assert_int_eq(close(fd), 0);
	ck_assert_uint_eq(vm_peer(copy).svm_port, 1234);
	ck_assert_int_eq(close(copy), 0);
	ck_assert(!table_has(copy));
}
END_TEST

START_TEST(test_port_lives_as_long_as_its_copies)
{
	int fd = vm_listen(SOCK_STREAM, 9000);
	int copy = copies[_i](fd);

	close(fd);
	ck_assert_uint_gt(files(), 0);
	close(guest_calls(3, SOCK_STREAM, 9000));
	close(copy);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

START_TEST(test_dup2_onto_a_listener_closes_it)
{
	int fd = vm_listen(SOCK_STREAM, 9000);
	int null = open("/dev/null", O_RDONLY);

	ck_assert_int_eq(dup2(-1, fd), -1);
	ck_assert_uint_gt(files(), 0);
	ck_assert_int_eq(dup2(fd, fd), fd);
	ck_assert_uint_gt(files(), 0);
	ck_assert_int_eq(dup2(null, fd), fd);
	ck_assert_uint_eq(files(), 0);
	ck_assert(!table_has(fd));
	close(null);
	close(fd);
}
END_TEST

/* fclose() closes where it cannot be seen; the number comes back. */
START_TEST(test_number_that_comes_back)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	int error;
	socklen_t length = sizeof(error);

	fclose(fdopen(fd, "r"));
	ck_assert_int_eq(socket(AF_UNIX, SOCK_STREAM, 0), fd);
	ck_assert(!table_has(fd));
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &error, &length),
			 0);
	ck_assert_int_eq(error, AF_UNIX);
	close(fd);
}
END_TEST

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(test_close_range)
{
	int listener = vm_listen(SOCK_STREAM, 9000);
	int fds[5];

	for (int i = 0; i < 5; i++)
		fds[i] = fcntl(listener, F_DUPFD, 300);
	ck_assert_int_eq(fds[4], 304);
	ck_assert_int_eq(close_range(301, 302, 0), 0);
	ck_assert(is_open(300) && !is_open(301) && !is_open(302) &&
		  is_open(303));
	ck_assert(table_has(300) && !table_has(301) && table_has(303));
	ck_assert_int_eq(close_range(300, 304, CLOSE_RANGE_CLOEXEC), 0);
	ck_assert(is_open(300) && fcntl(300, F_GETFD) == FD_CLOEXEC);
	ck_assert_int_eq(close_range(5, 4, 0), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(listener);
	ck_assert_uint_gt(files(), 0);
	closefrom(300);
	ck_assert(!is_open(300) && !is_open(303));
	ck_assert_uint_eq(files(), 0);
}
END_TEST

/* Sanitizers have a thread of their own. */
static bool is_alone(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3;
}

/* A process of one thread has its descriptors for itself as it is. */
START_TEST(test_close_range_of_its_own)
{
	pid_t child = fork();
	int status;

	if (child == 0 && is_alone()) {
		int fd = vm_listen(SOCK_STREAM, 9000);
		bool closed = close_range((unsigned int)fd, UINT_MAX,
					  CLOSE_RANGE_UNSHARE) == 0;

		_exit(closed && !is_open(fd) && !table_has(fd) && !files());
	}
	if (child == 0)
		_exit(1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WEXITSTATUS(status), 1);
}
END_TEST

static void *close_copies(void *from)
{
	const unsigned int first = *(unsigned int *)from;

	ck_assert_int_eq(close_range(first, first + 9, CLOSE_RANGE_UNSHARE), 0);
	ck_assert(!is_open((int)first));
	return from;
}

/* The port's file may stay: the thread's own descriptor for it lives until the
 * thread has left the kernel. */
START_TEST(test_close_range_of_a_thread)
{
	int fd = vm_listen(SOCK_STREAM, 9000);
	unsigned int first = (unsigned int)fcntl(fd, F_DUPFD, 300);
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, close_copies, &first),
			 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(is_open((int)first));
	ck_assert_uint_eq(vm_name((int)first).svm_port, 9000);
	close((int)first);
	close(fd);
}
END_TEST

/* What is closed by exec() is the listener with its members, or neither. */
START_TEST(test_members_follow_close_on_exec)
{
	int fd = vm_listen(SOCK_STREAM, 9000);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 300);
	int member = 301;

	while (!table_is_hidden(member))
		member++;
	ck_assert_int_eq(close_range(400, UINT_MAX, CLOSE_RANGE_CLOEXEC), 0);
	ck_assert_int_eq(fcntl(member, F_GETFD), 0);
	ck_assert_int_eq(close_range((unsigned int)fd, (unsigned int)fd,
				     CLOSE_RANGE_CLOEXEC),
			 0);
	ck_assert_int_eq(fcntl(member, F_GETFD), FD_CLOEXEC);
	fcntl(copy, F_SETFD, 0);
	ck_assert_int_eq(fcntl(member, F_GETFD), 0);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	ck_assert_int_eq(fcntl(member, F_GETFD), 0);
	close(copy);
	close(fd);
}
END_TEST

/* At the borders of the table's chunks of 1,024, and of the table. */
START_TEST(test_descriptors_far_apart)
{
	static const int numbers[] = { 0, 1, 1023, 1024, 65535, 1048575 };
	struct endpoint made, found, last;

	endpoint_init(&made, SOCK_STREAM);
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		made.local.port = i;
		ck_assert_int_eq(table_add(numbers[i], &made), 0);
	}
	ck_assert_int_eq(table_add(1048576, &made), -EMFILE);
	ck_assert_int_eq(table_add(-1, &made), -EMFILE);
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		ck_assert_int_eq(table_next(i ? numbers[i - 1] + 1 : 0),
				 numbers[i]);
		ck_assert(table_view(numbers[i], &found));
		ck_assert_uint_eq(found.local.port, i);
	}
	ck_assert_int_eq(table_next(1048576), -1);
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++)
		ck_assert(table_drop(numbers[i], &last));
	ck_assert_int_eq(table_next(0), -1);
	ck_assert(!table_view(-1, &found) && !table_view(INT_MAX, &found));
}
END_TEST

static atomic_int from_handler;

static void in_handler(int signal)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	int copy = dup(fd);

	(void)signal;
	close(fd);
	from_handler += close(copy) == 0;
}

/* A handler may do what the program is in the middle of. */
START_TEST(test_signal_handlers)
{
	const struct itimerval often = { { 0, 50 }, { 0, 50 } };
	const struct itimerval never = { 0 };

	signal(SIGALRM, in_handler);
	setitimer(ITIMER_REAL, &often, NULL);
	while (from_handler < 2000)
		close(dup(socket(AF_VSOCK, SOCK_STREAM, 0)));
	setitimer(ITIMER_REAL, &never, NULL);
}
END_TEST

START_TEST(test_local_cid)
{
	unsigned int cid = 0;
	int fd = open("/dev/vsock", O_RDONLY);
	int copy = dup(fd);
	int other = open("/", O_RDONLY | O_DIRECTORY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ioctl(copy, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid), 0);
	ck_assert_uint_eq(cid, VMADDR_CID_HOST);
	ck_assert_int_eq(ioctl(other, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid),
			 -1);
	ck_assert_int_eq(errno, ENOTTY);
	close(fd);
	close(copy);
	close(other);
	ck_assert_int_eq(ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

/* What a program calls that was compiled with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);

START_TEST(test_fortified_open)
{
	const int fds[] = {
		__open_2("/dev/vsock", O_RDONLY),
		__open64_2("/dev/vsock", O_RDONLY),
		__openat_2(AT_FDCWD, "/dev/vsock", O_RDONLY),
		__openat64_2(AT_FDCWD, "/dev/vsock", O_RDONLY),
	};
	struct stat null, st;

	ck_assert_int_eq(stat("/dev/null", &null), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(fds); i++) {
		ck_assert_int_eq(fstat(fds[i], &st), 0);
		ck_assert_uint_eq(st.st_rdev, null.st_rdev);
		close(fds[i]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("preload_fds");
	TCase *fds = tcase_create("fds");
	TCase *two = tcase_create("two");
	const int count = ARRAY_SIZE(copies);

	tcase_add_checked_fixture(fds, preload_one_vm, preload_end);
	tcase_add_loop_test(fds, test_copies_are_one_socket, 0, count);
	tcase_add_loop_test(fds, test_port_lives_as_long_as_its_copies, 0,
			    count);
	tcase_add_test(fds, test_dup2_onto_a_listener_closes_it);
	tcase_add_test(fds, test_number_that_comes_back);
	tcase_add_test(fds, test_close_range);
	tcase_add_test(fds, test_close_range_of_its_own);
	tcase_add_test(fds, test_close_range_of_a_thread);
	tcase_add_test(fds, test_descriptors_far_apart);
	tcase_add_test(fds, test_signal_handlers);
	tcase_add_test(fds, test_local_cid);
	tcase_add_test(fds, test_fortified_open);
	suite_add_tcase(suite, fds);

	tcase_add_checked_fixture(two, preload_two_vms, preload_end);
	tcase_add_loop_test(two, test_port_lives_as_long_as_its_copies, 0,
			    count);
	tcase_add_test(two, test_dup2_onto_a_listener_closes_it);
	tcase_add_test(two, test_close_range_of_its_own);
	tcase_add_test(two, test_close_range_of_a_thread);
	tcase_add_test(two, test_members_follow_close_on_exec);
	suite_add_tcase(suite, two);
	return suite_run(suite);
}
