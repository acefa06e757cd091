/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "base/socket_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

/* Together a second. */
#define LOCK_TRIES 50
#define LOCK_PAUSE_NS 20000000

void socket_path_directory(const char *path, char out[SOCKET_PATH_MAX + 1])
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		memcpy(out, ".", sizeof("."));
	else if (slash == path)
		memcpy(out, "/", sizeof("/"));
	else
		*(char *)mempcpy(out, path, (size_t)(slash - path)) = '\0';
}

int socket_path_lock(const char *path, enum socket_path_wait wait,
		     int (*opener)(const char *, int, ...))
{
	static const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
	int tries = wait == SOCKET_PATH_WAIT ? LOCK_TRIES : 0;
	char directory[SOCKET_PATH_MAX + 1];
	int fd;

	socket_path_directory(path, directory);
	fd = opener(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK &&
	       tries--)
		nanosleep(&pause, NULL);
	return fd;
}
