/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Listening where something is already, and going without touching what is
 * not ours. Each test is in an empty directory of its own; the path is "s".
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "config/config.h"
#include "host/unix_socket.h"
#include "suite.h"
#include "unit/config/config_fixture.h"

#define RACERS 12

static const struct unix_socket_kind kind = { SOCK_STREAM, 5, false };
static const struct vm_config plain = { .fd = -1 };

static const struct sockaddr_un address = {
	.sun_family = AF_UNIX,
	.sun_path = "s",
};

static int bound(int type)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	return fd;
}

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

static int listen_at(struct unix_socket *s, const char *path)
{
	const char *why = NULL;
	int err = unix_socket_listen(s, path, &kind, &plain, &why);

	ck_assert_int_eq(err < 0, why != NULL);
	return err;
}

/* The owner of "s", for the test's time. */
enum tenant {
	NOBODY,
	STALE_STREAM,
	STALE_DGRAM,
	LIVE,
	LIVE_FULL,
	LIVE_SEQPACKET,
	LIVE_DGRAM,
	PLAIN_FILE,
	DIRECTORY,
	FIFO,
	LINK_TO_SOCKET,
	LINK_TO_NOTHING,
};

static const struct {
	enum tenant tenant;
	int result;
	const char *word; /* of the sentence that says why */
} tenants[] = {
	{ NOBODY, 0, NULL },
	{ STALE_STREAM, 0, NULL },
	{ STALE_DGRAM, 0, NULL },
	{ LIVE, -EADDRINUSE, "listens" },
	{ LIVE_FULL, -EADDRINUSE, "listens" },
	{ LIVE_SEQPACKET, -EADDRINUSE, "listens" },
	{ LIVE_DGRAM, -EADDRINUSE, "listens" },
	{ PLAIN_FILE, -ENOTSOCK, "not a socket" },
	{ DIRECTORY, -ENOTSOCK, "not a socket" },
	{ FIFO, -ENOTSOCK, "not a socket" },
	{ LINK_TO_SOCKET, -ENOTSOCK, "not a socket" },
	{ LINK_TO_NOTHING, -ENOTSOCK, "not a socket" },
};

static int live(int type)
{
	int fd = bound(type);

	ck_assert_int_eq(listen(fd, 0), 0);
	return fd;
}

static int move_in_without_socket(enum tenant tenant)
{
	if (tenant == PLAIN_FILE)
		config_write("s", "precious\n");
	else if (tenant == DIRECTORY)
		ck_assert_int_eq(mkdir("s", 0700), 0);
	else if (tenant == FIFO)
		ck_assert_int_eq(mkfifo("s", 0600), 0);
	else if (tenant == LINK_TO_NOTHING)
		ck_assert_int_eq(symlink("nothing", "s"), 0);
	return -1;
}

/* What keeps the tenant alive, to be closed, or -1. */
static int move_in(enum tenant tenant)
{
	int fd = -1;

	if (tenant == STALE_STREAM || tenant == STALE_DGRAM) {
		fd = bound(tenant == STALE_STREAM ? SOCK_STREAM : SOCK_DGRAM);
		fd_close(&fd);
	} else if (tenant == LIVE_DGRAM) {
		fd = bound(SOCK_DGRAM);
	} else if (tenant == LIVE_SEQPACKET) {
		fd = live(SOCK_SEQPACKET);
	} else if (tenant == LIVE || tenant == LIVE_FULL ||
		   tenant == LINK_TO_SOCKET) {
		fd = live(SOCK_STREAM);
	} else {
		fd = move_in_without_socket(tenant);
	}
	if (tenant == LIVE_FULL)
		ck_assert_int_eq(try_connect(), 0);
	if (tenant == LIVE_FULL)
		ck_assert_int_eq(try_connect(), EAGAIN);
	if (tenant == LINK_TO_SOCKET) {
		ck_assert_int_eq(rename("s", "t"), 0);
		ck_assert_int_eq(symlink("t", "s"), 0);
	}
	return fd;
}

