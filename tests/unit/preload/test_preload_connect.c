/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* socket() and connect() of AF_VSOCK over Unix sockets, and what sockets say
 * of themselves. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "preload/table.h"
#include "suite.h"
#include "unit/preload/preload_fixture.h"

static const struct {
	int type, protocol;
	int error;
} sockets[] = {
	/* 0 */ { SOCK_STREAM, 0, 0 },
	/* 1 */ { SOCK_SEQPACKET, 0, 0 },
	/* 2 */ { SOCK_STREAM, AF_VSOCK, 0 },
	/* 3 */ { SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0 },
	/* 4 */ { SOCK_STREAM, 1, EPROTONOSUPPORT },
	/* 5 */ { SOCK_DGRAM, 0, ENODEV },
	/* 6 */ { SOCK_RAW, 0, ESOCKTNOSUPPORT },
};

static int option(int fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, name, &value, &length), 0);
	ck_assert_uint_eq(length, sizeof(value));
	return value;
}

START_TEST(test_socket)
{
	int type = sockets[_i].type;
	int fd;

	errno = 77;
	fd = socket(AF_VSOCK, type, sockets[_i].protocol);
	ck_assert_int_eq(fd < 0 ? errno : 0, sockets[_i].error);
	if (fd < 0)
		return;
	ck_assert_int_eq(errno, 77);
	ck_assert_int_eq(option(fd, SO_DOMAIN), AF_VSOCK);
	ck_assert_int_eq(option(fd, SO_TYPE), type & 0xf);
	ck_assert_int_eq(option(fd, SO_PROTOCOL), 0);
	ck_assert_int_eq(option(fd, SO_ERROR), 0);
	ck_assert_int_eq(!!(fcntl(fd, F_GETFL) & O_NONBLOCK),
			 !!(type & SOCK_NONBLOCK));
	ck_assert_int_eq(!!(fcntl(fd, F_GETFD) & FD_CLOEXEC),
			 !!(type & SOCK_CLOEXEC));
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(close(fd), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(test_other_families_are_as_they_were)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(option(fd, SO_DOMAIN), AF_UNIX);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd >= 0)
		ck_assert_int_eq(option(fd, SO_DOMAIN), AF_INET);
	close(fd);
}
END_TEST

static const struct {
	int type;
	unsigned int cid, port;
	int error;
} calls[] = {
	/*  0 */ { SOCK_STREAM, 3, 1234, 0 },
	/*  1 */ { SOCK_STREAM, 3, PORT_IN_PIECES, 0 },
	/*  2 */ { SOCK_STREAM, 3, PORT_REFUSED, ECONNRESET },
	/*  3 */ { SOCK_STREAM, 3, PORT_NONSENSE, EPROTO },
	/*  4 */ { SOCK_STREAM, 3, PORT_CUT, EPROTO },
	/*  5 */ { SOCK_STREAM, 3, PORT_ENDLESS, EPROTO },
	/*  6 */ { SOCK_STREAM, 4, 1234, ENODEV }, /* no daemon there */
	/*  7 */ { SOCK_STREAM, 5, 1234, ENODEV }, /* no such VM */
	/*  8 */ { SOCK_STREAM, 0, 1234, ENODEV },
	/*  9 */ { SOCK_STREAM, VMADDR_CID_ANY, 1234, ENODEV },
	/* 10 */ { SOCK_STREAM, VMADDR_CID_HOST, 1234, ECONNRESET },
	/* 11 */ { SOCK_STREAM, VMADDR_CID_LOCAL, 1234, ECONNRESET },
	/* 12 */ { SOCK_SEQPACKET, 3, 1234, 0 },
	/* 13 */ { SOCK_SEQPACKET, 3, PORT_IN_PIECES, 0 },
	/* 14 */ { SOCK_SEQPACKET, 3, PORT_REFUSED, ECONNRESET },
	/* 15 */ { SOCK_SEQPACKET, 3, PORT_NONSENSE, EPROTO },
	/* 16 */ { SOCK_SEQPACKET, 4, 1234, ESOCKTNOSUPPORT },
};

