/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Preloaded into a program of the host that speaks AF_VSOCK, so that it
 * reaches guests through their devices' Unix sockets instead of the kernel:
 *
 *   VSOCK_OVER_UDS=3=/run/vm3.vsock,4=/run/vm4.vsock LD_PRELOAD=... program
 *
 * To connect to CID 3 is to connect to /run/vm3.vsock and to ask for the
 * port; to listen on a port is to listen on /run/vm3.vsock_PORT of the first
 * guest named.  Only what Linux's vsock_test needs is here: stream sockets,
 * blocking connect(), no dup().  Threads must not share a socket that is
 * being set up.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	FDS_MAX = 4096,
	OK_LINE_MAX = 32,
	HOST_CID = 2,
};

struct shim_socket {
	bool ours;
	bool listening;
	struct sockaddr_vm local, remote;
};

static struct shim_socket sockets[FDS_MAX];

/* POSIX promises that a function fits into dlsym()'s pointer. */
#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))

static struct shim_socket *find(int fd)
{
	if (fd < 0 || fd >= FDS_MAX || !sockets[fd].ours)
		return NULL;
	return &sockets[fd];
}

static int fail(int error)
{
	errno = error;
	return -1;
}

static struct sockaddr_vm vm_address(unsigned int cid, unsigned int port)
{
	return (struct sockaddr_vm){ .svm_family = AF_VSOCK,
				     .svm_cid = cid,
				     .svm_port = port };
}

static void remember(int fd)
{
	if (fd < 0 || fd >= FDS_MAX)
		return;
	sockets[fd] = (struct shim_socket){ .ours = true };
	sockets[fd].local = vm_address(HOST_CID, VMADDR_PORT_ANY);
}

/*
 * The path of a guest's socket, and the guest's CID.  With VMADDR_CID_ANY it
 * is the first guest of the variable.
 */
static int guest_path(unsigned int *cid, char *path, size_t room)
{
	const char *entry = getenv("VSOCK_OVER_UDS");

	while (entry && *entry) {
		char *equals;
		unsigned int found = (unsigned int)strtoul(entry, &equals, 10);
		size_t length;

		if (*equals != '=')
			return -EINVAL;
		length = strcspn(equals + 1, ",");
		if (length >= room)
			return -ENAMETOOLONG;
		if (*cid == found || *cid == VMADDR_CID_ANY) {
			memcpy(path, equals + 1, length);
			path[length] = '\0';
			*cid = found;
			return 0;
		}
		entry = equals + 1 + length;
		entry += *entry == ',';
	}
	return -ENODEV;
}

static int port_path(unsigned int port, struct sockaddr_un *out)
{
	unsigned int cid = VMADDR_CID_ANY;
	size_t used;
	int error;

	out->sun_family = AF_UNIX;
	error = guest_path(&cid, out->sun_path, sizeof(out->sun_path));
	if (error)
		return error;
	used = strlen(out->sun_path);
	if (snprintf(out->sun_path + used, sizeof(out->sun_path) - used, "_%u",
		     port) >= (int)(sizeof(out->sun_path) - used))
		return -ENAMETOOLONG;
	return 0;
}

int socket(int domain, int type, int protocol)
{
	int (*real)(int, int, int) = REAL("socket", int (*)(int, int, int));
	int fd;

	if (domain != AF_VSOCK)
		return real(domain, type, protocol);
	fd = real(AF_UNIX, type, protocol);
	remember(fd);
	return fd;
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	struct shim_socket *shim = find(fd);

	if (!shim)
		return REAL("bind", int (*)(int, const struct sockaddr *,
					    socklen_t))(fd, address, length);
	if (length < sizeof(shim->local))
		return fail(EINVAL);
	memcpy(&shim->local, address, sizeof(shim->local));
	return 0;
}

/* The Unix socket appears only now: who is bound only refuses. */
int listen(int fd, int backlog)
{
	int (*real)(int, int) = REAL("listen", int (*)(int, int));
	struct shim_socket *shim = find(fd);
	struct sockaddr_un path = { 0 };
	int error;

	if (!shim)
		return real(fd, backlog);
	error = port_path(shim->local.svm_port, &path);
	if (error)
		return fail(-error);
	unlink(path.sun_path);
	if (REAL("bind", int (*)(int, const struct sockaddr *, socklen_t))(
		    fd, (struct sockaddr *)&path, sizeof(path)) < 0)
		return -1;
	shim->listening = true;
	return real(fd, backlog);
}

static int ask_for_port(int fd, unsigned int port)
{
	char line[OK_LINE_MAX] = "";
	size_t used = 0;

	if (dprintf(fd, "CONNECT %u\n", port) < 0)
		return -1;
	while (used + 1 < sizeof(line)) {
		ssize_t n = read(fd, line + used, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			return fail(ECONNRESET);
		if (line[used++] == '\n')
			return strncmp(line, "OK ", 3) == 0 ? 0 : fail(EPROTO);
	}
	return fail(EPROTO);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int (*real)(int, const struct sockaddr *, socklen_t) = REAL(
		"connect", int (*)(int, const struct sockaddr *, socklen_t));
	struct shim_socket *shim = find(fd);
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	int error;

	if (!shim)
		return real(fd, address, length);
	if (length < sizeof(shim->remote))
		return fail(EINVAL);
	memcpy(&shim->remote, address, sizeof(shim->remote));
	error = guest_path(&shim->remote.svm_cid, path.sun_path,
			   sizeof(path.sun_path));
	if (error)
		return fail(-error);
	if (real(fd, (struct sockaddr *)&path, sizeof(path)) < 0)
		return -1;
	return ask_for_port(fd, shim->remote.svm_port);
}

static int give(const struct sockaddr_vm *from, struct sockaddr *to,
		socklen_t *length)
{
	if (to && length) {
		memcpy(to, from,
		       *length < sizeof(*from) ? *length : sizeof(*from));
		*length = sizeof(*from);
	}
	return 0;
}

/* The peer's port is not known to the Unix socket. */
int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	int (*real)(int, struct sockaddr *, socklen_t *) =
		REAL("accept", int (*)(int, struct sockaddr *, socklen_t *));
	struct shim_socket *shim = find(fd);
	unsigned int cid = VMADDR_CID_ANY;
	char path[sizeof(struct sockaddr_un)];
	int client;

	if (!shim)
		return real(fd, address, length);
	client = real(fd, NULL, NULL);
	if (client < 0)
		return -1;
	remember(client);
	if (!find(client) || guest_path(&cid, path, sizeof(path)) < 0)
		return client;
	sockets[client].local = shim->local;
	sockets[client].remote = vm_address(cid, VMADDR_PORT_ANY);
	give(&sockets[client].remote, address, length);
	return client;
}

int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	struct shim_socket *shim = find(fd);

	if (shim)
		return give(&shim->local, address, length);
	return REAL("getsockname", int (*)(int, struct sockaddr *,
					   socklen_t *))(fd, address, length);
}

int getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
	struct shim_socket *shim = find(fd);

	if (shim)
		return give(&shim->remote, address, length);
	return REAL("getpeername", int (*)(int, struct sockaddr *,
					   socklen_t *))(fd, address, length);
}

int close(int fd)
{
	struct shim_socket *shim = find(fd);
	struct sockaddr_un path = { 0 };

	if (shim && shim->listening &&
	    port_path(shim->local.svm_port, &path) == 0)
		unlink(path.sun_path);
	if (shim)
		shim->ours = false;
	return REAL("close", int (*)(int))(fd);
}