START_TEST(test_tenants)
{
	int tenant = move_in(tenants[_i].tenant);
	struct stat before, after;
	struct unix_socket s;
	const char *why = "";
	int there = lstat("s", &before) == 0;
	int err = unix_socket_listen(&s, "s", &kind, &plain, &why);

	ck_assert_int_eq(err, tenants[_i].result);
	if (err) {
		ck_assert_ptr_nonnull(strstr(why, tenants[_i].word));
		ck_assert_int_eq(s.fd, -1);
		ck_assert(there);
	}
	unix_socket_close(&s);
	if (err) {
		ck_assert_int_eq(lstat("s", &after), 0);
		ck_assert_uint_eq(before.st_ino, after.st_ino);
		ck_assert_uint_eq(before.st_mode, after.st_mode);
	} else {
		ck_assert_uint_eq(config_litter(), 0);
	}
	fd_close(&tenant);
}
END_TEST

START_TEST(test_second_daemon_stays_away)
{
	struct unix_socket first, second;

	ck_assert_int_eq(listen_at(&first, "s"), 0);
	ck_assert_int_eq(listen_at(&second, "s"), -EADDRINUSE);
	unix_socket_close(&second);
	ck_assert_int_eq(try_connect(), 0);
	unix_socket_close(&first);
}
END_TEST

/* Somebody removed our file and made another, perhaps with its number. */
START_TEST(test_what_is_not_ours_stays)
{
	struct unix_socket ours, theirs;

	ck_assert_int_eq(listen_at(&ours, "s"), 0);
	ck_assert_int_eq(unlink("s"), 0);
	ck_assert_int_eq(listen_at(&theirs, "s"), 0);
	unix_socket_close(&ours);
	ck_assert_int_eq(try_connect(), 0);
	unix_socket_close(&theirs);
	ck_assert_uint_eq(config_litter(), 0);
}
END_TEST

/* A daemon that may not connect to a socket cannot know whether it lives, and
 * leaves it alone. */
START_TEST(test_closed_door)
{
	struct unix_socket s;
	int fd = bound(SOCK_STREAM);
	int err;

	fd_close(&fd);
	ck_assert_int_eq(chmod("s", 0), 0);
	ck_assert_int_eq(chmod(".", 0777), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	err = listen_at(&s, "s");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(err, -EACCES);
	ck_assert_uint_eq(config_litter(), 1);
}
END_TEST

/* A racer of the test below: 0 if it had the socket, was the one that is
 * there, and kept it until all had tried. */
static int race(int start, int done)
{
	struct unix_socket s;
	struct stat st;
	char byte;
	int won;

	if (read(start, &byte, 1) != 0)
		return 2;
	won = unix_socket_listen(&s, "s", &kind, &plain,
				 &(const char *){ NULL }) == 0;
	if (write(done, "", 1) != 1)
		return 2;
	usleep(won ? 300000 : 0);
	if (won && (lstat("s", &st) < 0 || st.st_ino != s.ino))
		return 2;
	unix_socket_close(&s);
	return !won;
}

START_TEST(test_one_of_many_wins)
{
	int start[2], done[2];
	int stale = bound(SOCK_STREAM);
	int status, i;
	int winners = 0;

	fd_close(&stale);
	ck_assert_int_eq(pipe(start), 0);
	ck_assert_int_eq(pipe(done), 0);
	for (i = 0; i < RACERS; i++) {
		if (fork() == 0) {
			close(start[1]);
			_exit(race(start[0], done[1]));
		}
	}
	close(start[0]);
	close(start[1]);
	for (i = 0; i < RACERS; i++) {
		ck_assert_int_ge(wait(&status), 0);
		ck_assert_int_ne(WEXITSTATUS(status), 2);
		winners += WEXITSTATUS(status) == 0;
	}
	ck_assert_int_eq(winners, 1);
	close(done[0]);
	close(done[1]);
	ck_assert_uint_eq(config_litter(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unix_socket_tenants");
	TCase *tcase = tcase_create("unix_socket_tenants");

	tcase_add_checked_fixture(tcase, config_setup, config_teardown);
	tcase_add_loop_test(tcase, test_tenants, 0, ARRAY_SIZE(tenants));
	tcase_add_test(tcase, test_second_daemon_stays_away);
	tcase_add_test(tcase, test_what_is_not_ours_stays);
	tcase_add_test(tcase, test_closed_door);
	tcase_add_test(tcase, test_one_of_many_wins);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
