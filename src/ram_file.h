/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which files a guest's memory may be in. Everything about a file, down to each
 * access to its pages, waits for its file system, and one that is a program, or
 * on another machine, may answer never: the worker would sleep, and with it all
 * of its VMs. So what is taken is memfd, tmpfs and hugetlbfs, and files on
 * local file systems, which no user can mount.
 */
#ifndef URING_VSOCK_RAM_FILE_H
#define URING_VSOCK_RAM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * 0: memory may be in FD, and nothing about it sleeps for long. Else -EACCES,
 * and WHY, which has room for ROOM bytes, says in a sentence what FD is and
 * what to do. PEER is the process that FD came from, or 0: mounts that are not
 * to be seen here are looked up where it sees them.
 */
int ram_file_check(int fd, pid_t peer, char *why, size_t room);

/* A file system of that type keeps nobody waiting. */
bool ram_file_is_local(const char *type);

#endif
