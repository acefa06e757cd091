/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A file's mount tells which file system it is on. /proc/self/mountinfo shows
 * the mounts of our own mount namespace. A service of systemd has a namespace of
 * its own, and so has a hypervisor in a container, where the same file system has
 * a mount of another number. These numbers are unique among all namespaces, and
 * the kernel writes each table: a hypervisor cannot lie in its own.
 *
 * Only root can mount the listed file systems, and they are on devices of this
 * machine. An overlay may have any file system below it, and is trusted only
 * where it is a mount of our own namespace, which root has made.
 */
#include "session/ram_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/fd_kind.h"

/* How many lines of a table are read. Our own table is root's work. A front end
 * may make its own long on purpose, and a line takes some microseconds. But on a
 * machine with some hundred containers it is long anyway, with the disks at its
 * beginning. */
#define OUR_LINES 4096
#define PEER_LINES 512

static const char *const local_types[] = {
	"bcachefs", "btrfs",	"erofs",     "ext2", "ext3",
	"ext4",	    "f2fs",	"hugetlbfs", "jfs",  "nilfs2",
	"ramfs",    "reiserfs", "tmpfs",     "xfs",  "zfs",
};

bool ram_file_is_local(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(local_types); i++)
		if (strcmp(local_types[i], type) == 0)
			return true;
	return false;
}

/* The types of the mounts of N files, which are looked up all at once. */
struct look_up {
	struct mount_type mounts[RAM_FILES_MAX];
	unsigned n;
	unsigned *tables; /* how many were read */
};

/* 0 if all of the mounts have their types now, or -errno. */
static int look_up(struct look_up *l, const char *table, unsigned lines)
{
	FILE *in = fopen(table, "re");
	int ret;

	if (!in)
		return -errno;
	++*l->tables;
	ret = mountinfo_types(in, lines, l->mounts, l->n);
	fclose(in);
	return ret;
}

static void look_up_at(struct look_up *l, pid_t peer)
{
	char table[40];

	if (peer <= 0)
		return;
	snprintf(table, sizeof(table), "/proc/%d/mountinfo", (int)peer);
	look_up(l, table, PEER_LINES);
}

static int refuse(char *why, size_t room, const char *what, const char *type)
{
	snprintf(why, room,
		 "guest memory in %s%s, which may keep this VM and others "
		 "waiting: use memfd, /dev/shm, hugetlbfs or a local disk, or "
		 "trust it with memory=any",
		 what, type);
	return -EACCES;
}

/* Notes the mounts of those of N files whose kind does not tell enough. 0, or
 * -EACCES with a sentence in WHY. */
static int find_mounts(struct look_up *l, const int *fds, unsigned n, char *why,
		       size_t room)
{
	for (unsigned i = 0; i < n; i++) {
		int id;

		if (fd_is_shmem(fds[i]))
			continue;
		if (!fd_is_file(fds[i]))
			return refuse(why, room, "what is no file", "");
		id = fd_mount_id(fds[i]);
		if (id < 0)
			return refuse(why, room,
				      "a file of unknown kind, as /proc is not "
				      "there",
				      "");
		l->mounts[l->n++] = (struct mount_type){ .id = id };
	}
	return 0;
}

int ram_file_check(const int *fds, unsigned n, pid_t peer, unsigned *tables,
		   char *why, size_t room)
{
	struct look_up l = { .tables = tables };
	bool ours[RAM_FILES_MAX] = { false };
	int err;

	debug_assert(n <= RAM_FILES_MAX);
	err = find_mounts(&l, fds, n, why, room);
	if (err || !l.n)
		return err;
	err = look_up(&l, "/proc/self/mountinfo", OUR_LINES);
	for (unsigned i = 0; i < l.n; i++)
		ours[i] = *l.mounts[i].type;
	if (err)
		look_up_at(&l, peer);
	for (unsigned i = 0; i < l.n; i++) {
		const char *type = l.mounts[i].type;

		if (!*type)
			return refuse(why, room,
				      "a file whose mount is not to be seen "
				      "from here",
				      "");
		if (!ram_file_is_local(type) &&
		    !(ours[i] && strcmp(type, "overlay") == 0))
			return refuse(why, room, "a file system of type ",
				      type);
	}
	return 0;
}
