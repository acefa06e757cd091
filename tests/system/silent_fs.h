/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A file system (FUSE) that opens one file and then never answers again, and
 * an epoll that keeps its lock because of it. A thread that asks either of them
 * for something sleeps uninterruptibly until silent_fs_close(), or for half a
 * minute at most, so that a test that fails comes to an end.
 */
#ifndef URING_VSOCK_TESTS_SILENT_FS_H
#define URING_VSOCK_TESTS_SILENT_FS_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#include "frontend/host.h"

#define SILENT_WATCHED HOST_PASSED_MAX /* as one message may bring */

struct silent_fs {
	char dir[64];
	int device;
	int file; /* the file, open for reading and writing */
	int epoll;
	int watched[SILENT_WATCHED]; /* eventfds that the epoll watches */
	unsigned nwatched;	     /* the first so many are still ours */
	void *events; /* a page of the file, whose contents are not known yet */
	int guard;    /* our end of the guardian's pipe */
	pid_t guardian;
	int asked[2]; /* a pipe that gets a byte for each READ */
	pthread_t server;
	pthread_t sleeper;
};

/* Mounts it. False: that is not possible here, and errno says why. */
bool silent_fs_open(struct silent_fs *fs);

/*
 * Makes fs->epoll, which watches the eventfds fs->watched, and locks it: a
 * thread waits in it for events, and the page that they are to be stored in is
 * one that the file system never delivers. Returns when the thread sleeps.
 */
void silent_fs_lock_epoll(struct silent_fs *fs);

/* Wakes all sleepers with an error, and closes what is left of fs->watched. */
void silent_fs_close(struct silent_fs *fs);

#endif
