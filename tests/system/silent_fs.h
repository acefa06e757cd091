/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A file system (FUSE) that opens one file and then never answers again, and
 * what can be made of it: an epoll that keeps its lock. Whoever asks either of
 * them something sleeps, uninterruptibly, until silent_fs_close(): or for half a
 * minute, as a test that fails would never end.
 */
#ifndef URING_VSOCK_TESTS_SILENT_FS_H
#define URING_VSOCK_TESTS_SILENT_FS_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

struct silent_fs {
	char dir[64];
	int device;
	int file; /* of it, open for reading and writing */
	int epoll;
	void *events; /* a page of the file, as yet unknown */
	int guard;    /* a pipe's end, which the guard looks at */
	pid_t guardian;
	int asked[2]; /* a pipe: a byte for each READ */
	pthread_t server;
	pthread_t sleeper;
};

/* Mounts it. False: not possible here, and errno says why. */
bool silent_fs_open(struct silent_fs *fs);

/*
 * Makes fs->epoll, which watches the N eventfds FDS, and locks it: a thread
 * waits in it for events, which are to be stored where the file system has yet
 * to say what is there. Returns when it does.
 */
void silent_fs_lock_epoll(struct silent_fs *fs, const int *fds, unsigned n);

/* Everybody who sleeps is woken by an error. */
void silent_fs_close(struct silent_fs *fs);

#endif
