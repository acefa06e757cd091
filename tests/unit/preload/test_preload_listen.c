/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* bind(), listen() and accept() of AF_VSOCK over Unix sockets, for one VM and
 * for two. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "preload/table.h"
#include "suite.h"
#include "unit/preload/preload_fixture.h"

#define PORT 9000u

static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };

static int fresh(void)
{
	int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static const struct {
	unsigned int cid, port;
	int error;
} binds[] = {
	/* 0 */ { VMADDR_CID_ANY, PORT, 0 },
	/* 1 */ { VMADDR_CID_HOST, PORT, 0 },
	/* 2 */ { VMADDR_CID_ANY, VMADDR_PORT_ANY, 0 },
	/* 3 */ { VMADDR_CID_ANY, 0, 0 },
	/* 4 */ { VMADDR_CID_ANY, 22, 0 },
	/* 5 */ { 3, PORT, EADDRNOTAVAIL },
	/* 6 */ { VMADDR_CID_LOCAL, PORT, EADDRNOTAVAIL },
	/* 7 */ { VMADDR_CID_HYPERVISOR, PORT, EADDRNOTAVAIL },
};

START_TEST(test_bind)
{
	unsigned int port = binds[_i].port;
	int fd = fresh();

	ck_assert_int_eq(vm_bind(fd, binds[_i].cid, port), binds[_i].error);
	if (binds[_i].error) {
		ck_assert_int_eq(listen(fd, 1), -1);
		ck_assert_int_eq(errno, EINVAL);
	} else {
		ck_assert_uint_eq(vm_name(fd).svm_cid, binds[_i].cid);
		if (port == VMADDR_PORT_ANY)
			ck_assert_uint_gt(vm_name(fd).svm_port, 1023);
		else
			ck_assert_uint_eq(vm_name(fd).svm_port, port);
		ck_assert_int_eq(vm_bind(fd, binds[_i].cid, 5), EINVAL);
		ck_assert_int_eq(listen(fd, 1), 0);
	}
	close(fd);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

/* A port is taken from bind() on, and guests are refused until listen(). */
START_TEST(test_port_is_taken)
{
	int first = fresh();
	int second = fresh();

	ck_assert_int_eq(vm_bind(first, VMADDR_CID_ANY, PORT), 0);
	ck_assert_int_eq(vm_bind(second, VMADDR_CID_ANY, PORT), EADDRINUSE);
	ck_assert_int_eq(guest_calls(3, SOCK_STREAM, PORT), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	ck_assert_int_eq(listen(first, 4), 0);
	ck_assert_int_eq(listen(first, 8), 0);
	ck_assert_int_eq(vm_bind(second, VMADDR_CID_ANY, PORT), EADDRINUSE);
	ck_assert_int_eq(vm_connect(first, 3, 5), EINVAL);
	close(first);
	ck_assert_uint_eq(files(), 0);
	ck_assert_int_eq(vm_bind(second, VMADDR_CID_ANY, PORT), 0);
	close(second);
}
END_TEST

/* As a program does that was killed: there is a file, and nobody behind it. */
static void leave_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (void *)&address, sizeof(address)), 0);
	close(fd);
}

