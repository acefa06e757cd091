/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The functions behind the interposed ones: the C library's, or those of
 * whatever else is preloaded.  Nothing in this folder may call one of them
 * by its plain name, which would be our own.
 */
#ifndef URING_VSOCK_PRELOAD_REAL_H
#define URING_VSOCK_PRELOAD_REAL_H

#include <sys/socket.h>
#include <sys/types.h>

struct real {
	int (*socket)(int, int, int);
	int (*bind)(int, const struct sockaddr *, socklen_t);
	int (*listen)(int, int);
	int (*connect)(int, const struct sockaddr *, socklen_t);
	int (*accept4)(int, struct sockaddr *, socklen_t *, int);
	int (*getsockname)(int, struct sockaddr *, socklen_t *);
	int (*getpeername)(int, struct sockaddr *, socklen_t *);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	int (*setsockopt)(int, int, int, const void *, socklen_t);
	int (*shutdown)(int, int);
	ssize_t (*sendto)(int, const void *, size_t, int,
			  const struct sockaddr *, socklen_t);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *,
			    socklen_t *);
	ssize_t (*recvmsg)(int, struct msghdr *, int);
	/* Fortified ones; NULL where the C library has none. */
	ssize_t (*__recvfrom_chk)(int, void *, size_t, size_t, int,
				  struct sockaddr *, socklen_t *);
	int (*__open_2)(const char *, int);
	int (*__open64_2)(const char *, int);
	int (*__openat_2)(int, const char *, int);
	int (*__openat64_2)(int, const char *, int);
	int (*dup)(int);
	int (*dup2)(int, int);
	int (*dup3)(int, int, int);
	int (*fcntl)(int, int, ...);
	int (*fcntl64)(int, int, ...);
	int (*close)(int);
	int (*close_range)(unsigned int, unsigned int, int); /* may be NULL */
	void (*closefrom)(int);				     /* may be NULL */
	int (*open)(const char *, int, ...);
	int (*open64)(const char *, int, ...);
	int (*openat)(int, const char *, int, ...);
	int (*openat64)(int, const char *, int, ...);
	int (*ioctl)(int, unsigned long, ...);
};

/* Callable from anywhere, also before this library's constructor has run. */
const struct real *real(void);

#endif
