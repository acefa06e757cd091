/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A file's mount tells its file system. The mounts that /proc/self/mountinfo
 * shows are those of our own mount namespace; a service of systemd has one of
 * its own, and so has a hypervisor in a container, where the same file system
 * goes by another number. The number is unique among all namespaces, and the
 * table is the kernel's in each of them: the hypervisor cannot lie in its own.
 *
 * The list is of those that only root can mount, on devices of this machine. An
 * overlay may have anything below. It is believed where it is a mount of our
 * own namespace, and so root's work.
 */
#include "ram_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/fd_kind.h"

#define TYPE_MAX 32

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

static int look_up(const char *table, int id, char *type)
{
	FILE *in = fopen(table, "re");
	int ret;

	if (!in)
		return -errno;
	ret = mountinfo_type(in, id, type, TYPE_MAX);
	fclose(in);
	return ret;
}

static int look_up_at(pid_t peer, int id, char *type)
{
	char table[40];

	if (peer <= 0)
		return -ENOENT;
	snprintf(table, sizeof(table), "/proc/%d/mountinfo", (int)peer);
	return look_up(table, id, type);
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

int ram_file_check(int fd, pid_t peer, char *why, size_t room)
{
	char type[TYPE_MAX] = "";
	bool ours;
	int id;

	if (fd_is_shmem(fd))
		return 0;
	if (!fd_is_file(fd))
		return refuse(why, room, "what is no file", "");
	id = fd_mount_id(fd);
	if (id < 0)
		return refuse(why, room,
			      "a file of unknown kind, as /proc is not there",
			      "");
	ours = look_up("/proc/self/mountinfo", id, type) == 0;
	if (!ours && look_up_at(peer, id, type) < 0)
		return refuse(why, room,
			      "a file whose mount is not to be seen from here",
			      "");
	if (ram_file_is_local(type) || (ours && strcmp(type, "overlay") == 0))
		return 0;
	return refuse(why, room, "a file system of type ", type);
}
