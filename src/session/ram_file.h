/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which files a guest's memory may be in. Whatever is done with a file, down to
 * each access to its pages, waits for its file system. One that is a program, or
 * on another machine, may never answer: the worker would sleep, and all of its
 * VMs with it. So memory may be in memfd, tmpfs and hugetlbfs, and in files of
 * local file systems, which no user can mount.
 */
#ifndef URING_VSOCK_SESSION_RAM_FILE_H
#define URING_VSOCK_SESSION_RAM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Files that one message may bring. */
#define RAM_FILES_MAX 8

/*
 * 0: memory may be in each of the N files FDS, RAM_FILES_MAX at the most, and no
 * access to them sleeps for long. Otherwise -EACCES, and WHY, which has room for
 * ROOM bytes, says in a sentence what one of them is and what to do. PEER is the
 * process that they came from, or 0: mounts that cannot be seen from here are
 * looked up in its mount table.
 *
 * *TABLES goes up by the number of mount tables that were read: two at the most,
 * which take a millisecond or two each where they are long.
 */
int ram_file_check(const int *fds, unsigned n, pid_t peer, unsigned *tables,
		   char *why, size_t room);

/* A file system of TYPE keeps nobody waiting. */
bool ram_file_is_local(const char *type);

#endif
