/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * uring-vsock-perf through a relay that changes, loses or repeats a byte, or
 * hangs up: both ends must notice and say what it was. The real program at
 * both ends, Unix sockets, and nothing but this process between them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "perf/perf_socket.h"
#include "suite.h"

/* What happens to byte AT of one direction of a connection. */
enum harm {
	HARM_NONE,
	HARM_CHANGE,
	HARM_LOSE, /* with those behind it that are like it */
	HARM_REPEAT,
	HARM_HANG_UP, /* both ends of all connections: the peer vanishes */
};

#define CONTROL 0u /* the first connection that a client makes */
#define FIRST_DATA 1u

struct relay {
	struct perf_address listen, forward;
	int listener;
	enum harm harm;
	unsigned connection;
	bool to_server;
	uint64_t at;
	sem_t served; /* posted when data has passed, not only its head */
};

struct pipe {
	struct relay *relay;
	int from, to;
	unsigned connection;
	bool to_server;
	uint64_t position;
};

static char folder[] = "/tmp/uring-vsock-perf-XXXXXX";
static pid_t server;
static struct relay relay;

static const char *program(void)
{
	const char *path = getenv("URING_VSOCK_PERF");

	return path ? path : "./uring-vsock-perf";
}

/* Starts the program with standard error in FOLDER/NAME. */
static pid_t start(const char *name, char *const argv[])
{
	char log[64];
	pid_t pid = fork();
	int fd;

	if (pid != 0)
		return pid;
	snprintf(log, sizeof(log), "%s/%s", folder, name);
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDERR_FILENO);
	fd = open("/dev/null", O_WRONLY);
	dup2(fd, STDOUT_FILENO);
	execv(program(), argv);
	_exit(127);
}

/* Adds the byte of harm; returns the bytes to pass on, -1 to hang up. */
static ssize_t harm(const struct pipe *pipe, uint8_t *bytes, size_t n)
{
	const struct relay *r = pipe->relay;
	size_t at = (size_t)(r->at - pipe->position);
	size_t end = at + 1;

	if (pipe->connection != r->connection ||
	    pipe->to_server != r->to_server || r->at < pipe->position ||
	    at >= n)
		return (ssize_t)n;
	switch (r->harm) {
	case HARM_NONE:
		break;
	case HARM_CHANGE:
		bytes[at] ^= 1;
		break;
	case HARM_LOSE:
		while (end < n && bytes[end] == bytes[at])
			end++;
		memmove(bytes + at, bytes + end, n - end);
		return (ssize_t)(n - (end - at));
	case HARM_REPEAT:
		memmove(bytes + at + 1, bytes + at, n - at);
		return (ssize_t)n + 1;
	case HARM_HANG_UP:
		return -1;
	}
	return (ssize_t)n;
}

/* Passes on until the end of file. */
static void *pass_on(void *argument)
{
	struct pipe *pipe = argument;
	uint8_t bytes[8193];
	ssize_t got, n;

	while ((got = recv(pipe->from, bytes, sizeof(bytes) - 1, 0)) > 0) {
		n = harm(pipe, bytes, (size_t)got);
		if (n < 0)
			kill(server, SIGKILL);
		if (n < 0 || perf_send_all(pipe->to, bytes, (size_t)n))
			break;
		pipe->position += (uint64_t)got;
		if (pipe->connection >= FIRST_DATA && pipe->position > 65536)
			sem_post(&pipe->relay->served);
	}
	shutdown(pipe->to, SHUT_WR);
	if (got > 0)
		shutdown(pipe->from, SHUT_RDWR);
	free(pipe);
	return NULL;
}

static void start_pipe(struct relay *r, unsigned connection, bool to_server,
		       int from, int to)
{
	struct pipe *pipe = malloc(sizeof(*pipe));
	pthread_t thread;

	ck_assert_ptr_nonnull(pipe);
	*pipe = (struct pipe){ .relay = r,
			       .from = from,
			       .to = to,
			       .connection = connection,
			       .to_server = to_server };
	ck_assert_int_eq(pthread_create(&thread, NULL, pass_on, pipe), 0);
	pthread_detach(thread);
}

/* The server's socket is bound a moment before it listens. */
static int connect_onward(struct relay *r)
{
	struct perf_why why;
	unsigned tries;
	int fd = -1;

	for (tries = 0; fd < 0 && tries < 500; tries++) {
		fd = perf_connect(&r->forward, &why);
		if (fd < 0)
			usleep(10000);
	}
	return fd;
}

