/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What fails here is what a user meets first: no daemon, no guest, nobody who
 * listens. So the messages say what to do next, where the error tells enough.
 */
#include "perf/perf_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "base/fd.h"

#define BACKLOG 1024

union any_address {
	struct sockaddr any;
	struct sockaddr_un un;
	struct sockaddr_vm vm;
};

static socklen_t fill_unix(union any_address *out, const char *path)
{
	memset(out, 0, sizeof(*out));
	out->un.sun_family = AF_UNIX;
	snprintf(out->un.sun_path, sizeof(out->un.sun_path), "%s", path);
	return sizeof(out->un);
}

static socklen_t fill_vsock(union any_address *out,
			    const struct perf_address *address)
{
	memset(out, 0, sizeof(*out));
	out->vm.svm_family = AF_VSOCK;
	out->vm.svm_cid = address->cid;
	out->vm.svm_port = address->port;
	return sizeof(out->vm);
}

void perf_set_patience(int fd)
{
	const struct timeval patience = { .tv_sec = PERF_PATIENCE_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

static int new_socket(int family, struct perf_why *why)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && family == AF_VSOCK && errno == EAFNOSUPPORT)
		perf_because(why, "this kernel has no AF_VSOCK: load the "
				  "module vsock, or use unix:PATH");
	else if (fd < 0)
		perf_because(why, "socket: %s", strerror(errno));
	return fd;
}

int perf_send_all(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n > 0) {
		ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);

		if (sent < 0 && errno != EINTR)
			return -errno;
		if (sent > 0) {
			at += sent;
			n -= (size_t)sent;
		}
	}
	return 0;
}

ssize_t perf_receive_all(int fd, void *bytes, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = recv(fd, (char *)bytes + have, n - have, 0);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			break;
		if (got > 0)
			have += (size_t)got;
	}
	return (ssize_t)have;
}

/* What to tell a user who cannot connect. */
static const char *remedy(const struct perf_address *address, int error)
{
	if (address->family == PERF_FAMILY_VSOCK) {
		if (error == ENODEV || error == EADDRNOTAVAIL)
			return "; this machine has no vsock device";
		if (error == ECONNRESET || error == ECONNREFUSED)
			return "; nobody listens there: start "
			       "'uring-vsock-perf --listen' first";
		return "";
	}
	if (error == ENOENT || error == ECONNREFUSED)
		return address->family == PERF_FAMILY_HYBRID
			       ? "; start the daemon first, this is its "
				 "uds-path"
			       : "; start 'uring-vsock-perf --listen' first";
	return "";
}

/* Reads the answer to CONNECT. The other end sends nothing before we do, so
 * nothing follows the line. */
static int read_ok(int fd, const struct perf_address *address,
		   struct perf_why *why)
{
	char line[64];
	size_t have = 0;
	ssize_t got;

	do {
		got = recv(fd, line + have, sizeof(line) - 1 - have, 0);
		if (got < 0 && errno == EAGAIN)
			return perf_because(why,
					    "%s: no answer to CONNECT for %d s",
					    address->text, PERF_PATIENCE_S);
		if (got <= 0)
			return perf_because(
				why,
				"%s: refused: nobody listens on port %u in "
				"the guest, or there is no guest",
				address->text, address->port);
		have += (size_t)got;
		line[have] = '\0';
	} while (!strchr(line, '\n') && have < sizeof(line) - 1);
	if (strncmp(line, "OK ", 3) != 0 || line[have - 1] != '\n')
		return perf_because(why,
				    "%s: the answer to CONNECT is not OK: "
				    "what listens there is no uds-path",
				    address->text);
	return 0;
}

static int dial(int fd, const struct perf_address *address,
		struct perf_why *why)
{
	char line[32];
	int length;
	int err;

	length = snprintf(line, sizeof(line), "CONNECT %u\n", address->port);
	err = perf_send_all(fd, line, (size_t)length);
	if (err)
		return perf_because(why, "%s: %s", address->text,
				    strerror(-err));
	return read_ok(fd, address, why);
}

int perf_connect(const struct perf_address *address, struct perf_why *why)
{
	bool vsock = address->family == PERF_FAMILY_VSOCK;
	union any_address to;
	socklen_t length;
	int fd;

	fd = new_socket(vsock ? AF_VSOCK : AF_UNIX, why);
	if (fd < 0)
		return -1;
	perf_set_patience(fd);
	length = vsock ? fill_vsock(&to, address)
		       : fill_unix(&to, address->path);
	if (connect(fd, &to.any, length) < 0)
		perf_because(why, "%s: %s%s", address->text, strerror(errno),
			     remedy(address, errno));
	else if (address->family != PERF_FAMILY_HYBRID ||
		 dial(fd, address, why) == 0)
		return fd;
	fd_close(&fd);
	return -1;
}

/* Whether PATH is a socket that nobody listens on any more. */
static bool is_stale(const char *path, const union any_address *to,
		     socklen_t length)
{
	struct stat status;
	bool stale;
	int fd;

	if (lstat(path, &status) < 0 || !S_ISSOCK(status.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	stale = connect(fd, &to->any, length) < 0 && errno == ECONNREFUSED;
	fd_close(&fd);
	return stale;
}

static int bind_unix(int fd, const struct perf_address *address,
		     struct perf_why *why)
{
	char path[PERF_PATH];
	union any_address to;
	socklen_t length;

	if (perf_address_listen_path(address, path, why))
		return -1;
	length = fill_unix(&to, path);
	if (bind(fd, &to.any, length) == 0)
		return 0;
	if (errno == EADDRINUSE && is_stale(path, &to, length) &&
	    unlink(path) == 0 && bind(fd, &to.any, length) == 0)
		return 0;
	return perf_because(why, "%s: %s%s", path, strerror(errno),
			    errno == EADDRINUSE
				    ? "; somebody listens there, or it is not "
				      "a socket"
				    : "");
}

static int bind_vsock(int fd, const struct perf_address *address,
		      struct perf_why *why)
{
	union any_address to;
	socklen_t length = fill_vsock(&to, address);

	if (bind(fd, &to.any, length) == 0)
		return 0;
	return perf_because(why, "%s: %s%s", address->text, strerror(errno),
			    errno == EADDRNOTAVAIL
				    ? "; this machine has another CID, 'any' "
				      "always works"
				    : "");
}

int perf_listen(const struct perf_address *address, struct perf_why *why)
{
	bool vsock = address->family == PERF_FAMILY_VSOCK;
	int fd = new_socket(vsock ? AF_VSOCK : AF_UNIX, why);
	int failed;

	if (fd < 0)
		return -1;
	failed = vsock ? bind_vsock(fd, address, why)
		       : bind_unix(fd, address, why);
	if (!failed && listen(fd, BACKLOG) == 0)
		return fd;
	if (!failed)
		perf_because(why, "%s: %s", address->text, strerror(errno));
	fd_close(&fd);
	return -1;
}

void perf_unlisten(const struct perf_address *address)
{
	struct perf_why why = { "" };
	char path[PERF_PATH];

	if (address->family != PERF_FAMILY_VSOCK &&
	    perf_address_listen_path(address, path, &why) == 0)
		unlink(path);
}
