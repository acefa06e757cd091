/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Whether a socket lives is asked without disturbing it: connect(2) of a
 * datagram socket finds the socket behind the file before it compares types,
 * and so says ECONNREFUSED for a stale file and EPROTOTYPE for a socket that
 * lives, whether it listens or is bound only.  No listener ever sees that.
 */
#include "preload/claim.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/socket_path.h"
#include "preload/real.h"

static void unlock_directory(int lock)
{
	if (lock >= 0)
		real()->close(lock);
}

static bool is_stale(const struct sockaddr_un *address)
{
	int fd = real()->socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool stale;
	struct stat st;

	if (fd < 0)
		return false;
	stale = lstat(address->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
		real()->connect(fd, (const struct sockaddr *)address,
				sizeof(*address)) < 0 &&
		errno == ECONNREFUSED;
	real()->close(fd);
	return stale;
}

/* 0 or -errno. Errors that only paths have become the nearest ones that
 * AF_VSOCK has. */
static int try_bind(int fd, const struct sockaddr_un *address)
{
	if (real()->bind(fd, (const struct sockaddr *)address,
			 sizeof(*address)) == 0)
		return 0;
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return -EADDRNOTAVAIL;
	case EROFS:
	case EPERM:
		return -EACCES;
	default:
		return -errno;
	}
}

/* A stale file is looked at and replaced under the directory's lock: of two
 * processes that find it, the second must not remove the socket that the first
 * has made in its place. */
int claim_take(int fd, const struct vm *vm, uint32_t port)
{
	struct sockaddr_un address;
	int lock;
	int err;

	vm_port_address(vm, port, &address);
	err = try_bind(fd, &address);
	if (err != -EADDRINUSE)
		return err;
	lock = socket_path_lock(address.sun_path, SOCKET_PATH_WAIT,
				real()->open);
	if (is_stale(&address)) {
		unlink(address.sun_path);
		err = try_bind(fd, &address);
	}
	unlock_directory(lock);
	return err;
}

void claim_release(const struct vm *vm, uint32_t port)
{
	struct sockaddr_un address;
	int lock;

	vm_port_address(vm, port, &address);
	/* The way out waits for nobody. */
	lock = socket_path_lock(address.sun_path, SOCKET_PATH_NO_WAIT,
				real()->open);
	if (is_stale(&address))
		unlink(address.sun_path);
	unlock_directory(lock);
}