static void *run_relay(void *argument)
{
	struct relay *r = argument;
	unsigned i;
	int client, onward;

	for (i = 0;; i++) {
		client = accept(r->listener, NULL, NULL);
		onward = connect_onward(r);
		if (client < 0 || onward < 0)
			return NULL;
		start_pipe(r, i, true, client, onward);
		start_pipe(r, i, false, onward, client);
	}
}

static void parse(struct perf_address *out, char text[64], const char *name)
{
	struct perf_why why;

	snprintf(text, 64, "unix:%s/%s", folder, name);
	ck_assert_int_eq(perf_address_parse(text, out, &why), 0);
}

static void set_up(void)
{
	static char listen_text[64], forward_text[64];
	struct perf_why why;
	pthread_t thread;
	struct stat status;
	char *const argv[] = { (char *)"server", (char *)"--listen",
			       forward_text, (char *)"--once", NULL };

	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(sem_init(&relay.served, 0, 0), 0);
	parse(&relay.listen, listen_text, "relay");
	parse(&relay.forward, forward_text, "server");
	server = start("server.log", argv);
	while (stat(relay.forward.path, &status) < 0) {
		ck_assert_int_eq(waitpid(server, NULL, WNOHANG), 0);
		usleep(10000);
	}
	relay.listener = perf_listen(&relay.listen, &why);
	ck_assert_int_ge(relay.listener, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, run_relay, &relay), 0);
	pthread_detach(thread);
}

