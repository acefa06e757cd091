/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Which files a guest's memory may be in. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "base/check.h"
#include "session/ram_file.h"
#include "suite.h"

static char why[224];
static unsigned tables; /* read so far */

static int check(int fd, pid_t peer)
{
	int ret;

	ck_assert_int_ge(fd, 0);
	*why = '\0';
	ret = ram_file_check(&fd, 1, peer, &tables, why, sizeof(why));
	close(fd);
	return ret;
}

static const struct {
	const char *type;
	bool local;
} types[] = {
	{ "ext4", true },	   { "ext2", true },
	{ "xfs", true },	   { "btrfs", true },
	{ "tmpfs", true },	   { "hugetlbfs", true },
	{ "zfs", true },	   { "fuse", false },
	{ "fuse.sshfs", false },   { "fuseblk", false },
	{ "nfs", false },	   { "nfs4", false },
	{ "9p", false },	   { "cifs", false },
	{ "smb3", false },	   { "ceph", false },
	{ "afs", false },	   { "virtiofs", false },
	{ "overlay", false },	   { "autofs", false },
	{ "proc", false },	   { "", false },
	{ "ext", false },	   { "ext44", false },
	{ "nobody knows", false },
};

START_TEST(test_types)
{
	ck_assert_int_eq(ram_file_is_local(types[_i].type), types[_i].local);
}
END_TEST

START_TEST(test_shared_memory_is_taken)
{
	int huge = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	int shm = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	ck_assert_int_eq(check(memfd_create("ram", MFD_CLOEXEC), 0), 0);
	if (huge >= 0)
		ck_assert_int_eq(check(huge, 0), 0);
	if (shm >= 0)
		ck_assert_int_eq(check(shm, 0), 0);
}
END_TEST

/* The build folder may be on a container's overlay, or on a disk. */
START_TEST(test_local_files_are_taken)
{
	char name[] = "test_ram_file.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	unlink(name);
	if (check(fd, 0) == 0)
		return;
	ck_assert_ptr_nonnull(strstr(why, "file system of type"));
	ck_assert_ptr_null(strstr(why, "type ext"));
	ck_assert_ptr_null(strstr(why, "type xfs"));
}
END_TEST

START_TEST(test_others_are_refused_by_name)
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(check(fd, getpid()), -EACCES);
	ck_assert_ptr_nonnull(strstr(why, "file system of type proc"));
	ck_assert_ptr_nonnull(strstr(why, "memory=any"));
	ck_assert_int_eq(check(eventfd(0, EFD_CLOEXEC), getpid()), -EACCES);
	ck_assert_ptr_nonnull(strstr(why, "no file"));
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(check(fd, getpid()), -EACCES);
	ck_assert_ptr_nonnull(strstr(why, "no file"));
}
END_TEST

/* As many files as a message may bring; memfds need no table. */
START_TEST(test_files_are_looked_up_together)
{
	int fds[RAM_FILES_MAX];

	tables = 0;
	for (unsigned i = 0; i < RAM_FILES_MAX; i++)
		fds[i] = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(ram_file_check(fds, RAM_FILES_MAX, getpid(), &tables,
					why, sizeof(why)),
			 -EACCES);
	ck_assert_uint_le(tables, 2);
	ck_assert_uint_ge(tables, 1);
	for (unsigned i = 1; i < RAM_FILES_MAX; i++) {
		close(fds[i]);
		fds[i] = memfd_create("ram", MFD_CLOEXEC);
	}
	tables = 0;
	ck_assert_int_eq(ram_file_check(fds + 1, RAM_FILES_MAX - 1, getpid(),
					&tables, why, sizeof(why)),
			 0);
	ck_assert_uint_eq(tables, 0);
	for (unsigned i = 0; i < RAM_FILES_MAX; i++)
		close(fds[i]);
}
END_TEST

/* In a mount namespace of its own: sends a file of it, and waits for the end. */
static void elsewhere(int to, bool tmp)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { (char[]){ 0 }, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	char name[] = "test_ram_file.XXXXXX";
	char byte;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(77);
	fd = tmp ? mkostemp(name, O_CLOEXEC)
		 : open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (tmp)
		unlink(name);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (fd < 0 || sendmsg(to, &msg, 0) != 1)
		_exit(1);
	if (read(to, &byte, 1) < 0)
		_exit(1);
	_exit(0);
}

static int receive_fd(int from)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { (char[]){ 0 }, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const struct cmsghdr *c = NULL;
	int fd = -1;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) == 1)
		c = CMSG_FIRSTHDR(&msg);
	if (c)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/*
 * A service and its hypervisors seldom share a mount namespace, and the mount of
 * a file system has another number in each of them.
 */
START_TEST(test_mounts_of_the_peer_are_looked_up_there)
{
	int ends[2], fd, status;
	pid_t child;
	int ours;

	ours = check(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	child = fork();
	if (!child) {
		close(ends[0]);
		elsewhere(ends[1], _i);
	}
	close(ends[1]);
	fd = receive_fd(ends[0]);
	if (fd >= 0 && _i && !strstr(why, "overlay")) {
		ck_assert_int_eq(check(dup(fd), child), ours);
		if (!ours) {
			ck_assert_int_eq(check(dup(fd), 0), -EACCES);
			ck_assert_ptr_nonnull(strstr(why, "not to be seen"));
		}
	} else if (fd >= 0 && !_i) {
		ck_assert_int_eq(check(dup(fd), child), -EACCES);
		ck_assert_ptr_nonnull(strstr(why, "type proc"));
	}
	close(fd);
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (WEXITSTATUS(status) != 77) /* namespaces are not allowed here */
		ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ram_file");
	TCase *tcase = tcase_create("ram_file");

	tcase_add_loop_test(tcase, test_types, 0, ARRAY_SIZE(types));
	tcase_add_test(tcase, test_shared_memory_is_taken);
	tcase_add_test(tcase, test_local_files_are_taken);
	tcase_add_test(tcase, test_others_are_refused_by_name);
	tcase_add_test(tcase, test_files_are_looked_up_together);
	tcase_add_loop_test(tcase, test_mounts_of_the_peer_are_looked_up_there,
			    0, 2);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
