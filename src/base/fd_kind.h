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

/*
 * Looks mount ID up in the text of a /proc/PID/mountinfo: TYPE, which has room
 * for ROOM bytes, becomes the name of its file system's type, cut if need be.
 * 0; -ENOENT if the table does not have it; -E2BIG if it did not show in the
 * first megabyte of it: who has a mount namespace of his own can make the
 * table as long as he likes.
 */
int mountinfo_type(FILE *mountinfo, int id, char *type, size_t room);

#endif