static void tear_down(void)
{
	static const char *const names[] = { "server", "relay", "server.log",
					     "client.log" };
	char path[64];
	unsigned i;

	kill(server, SIGKILL);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

static const char *log_of(const char *name)
{
	static char text[1024];
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	n = read(fd, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	close(fd);
	return text;
}

static int status_of(pid_t pid)
{
	int status = 0;

	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static pid_t start_client(const char *mode, const char *more)
{
	char *const argv[] = { (char *)"client",
			       (char *)"--connect",
			       (char *)(uintptr_t)relay.listen.text,
			       (char *)"--mode",
			       (char *)(uintptr_t)mode,
			       (char *)"--bytes=1M",
			       (char *)"--size=5000",
			       (char *)"--verify",
			       (char *)(uintptr_t)more,
			       NULL };

	return start("client.log", argv);
}

#define DATA_HEAD 32 /* bytes of the client's first message on a connection */

static const struct {
	const char *mode, *more;
	enum harm harm;
	unsigned connection;
	bool to_server;
	uint64_t at;
	const char *client, *server; /* what they say; NULL: all went well */
} cases[] = {
	{ "stream", NULL, HARM_NONE, 0, false, 0, NULL, NULL },
	{ "stream", "--reverse", HARM_NONE, 0, false, 0, NULL, NULL },
	{ "bidirectional", "--parallel=3", HARM_NONE, 0, false, 0, NULL, NULL },
	{ "rr", NULL, HARM_NONE, 0, false, 0, NULL, NULL },
	{ "crr", NULL, HARM_NONE, 0, false, 0, NULL, NULL },

	{ "stream", NULL, HARM_CHANGE, FIRST_DATA, true, DATA_HEAD + 777777,
	  "the server says: connection 0: byte 777777 of those to the server",
	  "connection 0: byte 777777 of those to the server" },
	{ "stream", "--reverse", HARM_CHANGE, FIRST_DATA, false, 777777,
	  "connection 0: byte 777777 of those to the client",
	  "the client says: connection 0: byte 777777 of those to the client" },
	{ "bidirectional", "--parallel=3", HARM_CHANGE, FIRST_DATA + 1, false,
	  300000, "connection 1: byte 300000 of those to the client",
	  "the client says: connection 1: byte 300000" },
	{ "bidirectional", "--parallel=3", HARM_CHANGE, FIRST_DATA + 2, true,
	  DATA_HEAD + 0, "the server says: connection 2: byte 0 of those",
	  "connection 2: byte 0 of those to the server" },
	{ "rr", NULL, HARM_CHANGE, FIRST_DATA, true, DATA_HEAD + 50001,
	  "the server says: connection 0: byte 1 of request 10",
	  "connection 0: byte 1 of request 10" },
	{ "rr", NULL, HARM_CHANGE, FIRST_DATA, false, 4999,
	  "connection 0: byte 4999 of response 0",
	  "the client says: connection 0: byte 4999 of response 0" },
	{ "crr", NULL, HARM_CHANGE, FIRST_DATA + 7, true, DATA_HEAD + 100,
	  "the server says: connection 0: byte 100 of request 7",
	  "connection 0: byte 100 of request 7" },
	{ "crr", NULL, HARM_CHANGE, FIRST_DATA + 7, false, 100,
	  "connection 0: byte 100 of response 7",
	  "the client says: connection 0: byte 100 of response 7" },

	{ "stream", NULL, HARM_LOSE, FIRST_DATA, true, DATA_HEAD + 10,
	  "the server says: connection 0: byte 10 of", "byte 10 of" },
	{ "stream", NULL, HARM_LOSE, FIRST_DATA, true,
	  DATA_HEAD + (1 << 20) - 1,
	  "of 1048576 bytes sent the server received 1048575",
	  "of 1048576 bytes that the client sent 1048575 were received" },
	{ "stream", "--reverse", HARM_REPEAT, FIRST_DATA, false, (1 << 20) - 1,
	  "connection 0: byte 1048576 of those to the client",
	  "the client says: connection 0: byte 1048576 of" },

	{ "stream", NULL, HARM_HANG_UP, FIRST_DATA, true, 500000, "", "" },
	{ "stream", "--reverse", HARM_HANG_UP, FIRST_DATA, false, 500000, "",
	  "" },
	{ "rr", NULL, HARM_HANG_UP, FIRST_DATA, true, 20000, "", "" },
	{ "crr", NULL, HARM_HANG_UP, FIRST_DATA + 3, true, 20, "", "" },
	{ "stream", NULL, HARM_HANG_UP, CONTROL, true, 3,
	  "closed the connection", "" },
	{ "stream", NULL, HARM_CHANGE, CONTROL, true, 0,
	  "refused: the other end is not uring-vsock-perf", "" },
	{ "stream", NULL, HARM_CHANGE, CONTROL, true, 4,
	  "refused: the other end speaks version 0 of the protocol", "" },
	{ "stream", NULL, HARM_CHANGE, CONTROL, false, 4,
	  "the other end speaks version 0 of the protocol, this program "
	  "version 1: use the same release at both ends",
	  "" },
};

START_TEST(harm_is_noticed_and_named)
{
	bool good = cases[_i].client == NULL;
	pid_t client;
	int status;

	relay.harm = cases[_i].harm;
	relay.connection = cases[_i].connection;
	relay.to_server = cases[_i].to_server;
	relay.at = cases[_i].at;
	client = start_client(cases[_i].mode, cases[_i].more);
	status = status_of(client);
	ck_assert_msg(status == !good, "client: status %d: %s", status,
		      log_of("client.log"));
	if (!good)
		ck_assert_msg(strstr(log_of("client.log"), cases[_i].client),
			      "client: %s", log_of("client.log"));
	if (!good && !*cases[_i].server)
		return;
	status = status_of(server);
	ck_assert_msg(status == !good, "server: status %d: %s", status,
		      log_of("server.log"));
	if (!good)
		ck_assert_msg(strstr(log_of("server.log"), cases[_i].server),
			      "server: %s", log_of("server.log"));
}
END_TEST

/* The same server goes on to serve others. */
START_TEST(client_vanishes)
{
	pid_t client;
	int status;

	relay.harm = HARM_NONE;
	client = start_client("stream", "--bytes=1000G");
	while (sem_wait(&relay.served) < 0)
		ck_assert_int_eq(errno, EINTR);
	kill(client, SIGKILL);
	ck_assert_int_eq(status_of(client), 128 + SIGKILL);
	status = status_of(server);
	ck_assert_int_eq(status, 1);
	ck_assert_msg(strstr(log_of("server.log"), "the client is gone") ||
			      strstr(log_of("server.log"), "closed it"),
		      "%s", log_of("server.log"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("perf_relay");
	TCase *tcase = tcase_create("relay");

	if (access(program(), X_OK) < 0) {
		printf("%s is not there: build it first\n", program());
		return 77;
	}
	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, harm_is_noticed_and_named, 0,
			    ARRAY_SIZE(cases));
	tcase_add_test(tcase, client_vanishes);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
