/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The library is linked into the test, so that the test's own connect(), bind()
 * and close() are the interposed ones. What it must meet outside is played by a
 * thread of the same process: it listens where a daemon would, and answers each
 * CONNECT in the way that the port number asks for.
 *
 * All paths are relative to a directory of the test's own. What a call leaves
 * behind there is counted: a port is a file, and one that is closed must be
 * gone.
 */
#include "unit/preload/preload_fixture.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "preload/hold.h"
#include "preload/state.h"
#include "preload/vms.h"

#define CLIENTS_MAX 64

static char directory[] = "/tmp/uring-vsock-preload-XXXXXX";

static struct {
	pthread_t thread;
	int stop[2]; /* a pipe that is closed to stop it */
	int stream, seqpacket;
	int clients[CLIENTS_MAX];
	int late; /* who asked for PORT_LATE, once asked is posted */
	sem_t asked;
	unsigned int count;
} stand_in;

static int unix_socket(int type, const char *path, bool listens)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	int err;

	ck_assert_int_ge(fd, 0);
	strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
	if (listens) {
		ck_assert_int_eq(bind(fd, (void *)&to, sizeof(to)), 0);
		ck_assert_int_eq(listen(fd, 16), 0);
		return fd;
	}
	if (connect(fd, (void *)&to, sizeof(to)) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* A client that has gone away is none of our business. */
static void say(int fd, const char *text, size_t chunk)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i += chunk) {
		size_t n = length - i < chunk ? length - i : chunk;

		if (send(fd, text + i, n, MSG_NOSIGNAL) < 0)
			return;
	}
}

/* Each part is a message of its own on a message socket. */
static void reply(int fd, unsigned int port, bool stream)
{
	switch (port) {
	case PORT_IN_PIECES:
		say(fd, stream ? "OK 50001\nhello" : "OK 50001",
		    stream ? 1 : 64);
		break;
	case PORT_NONSENSE:
		say(fd, stream ? "KO 50001\n" : "KO 50001", 64);
		break;
	case PORT_ENDLESS:
		say(fd, "OK 500010000000000000000000000000000000000000000000",
		    64);
		break;
	case PORT_CUT:
		say(fd, "OK 5", 64);
		shutdown(fd, SHUT_WR);
		break;
	case PORT_SILENT:
		break;
	case PORT_LATE:
		stand_in.late = fd;
		sem_post(&stand_in.asked);
		break;
	default:
		say(fd, stream ? "OK 50001\n" : "OK 50001", 64);
		say(fd, "hello", 64);
	}
}

/*
 * A stream's line ends with a newline, and a message is a line without one.
 * What was accepted stays open until the end of the test, so that no client
 * sees an end of the stream that its port did not ask for.
 */
static void serve(int listener, bool stream)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char line[64] = "";
	unsigned int port;

	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(stand_in.count, CLIENTS_MAX);
	stand_in.clients[stand_in.count++] = fd;
	if (recv(fd, line, sizeof(line) - 1, 0) <= 0)
		return;
	ck_assert_int_eq(sscanf(line, "CONNECT %u", &port), 1);
	ck_assert_int_eq(strchr(line, '\n') != NULL, stream);
	if (port == PORT_REFUSED)
		shutdown(fd, SHUT_RDWR);
	else
		reply(fd, port, stream);
}

static void *stand(void *unused)
{
	struct pollfd fds[] = {
		{ .fd = stand_in.stop[0] },
		{ .fd = stand_in.stream, .events = POLLIN },
		{ .fd = stand_in.seqpacket, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 3, -1) < 0) {
			ck_assert_int_eq(errno, EINTR);
			continue;
		}
		if (fds[0].revents)
			return unused;
		if (fds[1].revents)
			serve(stand_in.stream, true);
		if (fds[2].revents)
			serve(stand_in.seqpacket, false);
	}
}

/* In a process where Check does not fork, the library's one-time set-up has
 * happened in an earlier test, and only the variable is read anew. */
static void begin(const char *variable)
{
	static bool initialized;

	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert(mkdtemp(directory) != NULL);
	ck_assert_int_eq(chdir(directory), 0);
	if (!initialized)
		state_init(hold_end_all);
	initialized = true;
	ck_assert_int_eq(vms_load(variable), 0);
	stand_in.count = 0;
	sem_init(&stand_in.asked, 0, 0);
	ck_assert_int_eq(pipe(stand_in.stop), 0);
	stand_in.stream = unix_socket(SOCK_STREAM, "v3", true);
	stand_in.seqpacket = unix_socket(SOCK_SEQPACKET, "v3_seqpacket", true);
	ck_assert_int_eq(pthread_create(&stand_in.thread, NULL, stand, NULL),
			 0);
}

void preload_one_vm(void)
{
	begin("3=v3");
}

void preload_two_vms(void)
{
	begin("3=v3,4=v4");
}

void preload_end(void)
{
	char command[64];

	close(stand_in.stop[1]);
	ck_assert_int_eq(pthread_join(stand_in.thread, NULL), 0);
	close(stand_in.stop[0]);
	for (unsigned int i = 0; i < stand_in.count; i++)
		close(stand_in.clients[i]);
	close(stand_in.stream);
	close(stand_in.seqpacket);
	snprintf(command, sizeof(command), "cd / && rm -rf '%s'", directory);
	ck_assert_int_eq(system(command), 0);
}

void preload_await_late(void)
{
	sem_wait(&stand_in.asked);
}

void preload_answer_late(void)
{
	say(stand_in.late, "OK 50001\n", 64);
}

struct sockaddr_vm vm_address(unsigned int cid, unsigned int port)
{
	return (struct sockaddr_vm){ .svm_family = AF_VSOCK,
				     .svm_cid = cid,
				     .svm_port = port };
}

int vm_connect(int fd, unsigned int cid, unsigned int port)
{
	struct sockaddr_vm to = vm_address(cid, port);

	return connect(fd, (void *)&to, sizeof(to)) < 0 ? errno : 0;
}

int vm_bind(int fd, unsigned int cid, unsigned int port)
{
	struct sockaddr_vm to = vm_address(cid, port);

	return bind(fd, (void *)&to, sizeof(to)) < 0 ? errno : 0;
}

struct sockaddr_vm vm_name(int fd)
{
	struct sockaddr_vm name;
	socklen_t length = sizeof(name);

	ck_assert_int_eq(getsockname(fd, (void *)&name, &length), 0);
	ck_assert_uint_eq(length, sizeof(name));
	ck_assert_uint_eq(name.svm_family, AF_VSOCK);
	return name;
}

struct sockaddr_vm vm_peer(int fd)
{
	struct sockaddr_vm name;
	socklen_t length = sizeof(name);

	ck_assert_int_eq(getpeername(fd, (void *)&name, &length), 0);
	ck_assert_uint_eq(length, sizeof(name));
	ck_assert_uint_eq(name.svm_family, AF_VSOCK);
	return name;
}

int vm_listen(int type, unsigned int port)
{
	int fd = socket(AF_VSOCK, type, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(vm_bind(fd, VMADDR_CID_ANY, port), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

int guest_calls(unsigned int vm, int type, unsigned int port)
{
	char path[32];

	snprintf(path, sizeof(path), "v%u_%u", vm, port);
	return unix_socket(type, path, false);
}

unsigned int files(void)
{
	DIR *here = opendir(".");
	unsigned int count = 0;

	ck_assert(here != NULL);
	for (struct dirent *entry; (entry = readdir(here));)
		count += entry->d_name[0] != '.';
	closedir(here);
	return count - 2;
}