static void expect_hello(int fd)
{
	char text[8];

	ck_assert_int_eq(recv(fd, text, 5, MSG_WAITALL), 5);
	ck_assert(!memcmp(text, "hello", 5));
}

static void expect_connected(int fd, unsigned int port)
{
	ck_assert_uint_eq(vm_name(fd).svm_cid, UINT32_MAX);
	ck_assert_uint_eq(vm_name(fd).svm_port, ANSWERED_PORT);
	ck_assert_uint_eq(vm_peer(fd).svm_cid, 3);
	ck_assert_uint_eq(vm_peer(fd).svm_port, port);
	ck_assert_int_eq(vm_connect(fd, 3, port), EISCONN);
	ck_assert_int_eq(option(fd, SO_ERROR), 0);
}

static void expect_unconnected(int fd)
{
	struct sockaddr_vm name;
	socklen_t length = sizeof(name);

	ck_assert_int_eq(getpeername(fd, (void *)&name, &length), -1);
	ck_assert_int_eq(errno, ENOTCONN);
	ck_assert_uint_eq(vm_name(fd).svm_cid, UINT32_MAX);
	ck_assert_uint_eq(vm_name(fd).svm_port, UINT32_MAX);
	ck_assert_int_eq(shutdown(fd, SHUT_RDWR), -1);
	ck_assert_int_eq(errno, ENOTCONN);
}

/* Also: not a byte behind the answer is taken. */
static void connect_row(int i, int flags)
{
	int fd = socket(AF_VSOCK, calls[i].type | flags, 0);

	expect_unconnected(fd);
	ck_assert_int_eq(vm_connect(fd, calls[i].cid, calls[i].port),
			 calls[i].error);
	if (calls[i].error) {
		expect_unconnected(fd);
	} else {
		expect_connected(fd, calls[i].port);
		fcntl(fd, F_SETFL, 0);
		if (calls[i].port != PORT_IN_PIECES ||
		    calls[i].type == SOCK_STREAM)
			expect_hello(fd);
	}
	close(fd);
}

START_TEST(test_connect)
{
	connect_row(_i, 0);
}
END_TEST

START_TEST(test_connect_without_blocking)
{
	connect_row(_i, SOCK_NONBLOCK);
}
END_TEST

/* A refused socket is as good as new, with its options, for all copies. */
START_TEST(test_connect_again_after_a_refusal)
{
	static const int errors[] = { PORT_REFUSED, PORT_NONSENSE, PORT_CUT };
	const struct timeval limit = { .tv_sec = 7 };
	struct timeval found;
	socklen_t length = sizeof(found);
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int copy = dup(fd);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (unsigned int i = 0; i < ARRAY_SIZE(errors); i++)
		ck_assert_int_ne(vm_connect(fd, 3, (unsigned int)errors[i]), 0);
	ck_assert_int_eq(vm_connect(copy, 3, 1234), 0);
	expect_connected(fd, 1234);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(!(fcntl(copy, F_GETFD) & FD_CLOEXEC));
	getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &found, &length);
	ck_assert_int_eq(found.tv_sec, 7);
	fcntl(fd, F_SETFL, 0);
	expect_hello(copy);
	close(fd);
	expect_connected(copy, 1234);
	close(copy);
}
END_TEST

START_TEST(test_bound_port_stays_through_connect)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	int other = socket(AF_VSOCK, SOCK_STREAM, 0);

	ck_assert_int_eq(vm_bind(fd, VMADDR_CID_ANY, 4321), 0);
	ck_assert_int_eq(vm_connect(fd, 3, PORT_REFUSED), ECONNRESET);
	ck_assert_int_eq(vm_bind(other, VMADDR_CID_ANY, 4321), EADDRINUSE);
	ck_assert_int_eq(vm_connect(fd, 3, 1234), 0);
	ck_assert_uint_eq(vm_name(fd).svm_port, 4321);
	ck_assert_int_eq(vm_bind(other, VMADDR_CID_ANY, 4321), EADDRINUSE);
	close(fd);
	ck_assert_int_eq(vm_bind(other, VMADDR_CID_ANY, 4321), 0);
	close(other);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

