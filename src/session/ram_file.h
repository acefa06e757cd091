/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which files a guest's memory may be in. Everything about a file, down to each
 * access to its pages, waits for its file system, and one that is a program, or
 * on another machine, may answer never: the worker would sleep, and with it all
 * of its VMs. So what is taken is memfd, tmpfs and hugetlbfs, and files on
 * local file systems, which no user can mount.
 */
#ifndef URING_VSOCK_SESSION_RAM_FILE_H
#define URING_VSOCK_SESSION_RAM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* What one message may bring. */
#define RAM_FILES_MAX 8

/*
 * 0: memory may be in each of the N files FDS, RAM_FILES_MAX at most, and
 * nothing about them sleeps for long. Else -EACCES, and WHY, which has room for
 * ROOM bytes, says in a sentence what one of them is and what to do. PEER is
 * the process that they came from, or 0: mounts that are not to be seen here
 * are looked up where it sees them.
 *
 * *TABLES goes up by the number of mount tables that were read: two at most, of
 * a millisecond or two each where they are long.
 */
int ram_file_check(const int *fds, unsigned n, pid_t peer, unsigned *tables,
		   char *why, size_t room);

/* A file system of that type keeps nobody waiting. */
bool ram_file_is_local(const char *type);

#endif
