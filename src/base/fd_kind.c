/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The kernel makes the text of a link in /proc/self/fd up from its own names,
 * and the link is not followed here. The text for a file begins with '/'. The
 * text for anything else begins with its kind, which nobody can choose.
 *
 * /proc/self/fdinfo is read for files only, as epoll, tun and others add lines
 * for which they take a lock. FIOQSIZE tells whether a descriptor is a file: it
 * is answered before any file system or driver is asked.
 */
#include "base/fd_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EVENTFD_NAME "anon_inode:[eventfd]"

/* Bytes of a line of the mount table on average: the line of an overlay with
 * many layers has some thousand. */
#define LINE_BYTES 256

int fd_is_eventfd(int fd)
{
	char path[32];
	char name[sizeof(EVENTFD_NAME)];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, name, sizeof(name));
	if (n < 0)
		return -errno;
	return n == sizeof(EVENTFD_NAME) - 1 &&
	       memcmp(name, EVENTFD_NAME, sizeof(EVENTFD_NAME) - 1) == 0;
}

bool fd_is_shmem(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

bool fd_is_file(int fd)
{
	long long bytes;

	return ioctl(fd, FIOQSIZE, &bytes) == 0;
}

int fdinfo_mount_id(FILE *fdinfo)
{
	char line[256];
	int id;

	while (fgets(line, sizeof(line), fdinfo))
		if (sscanf(line, "mnt_id: %d", &id) == 1 && id >= 0)
			return id;
	return -ENODATA;
}

int fd_mount_id(int fd)
{
	char path[32];
	FILE *fdinfo;
	int id;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	fdinfo = fopen(path, "re");
	if (!fdinfo)
		return -errno;
	id = fdinfo_mount_id(fdinfo);
	fclose(fdinfo);
	return id;
}

/*
 * proc_pid_mountinfo(5): "ID parent device root point options [tags] - type
 * source options". Blanks within a field are escaped, so that a lone '-' is the
 * separator. TYPE stays as it is if the line makes no sense.
 */
static void type_of(const char *line, char *type, size_t room)
{
	const char *at = strstr(line, " - ");
	size_t len;

	if (!at)
		return;
	at += 3;
	len = strcspn(at, " \n");
	if (!len)
		return;
	if (len >= room)
		len = room - 1;
	*(char *)mempcpy(type, at, len) = '\0';
}

/* One line of the table is for each of MOUNTS that has its number. True: all
 * have their types now. */
static bool fill_in(const char *line, struct mount_type *mounts, unsigned n)
{
	long id = strtol(line, NULL, 10);
	bool all = true;

	for (unsigned i = 0; i < n; i++) {
		struct mount_type *m = &mounts[i];

		if (!*m->type && m->id == id)
			type_of(line, m->type, sizeof(m->type));
		all = all && *m->type;
	}
	return all;
}

int mountinfo_types(FILE *mountinfo, unsigned lines, struct mount_type *mounts,
		    unsigned n)
{
	char *line = NULL;
	size_t size = 0;
	size_t sum = 0;
	unsigned seen = 0;
	int ret = -ENOENT;
	ssize_t got;

	while (ret == -ENOENT && (got = getline(&line, &size, mountinfo)) > 0) {
		sum += (size_t)got;
		if (++seen > lines || sum > (size_t)lines * LINE_BYTES)
			ret = -E2BIG;
		else if (fill_in(line, mounts, n))
			ret = 0;
	}
	free(line);
	return ret;
}
