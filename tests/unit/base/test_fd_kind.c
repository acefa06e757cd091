/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a descriptor is: by the kernel's own tables, which are given as text. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd_kind.h"
#include "suite.h"

static int an_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

static int a_semaphore(void)
{
	return eventfd(3, EFD_CLOEXEC | EFD_SEMAPHORE | EFD_NONBLOCK);
}

static int an_epoll(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

static int a_timer(void)
{
	return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
}

static int a_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int a_pipe(void)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	close(ends[1]);
	return ends[0];
}

static int a_memfd(void)
{
	return memfd_create("anon_inode:[eventfd]", MFD_CLOEXEC);
}

static int a_huge_memfd(void)
{
	return memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
}

static int a_file(void)
{
	char name[] = "test_fd_kind.XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	unlink(name);
	return fd;
}

/* A name that is like the one of an eventfd. */
static int a_file_in_disguise(void)
{
	int fd = open("anon_inode:[eventfd]", O_RDWR | O_CREAT | O_CLOEXEC,
		      0600);

	unlink("anon_inode:[eventfd]");
	return fd;
}

static int a_directory(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int a_device(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int no_descriptor(void)
{
	return 1 << 20;
}

static const struct {
	const char *name;
	int (*open)(void);
	int eventfd;
	bool shmem;
	bool file;
	bool mount; /* that /proc/self/mountinfo may know */
} kinds[] = {
	{ "eventfd", an_eventfd, 1, false, false, false },
	{ "semaphore", a_semaphore, 1, false, false, false },
	{ "epoll", an_epoll, 0, false, false, false },
	{ "timerfd", a_timer, 0, false, false, false },
	{ "socket", a_socket, 0, false, false, false },
	{ "pipe", a_pipe, 0, false, false, false },
	{ "memfd", a_memfd, 0, true, true, true },
	{ "hugetlb memfd", a_huge_memfd, 0, true, true, true },
	{ "file in disguise", a_file_in_disguise, 0, false, true, true },
	{ "directory", a_directory, 0, false, true, true },
	{ "device", a_device, 0, false, false, false },
	{ "none", no_descriptor, -ENOENT, false, false, false },
};

START_TEST(test_kinds)
{
	int fd = kinds[_i].open();

	if (fd < 0 && kinds[_i].open == a_huge_memfd)
		return; /* a kernel without hugetlbfs */
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_is_eventfd(fd), kinds[_i].eventfd);
	/* Where the tests run on tmpfs, all files are that. */
	if (!kinds[_i].mount || kinds[_i].shmem)
		ck_assert_int_eq(fd_is_shmem(fd), kinds[_i].shmem);
	ck_assert_int_eq(fd_is_file(fd), kinds[_i].file);
	if (kinds[_i].mount)
		ck_assert_int_ge(fd_mount_id(fd), 0);
	close(fd);
}
END_TEST

START_TEST(test_the_type_of_a_file_is_found)
{
	FILE *table = fopen("/proc/self/mountinfo", "re");
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	struct mount_type mount = { .id = fd_mount_id(fd) };

	ck_assert_ptr_nonnull(table);
	ck_assert_int_eq(mountinfo_types(table, 100000, &mount, 1), 0);
	ck_assert_str_eq(mount.type, "proc");
	fclose(table);
	close(fd);
	fd = a_file();
	ck_assert(fd_is_file(fd));
	ck_assert_int_ge(fd_mount_id(fd), 0);
	close(fd);
}
END_TEST

static FILE *text(const char *s)
{
	static char empty[1];

	/* fmemopen() takes no text of no length. */
	return *s ? fmemopen((void *)(uintptr_t)s, strlen(s), "r")
		  : fmemopen(empty, 1, "r");
}

static const struct {
	const char *text;
	int id;
} fdinfos[] = {
	{ "pos:\t0\nflags:\t02100002\nmnt_id:\t27\nino:\t5\n", 27 },
	{ "pos:\t0\nflags:\t02\nmnt_id:\t0\n", 0 },
	{ "mnt_id:\t2147483647\n", 2147483647 },
	{ "mnt_id:\t27", 27 },
	{ "pos:\t0\nflags:\t02100002\n", -ENODATA },
	{ "mnt_id:\t-1\n", -ENODATA },
	{ "mnt_id:\tx\n", -ENODATA },
	{ "xmnt_id:\t27\n", -ENODATA },
	{ "", -ENODATA },
};

START_TEST(test_fdinfo)
{
	FILE *in = text(fdinfos[_i].text);

	ck_assert_int_eq(fdinfo_mount_id(in), fdinfos[_i].id);
	fclose(in);
}
END_TEST

#define MOUNTS                                                              \
	"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"           \
	"28 27 0:5 / /dev rw shared:2 master:1 - devtmpfs devtmpfs rw\n"    \
	"40 27 0:42 / /home/u/a\\040-\\040b rw,nosuid - fuse.sshfs u@h: "   \
	"rw,user_id=1000\n"                                                 \
	"41 27 0:43 / /mnt rw shared:9 - nfs4 h:/x rw,addr=10.0.0.1\n"      \
	"42 27 0:44 / /9 rw - 9p src rw,trans=virtio\n"                     \
	"43 27 0:45 /@/x /b rw - btrfs /dev/vdb rw,subvol=/@\n"             \
	"44 27 0:46 / /o rw - overlay overlay rw,lowerdir=/a:/b - ext4 c\n" \
	"145 27 0:47 / /l rw - a-type-with-a-name-beyond-all-reason x rw\n" \
	"46 27 0:48 / /broken rw,no,separator\n"                            \
	"47 27 0:49 / /short rw - \n"                                       \
	"48 27 0:50 / /last rw - xfs /dev/vdc rw"

static const struct {
	int id;
	int ret;
	const char *type;
} lookups[] = {
	{ 27, 0, "ext4" },	 { 28, 0, "devtmpfs" },
	{ 40, 0, "fuse.sshfs" }, { 41, 0, "nfs4" },
	{ 42, 0, "9p" },	 { 43, 0, "btrfs" },
	{ 44, 0, "overlay" },	 { 145, 0, "a-type-with-a-name-beyond-all-r" },
	{ 46, -ENOENT, "" },	 { 47, -ENOENT, "" },
	{ 48, 0, "xfs" },	 { 1, -ENOENT, "" },
	{ 5, -ENOENT, "" },	 { 0, -ENOENT, "" },
	{ 1450, -ENOENT, "" },
};

START_TEST(test_mountinfo)
{
	FILE *in = text(MOUNTS);
	struct mount_type mount = { .id = lookups[_i].id };

	ck_assert_int_eq(mountinfo_types(in, 100, &mount, 1), lookups[_i].ret);
	ck_assert_str_eq(mount.type, lookups[_i].type);
	fclose(in);
}
END_TEST

/* What has a type already, from another table, keeps it. */
START_TEST(test_many_are_looked_up_at_once)
{
	struct mount_type mounts[] = {
		{ .id = 48 }, { .id = 41 }, { .id = 40, .type = "x" },
		{ .id = 41 }, { .id = 27 },
	};
	FILE *in = text(MOUNTS);

	ck_assert_int_eq(mountinfo_types(in, 100, mounts, ARRAY_SIZE(mounts)),
			 0);
	ck_assert_str_eq(mounts[0].type, "xfs");
	ck_assert_str_eq(mounts[1].type, "nfs4");
	ck_assert_str_eq(mounts[2].type, "x");
	ck_assert_str_eq(mounts[3].type, "nfs4");
	ck_assert_str_eq(mounts[4].type, "ext4");
	mounts[1] = (struct mount_type){ .id = 1 };
	mounts[4] = (struct mount_type){ .id = 28 };
	rewind(in);
	ck_assert_int_eq(mountinfo_types(in, 100, mounts, ARRAY_SIZE(mounts)),
			 -ENOENT);
	ck_assert_str_eq(mounts[1].type, "");
	ck_assert_str_eq(mounts[4].type, "devtmpfs");
	fclose(in);
}
END_TEST

/* By its lines, and by the bytes that so many lines have. */
START_TEST(test_a_long_table_is_given_up)
{
	struct mount_type mounts[] = { { .id = 27 }, { .id = 127 } };
	char *all = NULL;
	size_t size;
	FILE *f = open_memstream(&all, &size);

	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 64; i++)
		fprintf(f, "%d 1 0:1 / /mnt/%0*d rw - tmpfs x rw\n", 100 + i,
			_i ? 500 : 1, i);
	fprintf(f, "27 1 254:0 / / rw - ext4 /dev/vda rw\n");
	fclose(f);
	f = fmemopen(all, size, "r");
	ck_assert_int_eq(mountinfo_types(f, 64, mounts, ARRAY_SIZE(mounts)),
			 -E2BIG);
	ck_assert_str_eq(mounts[0].type, "");
	ck_assert_str_eq(mounts[1].type, "tmpfs");
	rewind(f);
	ck_assert_int_eq(mountinfo_types(f, 1000, mounts, ARRAY_SIZE(mounts)),
			 0);
	ck_assert_str_eq(mounts[0].type, "ext4");
	fclose(f);
	free(all);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fd_kind");
	TCase *tcase = tcase_create("fd_kind");

	tcase_add_loop_test(tcase, test_kinds, 0, ARRAY_SIZE(kinds));
	tcase_add_test(tcase, test_the_type_of_a_file_is_found);
	tcase_add_loop_test(tcase, test_fdinfo, 0, ARRAY_SIZE(fdinfos));
	tcase_add_loop_test(tcase, test_mountinfo, 0, ARRAY_SIZE(lookups));
	tcase_add_test(tcase, test_many_are_looked_up_at_once);
	tcase_add_loop_test(tcase, test_a_long_table_is_given_up, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
