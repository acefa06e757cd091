/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Whether a socket lives is asked without disturbing it: connect(2) of a
 * datagram socket finds the socket behind the file before it compares types,
 * and so says ECONNREFUSED for a stale file and EPROTOTYPE for a socket that
 * lives, whether it listens or is bound only.  No listener ever sees that.
 *
 * As in the daemon, the directory is locked by flock(2) while a stale file is
 * replaced, which is advice among ourselves: who cannot have the lock goes on.
 */
#include "preload/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "preload/real.h"

#define LOCK_TRIES 50
#define LOCK_WAIT_NS 20000000

static int lock_directory(const struct sockaddr_un *address, int tries)
{
	static const struct timespec pause = { .tv_nsec = LOCK_WAIT_NS };
	char copy[sizeof(address->sun_path)];
	int fd;

	memcpy(copy, address->sun_path, sizeof(copy));
	fd = real()->open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 &&
	       errno == EWOULDBLOCK && tries--)
		nanosleep(&pause, NULL);
	return fd;
}

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

/* What only a path can meet with is told as the nearest of AF_VSOCK's own
 * errors. */
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

/* Under the lock once more: of two that find the same stale file, the second
 * must not remove the socket that the first has made in its place. */
int claim_take(int fd, const struct vm *vm, uint32_t port)
{
	struct sockaddr_un address;
	int lock;
	int err;

	vm_port_address(vm, port, &address);
	err = try_bind(fd, &address);
	if (err != -EADDRINUSE)
		return err;
	lock = lock_directory(&address, LOCK_TRIES);
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
	lock = lock_directory(&address, 0);
	if (is_stale(&address))
		unlink(address.sun_path);
	unlock_directory(lock);
}
