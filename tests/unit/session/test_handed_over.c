/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Each kind of descriptor that a front end may hand over, with each request that
 * brings one, and with requests that bring none. Only eventfds and shared memory
 * are kept, and no descriptor keeps a VM from its next hypervisor.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "session/frontends.h"
#include "suite.h"
#include "unit/session/session_fixture.h"

static int fd;

/* One end of a pair, whose other end is closed at once. */
static int pair_of(int type)
{
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
	close(ends[1]);
	return ends[0];
}

static int pipe_end(int end)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	close(ends[!end]);
	return ends[end];
}

static int own_end(void)
{
	return dup(fd);
}

static int stream_socket(void)
{
	return pair_of(SOCK_STREAM);
}

static int message_socket(void)
{
	return pair_of(SOCK_SEQPACKET);
}

static int tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int pipe_to_read(void)
{
	return pipe_end(0);
}

static int pipe_to_write(void)
{
	return pipe_end(1);
}

static int an_epoll(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

/* An epoll that holds the front end's own end of the connection. */
static int epoll_of_own_end(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	return ep;
}

static int a_timer(void)
{
	return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
}

static int a_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int an_inotify(void)
{
	return inotify_init1(IN_CLOEXEC);
}

static int a_device(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int a_directory(void)
{
	return open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int a_path(void)
{
	return open("/", O_PATH | O_CLOEXEC);
}

static int a_file_of_proc(void)
{
	return open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
}

static int an_eventfd(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

static int a_memfd(void)
{
	int more = memfd_create("more", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(more, 4096), 0);
	return more;
}

static const struct {
	const char *name;
	int (*open)(void);
} kinds[] = {
	{ "own end", own_end },
	{ "stream socket", stream_socket },
	{ "message socket", message_socket },
	{ "TCP socket", tcp_socket },
	{ "pipe to read", pipe_to_read },
	{ "pipe to write", pipe_to_write },
	{ "epoll", an_epoll },
	{ "epoll of the own end", epoll_of_own_end },
	{ "timerfd", a_timer },
	{ "signalfd", a_signal },
	{ "inotify", an_inotify },
	{ "device", a_device },
	{ "directory", a_directory },
	{ "O_PATH", a_path },
	{ "file of /proc", a_file_of_proc },
	{ "memfd", a_memfd },
	{ "eventfd", an_eventfd },
};

/* The payloads are right, so that only the descriptor is wrong. */
static const struct {
	uint32_t request;
	uint32_t size;
	unsigned nfds;
	int (*taken)(void); /* what may be sent with it */
	union {
		uint64_t number;
		struct vhost_user_mem_region region;
		struct vhost_user_mem_table table;
	} payload;
} requests[] = {
	{ VHOST_USER_SET_VRING_KICK, 8, 1, an_eventfd, { .number = 1 } },
	{ VHOST_USER_SET_VRING_CALL, 8, 1, an_eventfd, { .number = 1 } },
	{ VHOST_USER_SET_VRING_ERR, 8, 1, an_eventfd, { .number = 1 } },
	{ VHOST_USER_ADD_MEM_REG,
	  40,
	  1,
	  a_memfd,
	  { .region = { 0, { 1 << 30, 4096, 1 << 30, 0 } } } },
	{ VHOST_USER_REM_MEM_REG,
	  40,
	  1,
	  a_memfd,
	  { .region = { 0, { 0, RAM_SIZE, RAM_USER, 0 } } } },
	{ VHOST_USER_SET_MEM_TABLE,
	  40,
	  1,
	  a_memfd,
	  { .table = { 1, 0, { { 0, 4096, RAM_USER, 0 } } } } },
	{ VHOST_USER_GET_FEATURES, 0, 1, NULL, { 0 } },
	{ VHOST_USER_SET_OWNER, 0, 250, NULL, { 0 } },
	{ VHOST_USER_SET_BACKEND_REQ_FD, 0, 1, NULL, { 0 } },
	{ VHOST_USER_SET_LOG_FD, 0, 1, NULL, { 0 } },
	{ 1000, 0, 1, NULL, { 0 } },
};

static void begin(int engine)
{
	session_open(engine);
	fd = session_connect();
	negotiate(fd, true);
	give_memory(fd);
}

/* Opens N descriptors of that kind. */
static void open_many(unsigned kind, int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		fds[i] = i ? dup(fds[0]) : kinds[kind].open();
		ck_assert_int_ge(fds[i], 0);
	}
}

/* Hands over N descriptors of one kind, and asks for an acknowledgement: then a
 * refusal alone would not end the session. */
static void hand_over(unsigned request, unsigned kind)
{
	int fds[250] = { -1 };
	unsigned n = requests[request].nfds;

	open_many(kind, fds, n);
	say(fd, requests[request].request,
	    VHOST_USER_VERSION | VHOST_USER_NEED_REPLY,
	    &requests[request].payload, requests[request].size, fds, n);
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
}

/* A reply came, or the end. True: the reply says that the request was granted. */
static bool was_taken(uint32_t request)
{
	uint8_t payload[4096];
	int n = hear(fd, request, payload);

	ck_assert_int_ne(n, -1);
	return n == sizeof(uint64_t) && !payload[0];
}

/* Whatever the front end has handed over, it dies and the next one comes. */
START_TEST(test_no_descriptor_keeps_the_next_front_end_out)
{
	unsigned request = (unsigned)_i / ENGINES_TESTED % ARRAY_SIZE(requests);
	unsigned kind = (unsigned)_i / ENGINES_TESTED / ARRAY_SIZE(requests);
	bool taken;

	begin(_i % ENGINES_TESTED);
	hand_over(request, kind);
	taken = was_taken(requests[request].request);
	ck_assert_msg(taken == (requests[request].taken == kinds[kind].open),
		      "%s with %u", kinds[kind].name,
		      requests[request].request);
	fd_close(&fd);
	session_pump();
	ck_assert_msg(!facts.guest->session.frontend, "%s with %u",
		      kinds[kind].name, requests[request].request);
	fd = session_connect();
	negotiate(fd, true);
	ck_assert_ptr_nonnull(facts.guest->session.frontend);
	fd_close(&fd);
	session_close();
}
END_TEST

/* The same for a connection that has not become the front end yet. */
START_TEST(test_waiting_front_ends_keep_nothing)
{
	session_open(_i);
	for (unsigned kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		for (unsigned i = 0; i < FRONTENDS_WAITING + 1; i++) {
			int many[20];

			fd = session_connect();
			open_many(kind, many, 20);
			say(fd, 1000, VHOST_USER_VERSION, NULL, 0, many, 20);
			for (unsigned k = 0; k < 20; k++)
				close(many[k]);
			close(fd);
		}
		session_pump();
	}
	fd = session_connect();
	negotiate(fd, true);
	ck_assert_ptr_nonnull(facts.guest->session.frontend);
	close(fd);
	session_close();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handed_over");
	TCase *tcase = tcase_create("handed_over");

	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(
		tcase, test_no_descriptor_keeps_the_next_front_end_out, 0,
		ENGINES_TESTED * ARRAY_SIZE(requests) * ARRAY_SIZE(kinds));
	tcase_add_loop_test(tcase, test_waiting_front_ends_keep_nothing, 0,
			    ENGINES_TESTED);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