static int set_timeout(int fd, int name, long sec, long usec)
{
	const long time[2] = { sec, usec };

	return setsockopt(fd, AF_VSOCK, name, time, sizeof(time)) < 0 ? errno
								      : 0;
}

START_TEST(test_connect_timeout)
{
	static const int names[] = { SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD,
				     SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	long time[2];
	socklen_t length = sizeof(time);

	ck_assert_int_eq(getsockopt(fd, AF_VSOCK, names[_i], time, &length), 0);
	ck_assert_int_eq(time[0], 2);
	ck_assert_int_eq(set_timeout(fd, names[_i], -1, 0), ERANGE);
	ck_assert_int_eq(set_timeout(fd, names[_i], 0, 1000000), ERANGE);
	ck_assert_int_eq(set_timeout(fd, names[_i], 0, 20000), 0);
	ck_assert_int_eq(getsockopt(fd, AF_VSOCK, names[_i], time, &length), 0);
	ck_assert_int_eq(time[1], 20000);
	ck_assert_int_eq(vm_connect(fd, 3, PORT_SILENT), ETIMEDOUT);
	ck_assert_int_eq(set_timeout(fd, names[_i], 0, 0), 0);
	ck_assert_int_eq(vm_connect(fd, 3, 1234), 0);
	close(fd);
}
END_TEST

START_TEST(test_wrong_addresses)
{
	struct sockaddr_vm to = vm_address(3, 1234);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (void *)&to, sizeof(to) - 1), -1);
	ck_assert_int_eq(errno, EINVAL);
	to.svm_family = AF_UNIX;
	ck_assert_int_eq(connect(fd, (void *)&to, sizeof(to)), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(bind(fd, (void *)&to, sizeof(to)), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(fd);
}
END_TEST

static uint64_t buffer_option(int fd, int name)
{
	uint64_t value;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, AF_VSOCK, name, &value, &length), 0);
	ck_assert_uint_eq(length, sizeof(value));
	return value;
}

static void set_buffer_option(int fd, int name, uint64_t value)
{
	ck_assert_int_eq(setsockopt(fd, AF_VSOCK, name, &value, sizeof(value)),
			 0);
}

static const struct {
	int name;
	uint64_t value;
	uint64_t size, min, max; /* from then on */
} buffer_steps[] = {
#define SIZE SO_VM_SOCKETS_BUFFER_SIZE
#define MIN SO_VM_SOCKETS_BUFFER_MIN_SIZE
#define MAX SO_VM_SOCKETS_BUFFER_MAX_SIZE
	/* 0 */ { SIZE, 262144, 262144, 128, 262144 },
	/* 1 */ { SIZE, 1 << 20, 262144, 128, 262144 },
	/* 2 */ { MAX, 1 << 20, 262144, 128, 1 << 20 },
	/* 3 */ { SIZE, 1 << 20, 1 << 20, 128, 1 << 20 },
	/* 4 */ { SIZE, 1, 128, 128, 1 << 20 },
	/* 5 */ { MIN, 4096, 4096, 4096, 1 << 20 },
	/* 6 */ { MAX, 8192, 4096, 4096, 8192 },
};

