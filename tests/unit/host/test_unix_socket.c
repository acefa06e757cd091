/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Sockets as they are made and inherited. Each test is in an empty directory
 * of its own; what may be there before is the matter of test_unix_socket_tenants.c.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fd.h"
#include "config/config.h"
#include "host/unix_socket.h"
#include "suite.h"
#include "unit/config/config_fixture.h"

static const struct unix_socket_kind kind = { SOCK_STREAM, 5, false };
static const struct vm_config plain = { .fd = -1 };

static const struct sockaddr_un address = {
	.sun_family = AF_UNIX,
	.sun_path = "s",
};

/* 0 or an errno. */
static int try_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = 0;

	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		err = errno;
	fd_close(&fd);
	return err;
}

/* 0 or an errno. */
static int send_descriptor(int to, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .align = { .cmsg_len = CMSG_LEN(sizeof(int)),
				 .cmsg_level = SOL_SOCKET,
				 .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { &(char){ 'x' }, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	return sendmsg(to, &msg, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int listen_at(struct unix_socket *s, const char *path)
{
	const char *why = NULL;
	int err = unix_socket_listen(s, path, &kind, &plain, &why);

	ck_assert_int_eq(err < 0, why != NULL);
	return err;
}

START_TEST(test_socket_is_ready)
{
	struct unix_socket s;

	ck_assert_int_eq(listen_at(&s, "s"), 0);
	ck_assert_int_eq(try_connect(), 0);
	ck_assert(fcntl(s.fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(s.fd, F_GETFD) & FD_CLOEXEC);
	unix_socket_close(&s);
	ck_assert_int_eq(s.fd, -1);
	ck_assert_ptr_null(s.path);
	ck_assert_int_eq(try_connect(), ENOENT);
	unix_socket_close(&s);
}
END_TEST

/* Where the kernel can have them refused (Linux 6.16), of which fd_refuse_rights()
 * tells. */
START_TEST(descriptors_are_for_sockets_that_take_them)
{
	const struct unix_socket_kind takes = { SOCK_STREAM, 5, true };
	const struct unix_socket_kind *const kinds[] = { &kind, &takes };
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool refuses = !fd_refuse_rights(probe);
	const char *why = NULL;
	struct unix_socket s;

	for (unsigned i = 0; i < 2; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int err = i || !refuses ? 0 : EPERM;

		ck_assert(!unix_socket_listen(&s, "s", kinds[i], &plain, &why));
		ck_assert(!connect(fd, (const struct sockaddr *)&address,
				   sizeof(address)));
		ck_assert_int_eq(send_descriptor(fd, probe), err);
		fd_close(&fd);
		unix_socket_close(&s);
	}
	fd_close(&probe);
}
END_TEST

static const struct {
	mode_t mask;
	bool set;
	mode_t mode;
	mode_t result;
} modes[] = {
	{ 0022, false, 0, 0755 },   { 0077, false, 0, 0700 },
	{ 0077, true, 0660, 0660 }, { 0000, true, 0600, 0600 },
	{ 0022, true, 0777, 0777 }, { 0777, true, 0000, 0000 },
};

START_TEST(test_mode)
{
	const struct vm_config vm = {
		.socket_mode_set = modes[_i].set,
		.socket_mode = modes[_i].mode,
	};
	mode_t old = umask(modes[_i].mask);
	const char *why;
	struct stat st;
	struct unix_socket s;

	ck_assert_int_eq(unix_socket_listen(&s, "s", &kind, &vm, &why), 0);
	ck_assert_uint_eq(umask(old), modes[_i].mask);
	ck_assert_int_eq(lstat("s", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, modes[_i].result);
	unix_socket_close(&s);
}
END_TEST

/* A user who is in a group may give files to it. */
START_TEST(test_group_alone)
{
	const struct vm_config vm = {
		.socket_owner_set = true,
		.owner_uid = CONFIG_OWNER_STAYS,
		.owner_gid = getegid(),
	};
	const char *why = NULL;
	struct stat st;
	struct unix_socket s;

	ck_assert_int_eq(unix_socket_listen(&s, "s", &kind, &vm, &why), 0);
	ck_assert_int_eq(lstat("s", &st), 0);
	ck_assert_uint_eq(st.st_uid, geteuid());
	ck_assert_uint_eq(st.st_gid, getegid());
	unix_socket_close(&s);
}
END_TEST

/* Only root may give files away; for others it fails and nothing is left. */
START_TEST(test_owner)
{
	const struct vm_config vm = {
		.socket_owner_set = true,
		.owner_uid = 12345,
		.owner_gid = 54321,
	};
	const char *why = NULL;
	struct stat st;
	struct unix_socket s;
	int err = unix_socket_listen(&s, "s", &kind, &vm, &why);

	if (geteuid() == 0) {
		ck_assert_int_eq(err, 0);
		ck_assert_int_eq(lstat("s", &st), 0);
		ck_assert_uint_eq(st.st_uid, 12345);
		ck_assert_uint_eq(st.st_gid, 54321);
		unix_socket_close(&s);
		ck_assert_int_eq(chmod(".", 0777), 0);
		ck_assert_int_eq(seteuid(65534), 0);
		err = unix_socket_listen(&s, "s", &kind, &vm, &why);
		ck_assert_int_eq(seteuid(0), 0);
	}
	ck_assert_int_eq(err, -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "owner"));
	ck_assert_int_eq(s.fd, -1);
	ck_assert_ptr_null(s.path);
	ck_assert_uint_eq(config_litter(), 0);
}
END_TEST

/* Without a descriptor left the new file cannot be opened to be given away. */
START_TEST(a_lack_of_descriptors_is_not_the_owners_fault)
{
	const struct vm_config vm = {
		.socket_owner_set = true,
		.owner_uid = CONFIG_OWNER_STAYS,
		.owner_gid = getegid(),
	};
	struct rlimit limit;
	const char *why = NULL;
	struct unix_socket s;
	int free_fd = dup(0);
	int err;

	ck_assert_int_ge(free_fd, 0);
	close(free_fd);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	/* the directory that is locked, and the socket */
	limit.rlim_cur = (rlim_t)free_fd + 2;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	err = unix_socket_listen(&s, "s", &kind, &vm, &why);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(err, -EMFILE);
	ck_assert_str_eq(why, "the new socket cannot be opened");
	ck_assert_uint_eq(config_litter(), 0);
}
END_TEST

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

START_TEST(test_impossible_paths)
{
	struct unix_socket s;

	ck_assert_int_eq(listen_at(&s, "nodir/s"), -ENOENT);
	ck_assert_int_eq(listen_at(&s, "/tmp/" X50 X50 "xxx"), -ENAMETOOLONG);
	ck_assert_int_eq(listen_at(&s, "/tmp/" X50 X50 "xx"), 0);
	unix_socket_close(&s);
	ck_assert_int_eq(s.fd, -1);
}
END_TEST

/* A stranger's lock on the directory delays, and no more. */
START_TEST(test_lock_is_advice)
{
	int lock = open(".", O_RDONLY | O_DIRECTORY);
	uint64_t before = clock_ms();
	struct unix_socket s;

	ck_assert_int_eq(flock(lock, LOCK_EX), 0);
	ck_assert_int_eq(listen_at(&s, "s"), 0);
	ck_assert_uint_ge(clock_ms() - before, 500);
	fd_close(&lock);
	unix_socket_close(&s);
}
END_TEST

START_TEST(test_inherit)
{
	const char *why = NULL;
	bool listening = false;
	int pair[2], pipes[2];
	struct unix_socket s;
	int fd;

	ck_assert_int_eq(listen_at(&s, "s"), 0);
	fd = dup(s.fd);
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	ck_assert_int_eq(unix_socket_inherit(fd, &listening, &why), 0);
	ck_assert(listening);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	fd_close(&fd);
	unix_socket_close(&s);

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	ck_assert_int_eq(unix_socket_inherit(pair[0], &listening, &why), 0);
	ck_assert(!listening);
	ck_assert_ptr_null(why);
	fd_close(&pair[0]);
	fd_close(&pair[1]);

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_int_eq(unix_socket_inherit(pipes[0], &listening, &why),
			 -ENOTSOCK);
	ck_assert_ptr_nonnull(why);
	fd_close(&pipes[0]);
	fd_close(&pipes[1]);
	ck_assert_int_eq(unix_socket_inherit(999, &listening, &why), -EBADF);
}
END_TEST

START_TEST(test_inherit_other_sockets)
{
	static const int kinds[][2] = {
		{ AF_UNIX, SOCK_DGRAM },
		{ AF_UNIX, SOCK_SEQPACKET },
		{ AF_INET, SOCK_STREAM },
	};
	int fd = socket(kinds[_i][0], kinds[_i][1], 0);
	const char *why = NULL;
	bool listening;

	ck_assert_int_eq(unix_socket_inherit(fd, &listening, &why),
			 -EPROTOTYPE);
	ck_assert_ptr_nonnull(why);
	fd_close(&fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unix_socket");
	TCase *tcase = tcase_create("unix_socket");

	tcase_add_checked_fixture(tcase, config_setup, config_teardown);
	tcase_add_test(tcase, test_socket_is_ready);
	tcase_add_test(tcase, descriptors_are_for_sockets_that_take_them);
	tcase_add_loop_test(tcase, test_mode, 0, ARRAY_SIZE(modes));
	tcase_add_test(tcase, test_group_alone);
	tcase_add_test(tcase, test_owner);
	tcase_add_test(tcase, a_lack_of_descriptors_is_not_the_owners_fault);
	tcase_add_test(tcase, test_impossible_paths);
	tcase_add_test(tcase, test_lock_is_advice);
	tcase_add_test(tcase, test_inherit);
	tcase_add_loop_test(tcase, test_inherit_other_sockets, 0, 3);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