START_TEST(test_stale_file_is_replaced)
{
	int fd;

	leave_socket("v3_9000");
	if (_i)
		leave_socket("v4_9000");
	fd = vm_listen(SOCK_STREAM, PORT);
	close(guest_calls(3, SOCK_STREAM, PORT));
	close(fd);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

START_TEST(test_other_file_is_left_alone)
{
	int fd = fresh();

	close(open("v3_9000", O_CREAT | O_WRONLY, 0600));
	ck_assert_int_eq(vm_bind(fd, VMADDR_CID_ANY, PORT), EADDRINUSE);
	close(fd);
	ck_assert_uint_eq(files(), 1);
}
END_TEST

static unsigned int hidden(void)
{
	unsigned int count = 0;

	for (int i = 0; i < 1024; i++)
		count += table_is_hidden(i);
	return count;
}

static int binding; /* the descriptor */

static void *bind_it(void *unused)
{
	vm_bind(binding, VMADDR_CID_ANY, PORT);
	return unused;
}

/* While one thread waits to replace a stale file, the number goes to another
 * socket: that is not bound, and the file goes as its socket does. */
START_TEST(test_number_comes_back_during_bind)
{
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pthread_t thread;
	int other;

	leave_socket("v3_9000");
	ck_assert_int_eq(flock(here, LOCK_EX), 0);
	binding = fresh();
	ck_assert_int_eq(pthread_create(&thread, NULL, bind_it, NULL), 0);
	while (!hidden()) /* what it waits with */
		sched_yield();
	other = fresh();
	ck_assert_int_eq(dup2(other, binding), binding);
	close(here);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(vm_name(binding).svm_port == VMADDR_PORT_ANY);
	ck_assert_uint_eq(files(), 0);
	ck_assert_int_eq(vm_bind(other, VMADDR_CID_ANY, PORT), 0);
	close(binding);
	close(other);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

/* What a port of the second VM meets shows at listen(). */
START_TEST(test_second_path_in_use)
{
	struct sockaddr_un address = { AF_UNIX, "v4_9000" };
	int other = socket(AF_UNIX, SOCK_STREAM, 0);
	int fd = fresh();

	ck_assert_int_eq(bind(other, (void *)&address, sizeof(address)), 0);
	ck_assert_int_eq(vm_bind(fd, VMADDR_CID_ANY, PORT), 0);
	ck_assert_int_eq(listen(fd, 8), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(other);
	ck_assert_int_eq(listen(fd, 8), 0);
	close(guest_calls(4, SOCK_STREAM, PORT));
	close(fd);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

static short ready(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	ck_assert_int_ge(poll(&poll_fd, 1, 0), 0);
	return poll_fd.revents;
}

static void expect_bytes(int from, int to)
{
	char byte = 0;

	ck_assert_int_eq(send(from, "x", 1, 0), 1);
	ck_assert_int_eq(recv(to, &byte, 1, 0), 1);
	ck_assert_int_eq(byte, 'x');
}

static void expect_call(int listener, unsigned int vm, int type)
{
	int guest = guest_calls(vm, type, PORT);
	struct sockaddr_vm from = { 0 };
	socklen_t length = sizeof(from);
	int fd;

	ck_assert_int_ge(guest, 0);
	ck_assert_int_eq(ready(listener), POLLIN);
	fd = accept4(listener, (void *)&from, &length, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_uint_eq(from.svm_cid, vm);
	ck_assert_uint_eq(vm_peer(fd).svm_cid, vm);
	ck_assert_uint_eq(vm_name(fd).svm_cid, VMADDR_CID_HOST);
	ck_assert_uint_eq(vm_name(fd).svm_port, PORT);
	expect_bytes(guest, fd);
	expect_bytes(fd, guest);
	close(guest);
	close(fd);
}

static void listen_and_accept(int type, unsigned int vms)
{
	int fd = vm_listen(type, PORT);
	int accepts = 0;
	socklen_t length = sizeof(accepts);

	ck_assert_int_eq(ready(fd), 0);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length);
	ck_assert_int_eq(accepts, 1);
	ck_assert_int_eq(shutdown(fd, SHUT_RD), -1);
	ck_assert_int_eq(errno, ENOTCONN);
	for (unsigned int i = 0; i < 6; i++)
		expect_call(fd, 3 + i % vms, type);
	ck_assert_int_eq(ready(fd), 0);
	ck_assert_uint_eq(files(), vms);
	close(fd);
	ck_assert_uint_eq(files(), 0);
}

START_TEST(test_listen_for_one)
{
	listen_and_accept(types[_i], 1);
}
END_TEST

START_TEST(test_listen_for_two)
{
	listen_and_accept(types[_i], 2);
}
END_TEST

/* Both VMs' guests wait: both are served in turn. */
START_TEST(test_two_take_turns)
{
	int fd = vm_listen(SOCK_STREAM, PORT);
	unsigned int seen[5] = { 0 };
	int guests[8];

	for (unsigned int i = 0; i < 8; i++)
		guests[i] = guest_calls(3 + i / 4, SOCK_STREAM, PORT);
	for (unsigned int i = 0; i < 4; i++) {
		int client = accept(fd, NULL, NULL);

		seen[vm_peer(client).svm_cid]++;
		close(client);
	}
	ck_assert_uint_eq(seen[3], 2);
	ck_assert_uint_eq(seen[4], 2);
	for (unsigned int i = 0; i < 8; i++)
		close(guests[i]);
	close(fd);
}
END_TEST

START_TEST(test_accept_when_nobody_calls)
{
	const struct timeval limit = { .tv_usec = 20000 };
	int fd = vm_listen(SOCK_STREAM, PORT);

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
				    sizeof(limit)),
			 0);
	ck_assert_int_eq(accept(fd, NULL, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(accept(fd, NULL, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(fd);
	fd = fresh();
	ck_assert_int_eq(accept(fd, NULL, NULL), -1);
	ck_assert_int_eq(errno, EINVAL);
	close(fd);
}
END_TEST

/* O_NONBLOCK from before listen() is there behind it. */
START_TEST(test_flags_stay)
{
	int fd =
		socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int copy = dup(fd);

	vm_bind(fd, VMADDR_CID_ANY, PORT);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(!(fcntl(copy, F_GETFD) & FD_CLOEXEC));
	ck_assert_int_eq(accept(copy, NULL, NULL), -1);
	ck_assert_int_eq(errno, EAGAIN);
	fcntl(fd, F_SETFL, 0);
	close(fd);
	expect_call(copy, 4, SOCK_STREAM);
	close(copy);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

static int accepting; /* the descriptor */
static int caller;

static void *accept_one(void *unused)
{
	caller = accept(accepting, NULL, NULL);
	return unused;
}

/* A listener that a thread waits at lives until the call returns. */
START_TEST(test_number_comes_back_during_accept)
{
	pthread_t thread;
	int client, other;

	accepting = vm_listen(SOCK_STREAM, PORT);
	ck_assert_int_eq(pthread_create(&thread, NULL, accept_one, NULL), 0);
	while (hidden() < 3) /* its members, and what waits */
		sched_yield();
	close(accepting);
	other = fresh();
	ck_assert_int_eq(other, accepting);
	client = guest_calls(4, SOCK_STREAM, PORT);
	ck_assert_int_ge(client, 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_ge(caller, 0);
	ck_assert_uint_eq(vm_peer(caller).svm_cid, 4);
	ck_assert_uint_eq(hidden(), 0);
	ck_assert_uint_eq(files(), 0);
	close(client);
	close(caller);
	close(other);
}
END_TEST

/* A program that closes all descriptors that it did not open closes none of the
 * library's. */
START_TEST(test_members_are_out_of_reach)
{
	int fd = vm_listen(SOCK_STREAM, PORT);
	int refused = 0;
	int lowest = -1;

	for (int i = 0; i < 1024; i++) {
		if (!table_is_hidden(i))
			continue;
		lowest = lowest < 0 ? i : lowest;
		ck_assert_int_eq(close(i), -1);
		ck_assert_int_eq(errno, EBADF);
		ck_assert_int_eq(dup2(0, i), -1);
		refused++;
	}
	ck_assert_int_eq(refused, 2);
	closefrom(lowest);
	expect_call(fd, 3, SOCK_STREAM);
	expect_call(fd, 4, SOCK_STREAM);
	close(fd);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

/* A child that closes its copy leaves the port to its parent, and the other
 * way round. */
START_TEST(test_fork)
{
	int fd = vm_listen(SOCK_STREAM, PORT);
	unsigned int vms = files();
	pid_t child = fork();

	if (child == 0) {
		close(fd);
		_exit(files() == vms ? 0 : 1);
	}
	ck_assert_int_gt(child, 0);
	waitpid(child, &_i, 0);
	ck_assert_int_eq(_i, 0);
	expect_call(fd, 3, SOCK_STREAM);
	child = fork();
	if (child == 0) {
		expect_call(fd, 3, SOCK_STREAM);
		pause();
	}
	close(fd);
	ck_assert_uint_eq(files(), vms);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	fd = vm_listen(SOCK_STREAM, PORT);
	close(fd);
	ck_assert_uint_eq(files(), 0);
}
END_TEST

/* Its descriptors are its own, but its memory is ours, and so is the table that
 * its close() finds. */
START_TEST(test_vfork_child_changes_nothing)
{
	int fd = vm_listen(SOCK_STREAM, PORT);
	pid_t child = vfork();

	if (child == 0) {
		close(fd);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	expect_call(fd, 3, SOCK_STREAM);
	ck_assert_uint_eq(vm_name(fd).svm_port, PORT);
	close(fd);
}
END_TEST

static const unsigned int host_cids[] = { VMADDR_CID_LOCAL, VMADDR_CID_HOST };

START_TEST(test_host_calls_itself)
{
	const unsigned int cid = host_cids[_i / 2];
	const int type = types[_i % 2];
	int listener = vm_listen(type, PORT);
	int fd = socket(AF_VSOCK, type, 0);
	int accepted;

	ck_assert_int_eq(vm_connect(fd, cid, PORT), 0);
	accepted = accept(listener, NULL, NULL);
	ck_assert_int_ge(accepted, 0);
	ck_assert_uint_eq(vm_peer(fd).svm_cid, cid);
	ck_assert_uint_eq(vm_peer(fd).svm_port, PORT);
	ck_assert_uint_eq(vm_name(accepted).svm_cid, cid);
	ck_assert_uint_eq(vm_peer(accepted).svm_cid, VMADDR_CID_LOCAL);
	ck_assert_uint_eq(vm_peer(accepted).svm_port, vm_name(fd).svm_port);
	expect_bytes(fd, accepted);
	expect_bytes(accepted, fd);
	close(fd);
	close(accepted);
	close(listener);
}
END_TEST

static void add_common(TCase *tcase, int vms)
{
	tcase_add_loop_test(tcase, test_bind, 0, ARRAY_SIZE(binds));
	tcase_add_test(tcase, test_port_is_taken);
	tcase_add_loop_test(tcase, test_stale_file_is_replaced, 0, vms);
	tcase_add_test(tcase, test_other_file_is_left_alone);
	tcase_add_test(tcase, test_accept_when_nobody_calls);
	tcase_add_test(tcase, test_fork);
	tcase_add_test(tcase, test_vfork_child_changes_nothing);
	tcase_add_loop_test(tcase, test_host_calls_itself, 0, 4);
}

int main(void)
{
	Suite *suite = suite_create("preload_listen");
	TCase *one = tcase_create("one");
	TCase *two = tcase_create("two");

	tcase_add_checked_fixture(one, preload_one_vm, preload_end);
	add_common(one, 1);
	tcase_add_loop_test(one, test_listen_for_one, 0, 2);
	tcase_add_test(one, test_number_comes_back_during_bind);
	suite_add_tcase(suite, one);

	tcase_add_checked_fixture(two, preload_two_vms, preload_end);
	add_common(two, 2);
	tcase_add_loop_test(two, test_listen_for_two, 0, 2);
	tcase_add_test(two, test_second_path_in_use);
	tcase_add_test(two, test_two_take_turns);
	tcase_add_test(two, test_flags_stay);
	tcase_add_test(two, test_number_comes_back_during_accept);
	tcase_add_test(two, test_members_are_out_of_reach);
	suite_add_tcase(suite, two);
	return suite_run(suite);
}
