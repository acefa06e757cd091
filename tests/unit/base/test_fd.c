/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Descriptors: who owns them, and that signalling never waits. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "suite.h"

/* A function that closes on the way out of an error has still to return it. */
START_TEST(test_close_forgets_and_keeps_errno)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	int number = fd;

	errno = ENOSPC;
	fd_close(&fd);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(fcntl(number, F_GETFD), -1);

	errno = ENOSPC;
	fd_close(&fd);
	ck_assert_int_eq(fd, -1);
	fd = number;
	fd_close(&fd);
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

START_TEST(test_take_hands_over)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	int number = fd;
	int taken = fd_take(&fd);

	ck_assert_int_eq(taken, number);
	ck_assert_int_eq(fd, -1);
	ck_assert_int_ge(fcntl(taken, F_GETFD), 0);
	fd_close(&taken);
	ck_assert_int_eq(fd_take(&fd), -1);
}
END_TEST

START_TEST(test_nonblock)
{
	char byte;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(fd_nonblock(ends[0]), 0);
	ck_assert_int_eq(read(ends[0], &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert(!(fcntl(ends[1], F_GETFL) & O_NONBLOCK));
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	ck_assert_int_eq(fd_nonblock(-1), -EBADF);
}
END_TEST

START_TEST(test_limit_is_raised_to_the_hard_one)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max / 2;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(fd_raise_limit(), 0);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(limit.rlim_cur, limit.rlim_max);
}
END_TEST

START_TEST(test_signals_add_up)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t value;

	eventfd_signal(fd);
	eventfd_signal(fd);
	eventfd_signal(fd);
	ck_assert_int_eq(read(fd, &value, sizeof(value)), sizeof(value));
	ck_assert_uint_eq(value, 3);
	ck_assert_int_eq(read(fd, &value, sizeof(value)), -1);
	fd_close(&fd);
}
END_TEST

/* A full eventfd, a full pipe, a closed pipe and no descriptor at all. */
START_TEST(test_signal_to_where_it_cannot_go)
{
	const uint64_t full = UINT64_MAX - 1;
	uint64_t value;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	int ends[2];

	ck_assert_int_eq(eventfd_signal(fd), 0);
	ck_assert_int_eq(read(fd, &value, sizeof(value)), sizeof(value));
	ck_assert_int_eq(write(fd, &full, sizeof(full)), sizeof(full));
	ck_assert_int_eq(eventfd_signal(fd), -EAGAIN);
	fd_close(&fd);

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	while (write(ends[1], &full, sizeof(full)) > 0)
		;
	ck_assert_int_eq(eventfd_signal(ends[1]), -EAGAIN);
	signal(SIGPIPE, SIG_IGN);
	fd_close(&ends[0]);
	ck_assert_int_eq(eventfd_signal(ends[1]), -EPIPE);
	fd_close(&ends[1]);
	ck_assert_int_eq(eventfd_signal(-1), -EBADF);
}
END_TEST

/* A connection that its peer resets. */
START_TEST(test_a_sockets_error_is_told_once)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct linger at_once = { .l_onoff = 1 };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct pollfd p = { .fd = fd };
	int peer;

	ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&at, &len),
			 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, len), 0);
	ck_assert_int_eq(fd_socket_error(fd), 0);
	peer = accept(listener, NULL, NULL);
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	fd_close(&peer);
	ck_assert_int_eq(poll(&p, 1, -1), 1);
	ck_assert_int_eq(fd_socket_error(fd), -ECONNRESET);
	ck_assert_int_eq(fd_socket_error(fd), 0);
	fd_close(&fd);
	fd_close(&listener);
	ck_assert_int_eq(fd_socket_error(fd), -EBADF);
}
END_TEST

/* Two control messages with descriptors and one of another kind. */
START_TEST(test_rights_of_all_control_messages_are_taken)
{
	static const int sent[] = { 7, 8, 9 };
	union {
		struct cmsghdr align;
		char bytes[2 * CMSG_SPACE(sizeof(sent)) +
			   CMSG_SPACE(sizeof(struct ucred))];
	} control = { .bytes = "" };
	struct msghdr msg = { .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int fds[6];

	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), sent, sizeof(int));
	c = CMSG_NXTHDR(&msg, c);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(struct ucred)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_CREDENTIALS };
	c = CMSG_NXTHDR(&msg, c);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(2 * sizeof(int)),
			       .cmsg_level = SOL_SOCKET,
			       .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), sent + 1, 2 * sizeof(int));
	msg.msg_controllen = (socklen_t)((size_t)((char *)c - control.bytes) +
					 CMSG_SPACE(2 * sizeof(int)));
	ck_assert_uint_eq(fd_take_rights(&msg, fds), 3);
	ck_assert_int_eq(memcmp(fds, sent, sizeof(sent)), 0);

	msg.msg_controllen = 0;
	ck_assert_uint_eq(fd_take_rights(&msg, fds), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fd");
	TCase *tcase = tcase_create("fd");

	tcase_add_test(tcase, test_close_forgets_and_keeps_errno);
	tcase_add_test(tcase, test_take_hands_over);
	tcase_add_test(tcase, test_nonblock);
	tcase_add_test(tcase, test_limit_is_raised_to_the_hard_one);
	tcase_add_test(tcase, test_signals_add_up);
	tcase_add_test(tcase, test_signal_to_where_it_cannot_go);
	tcase_add_test(tcase, test_a_sockets_error_is_told_once);
	tcase_add_test(tcase, test_rights_of_all_control_messages_are_taken);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