START_TEST(test_buffer_options)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	int value = 0;
	socklen_t length = sizeof(value);

	for (unsigned int i = 0; i < ARRAY_SIZE(buffer_steps); i++) {
		set_buffer_option(fd, buffer_steps[i].name,
				  buffer_steps[i].value);
		ck_assert_uint_eq(buffer_option(fd, SIZE),
				  buffer_steps[i].size);
		ck_assert_uint_eq(buffer_option(fd, MIN), buffer_steps[i].min);
		ck_assert_uint_eq(buffer_option(fd, MAX), buffer_steps[i].max);
	}
	ck_assert_int_eq(getsockopt(fd, AF_VSOCK, SIZE, &value, &length), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(setsockopt(fd, AF_VSOCK, SIZE, &value, length), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(fd);
}
END_TEST

/* The kernel has names for these, and nothing behind them. */
START_TEST(test_options_that_the_kernel_lacks)
{
	static const int names[] = { SO_VM_SOCKETS_PEER_HOST_VM_ID,
				     SO_VM_SOCKETS_TRUSTED,
				     SO_VM_SOCKETS_NONBLOCK_TXRX, 99 };
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	uint64_t value = 0;
	socklen_t length = sizeof(value);

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		ck_assert_int_eq(getsockopt(fd, AF_VSOCK, names[i], &value,
					    &length),
				 -1);
		ck_assert_int_eq(errno, ENOPROTOOPT);
		ck_assert_int_eq(
			setsockopt(fd, AF_VSOCK, names[i], &value, length), -1);
		ck_assert_int_eq(errno, ENOPROTOOPT);
	}
	close(fd);
}
END_TEST

START_TEST(test_data_with_addresses)
{
	const int type = _i ? SOCK_SEQPACKET : SOCK_STREAM;
	struct sockaddr_vm to = vm_address(3, 1234);
	socklen_t length = sizeof(to);
	char text[8];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr message = { .msg_name = &to,
				  .msg_namelen = sizeof(to),
				  .msg_iov = &iov,
				  .msg_iovlen = 1 };
	int fd = socket(AF_VSOCK, type, 0);

	ck_assert_int_eq(sendto(fd, "x", 1, 0, (void *)&to, length), -1);
	ck_assert_int_eq(errno, EOPNOTSUPP);
	ck_assert_int_eq(vm_connect(fd, 3, 1234), 0);
	ck_assert_int_eq(sendto(fd, "x", 1, 0, (void *)&to, length), -1);
	ck_assert_int_eq(errno, EISCONN);
	ck_assert_int_eq(sendmsg(fd, &message, 0), -1);
	ck_assert_int_eq(errno, EISCONN);
	ck_assert_int_eq(recvmsg(fd, &message, MSG_ERRQUEUE), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(recvmsg(fd, &message, MSG_PEEK | MSG_WAITALL), 5);
	ck_assert_uint_eq(message.msg_namelen, 0);
	ck_assert_ptr_eq(message.msg_name, &to);
	ck_assert_int_eq(recvfrom(fd, text, 5, 0, (void *)&to, &length), 5);
	ck_assert_uint_eq(length, 0);
	ck_assert(!memcmp(text, "hello", 5));
	close(fd);
}
END_TEST

/* Six rounds on eight threads: the stand-in keeps all 48 clients, and has room
 * for 64. */
static void *connect_and_close(void *unused)
{
	for (int i = 0; i < 6; i++) {
		int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
		int copy = dup(fd);

		ck_assert_int_eq(vm_connect(copy, 3, 1234), 0);
		ck_assert_uint_eq(vm_peer(fd).svm_port, 1234);
		close(copy);
		expect_hello(fd);
		close(fd);
	}
	return unused;
}

START_TEST(test_threads)
{
	pthread_t threads[8];

	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
						connect_and_close, NULL),
				 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

static int connecting; /* the descriptor */
static int outcome;

static void *connect_late(void *unused)
{
	outcome = vm_connect(connecting, 3, PORT_LATE);
	return unused;
}

/* A thread connects; when this returns the answer is what it waits for. */
static pthread_t begin_late(void)
{
	pthread_t thread;

	connecting = socket(AF_VSOCK, SOCK_STREAM, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, connect_late, NULL), 0);
	preload_await_late();
	return thread;
}

static void end_late(pthread_t thread)
{
	preload_answer_late();
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_eq(outcome, 0);
}

