/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a descriptor is that somebody else handed over. fstat(2) asks the file
 * system, which may be a program that never answers, and the information that
 * the kernel gives of some devices and of an epoll waits for a lock that its
 * owner can hold for ever. The questions here are answered by the kernel's own
 * tables, whoever is behind the descriptor, and never sleep.
 */
#ifndef URING_VSOCK_BASE_FD_KIND_H
#define URING_VSOCK_BASE_FD_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* 1: FD is an eventfd; 0: it is something else; -errno: there is no /proc. */
int fd_is_eventfd(int fd);

/* FD is a memfd, or a file on tmpfs or, since Linux 4.16, on hugetlbfs. */
bool fd_is_shmem(int fd);

/* FD is a file or a directory: no device, socket, pipe or the like. */
bool fd_is_file(int fd);

/*
 * The mount that FD, for which fd_is_file() holds, was opened on. Its number is
 * nobody else's while FD is open, in whatever mount namespace. -errno if /proc
 * does not say.
 */
int fd_mount_id(int fd);

/* fd_mount_id()'s answer in the text of /proc/PID/fdinfo/N; -ENODATA if there
 * is none. */
int fdinfo_mount_id(FILE *fdinfo);

#define MOUNT_TYPE_MAX 32

struct mount_type {
	int id;
	char type[MOUNT_TYPE_MAX]; /* of its file system, cut if need be */
};

/*
 * Looks those N of MOUNTS whose type is still empty up in the text of a
 * /proc/PID/mountinfo, all in one reading of it. 0: all have their types; else
 * some still have none, as the table lacks them (-ENOENT), or as they did not
 * show in its first LINES lines (-E2BIG). The kernel takes some microseconds to
 * write a line, and the owner of a mount namespace can make its table as long
 * as they like.
 */
int mountinfo_types(FILE *mountinfo, unsigned lines, struct mount_type *mounts,
		    unsigned n);

#endif