/* As in the kernel: the call ends well, and the new socket is a new one. */
START_TEST(test_number_comes_back_during_connect)
{
	const pthread_t thread = begin_late();
	int other, client;

	close(connecting);
	other = socket(AF_VSOCK, SOCK_STREAM, 0);
	ck_assert_int_eq(other, connecting);
	ck_assert_int_eq(vm_bind(other, VMADDR_CID_ANY, 9000), 0);
	ck_assert_int_eq(listen(other, 8), 0);
	end_late(thread);
	ck_assert_uint_eq(vm_name(other).svm_port, 9000);
	client = guest_calls(3, SOCK_STREAM, 9000);
	ck_assert_int_ge(client, 0);
	close(client);
	close(other);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

START_TEST(test_copy_is_connected_though_the_number_went)
{
	const pthread_t thread = begin_late();
	int copy = dup(connecting);

	close(connecting);
	ck_assert_int_eq(vm_connect(copy, 3, 1234), EALREADY);
	end_late(thread);
	ck_assert_uint_eq(vm_peer(copy).svm_port, PORT_LATE);
	close(copy);
	ck_assert_int_eq(table_next(0), -1);
}
END_TEST

/* The thread that connects is in the parent alone. */
START_TEST(test_child_holds_nothing_of_a_connect)
{
	const pthread_t thread = begin_late();
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(table_next(0) == connecting &&
				      table_next(connecting + 1) == -1
			      ? 0
			      : 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	end_late(thread);
	close(connecting);
	ck_assert_int_eq(table_next(0), -1);
}
END_TEST

/* Nothing is held then, and the calls work as they can. */
START_TEST(test_without_a_free_descriptor)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	struct rlimit limit, all;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	limit = all;
	limit.rlim_cur = (rlim_t)fd + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(dup(fd), -1);
	ck_assert_int_eq(vm_connect(fd, 77, 1234), ENODEV);
	ck_assert_int_eq(vm_bind(fd, VMADDR_CID_ANY, 9000), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	ck_assert_uint_eq(vm_name(fd).svm_port, 9000);
	close(fd);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

/* What a program calls that was compiled with _FORTIFY_SOURCE. */
ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags,
		       struct sockaddr *address, socklen_t *length);

START_TEST(test_fortified_recvfrom)
{
	struct sockaddr_vm from;
	socklen_t length = sizeof(from);
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
	char text[8];

	ck_assert_int_eq(vm_connect(fd, 3, 1234), 0);
	ck_assert_int_eq(__recvfrom_chk(fd, text, 5, sizeof(text), MSG_ERRQUEUE,
					NULL, NULL),
			 -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(__recvfrom_chk(fd, text, 5, sizeof(text), MSG_WAITALL,
					(void *)&from, &length),
			 5);
	ck_assert_uint_eq(length, 0);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("preload_connect");
	TCase *sockets_case = tcase_create("sockets");
	TCase *connects = tcase_create("connects");

	tcase_add_checked_fixture(sockets_case, preload_one_vm, preload_end);
	tcase_add_loop_test(sockets_case, test_socket, 0, ARRAY_SIZE(sockets));
	tcase_add_test(sockets_case, test_other_families_are_as_they_were);
	tcase_add_test(sockets_case, test_buffer_options);
	tcase_add_test(sockets_case, test_options_that_the_kernel_lacks);
	tcase_add_loop_test(sockets_case, test_data_with_addresses, 0, 2);
	suite_add_tcase(suite, sockets_case);

	tcase_add_checked_fixture(connects, preload_two_vms, preload_end);
	tcase_add_loop_test(connects, test_connect, 0, ARRAY_SIZE(calls));
	tcase_add_loop_test(connects, test_connect_without_blocking, 0,
			    ARRAY_SIZE(calls));
	tcase_add_test(connects, test_connect_again_after_a_refusal);
	tcase_add_test(connects, test_bound_port_stays_through_connect);
	tcase_add_loop_test(connects, test_connect_timeout, 0, 2);
	tcase_add_test(connects, test_wrong_addresses);
	tcase_add_test(connects, test_threads);
	tcase_add_test(connects, test_number_comes_back_during_connect);
	tcase_add_test(connects, test_copy_is_connected_though_the_number_went);
	tcase_add_test(connects, test_child_holds_nothing_of_a_connect);
	tcase_add_test(connects, test_without_a_free_descriptor);
	tcase_add_test(connects, test_fortified_recvfrom);
	suite_add_tcase(suite, connects);
	return suite_run(suite);
}
