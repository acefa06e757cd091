/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One listener for several VMs.  Each VM has its own listening Unix socket,
 * which is how it is known whose guest has called; the program's descriptor
 * becomes an epoll that watches them all, so that poll(), select() and epoll
 * see it readable when there is somebody to accept.
 */
#ifndef URING_VSOCK_PRELOAD_FAN_H
#define URING_VSOCK_PRELOAD_FAN_H

#include "preload/endpoint.h"

/*
 * FD, bound to the first VM's file of its port, starts to listen for all VMs.
 * *LIKE is a copy of its endpoint.  0, or -errno and FD is as before.
 */
int fan_open(int fd, const struct endpoint *like, int backlog);
/* FAN, which no endpoint has any more, is closed and freed. */
void fan_close(struct fan *fan);

/* accept4(2), with FD's flags and receive timeout; a descriptor or -errno. */
int fan_accept(int fd, struct sockaddr_un *peer, socklen_t *length, int flags);

/* The members of FD's fan listen anew, or take an option; 0 or -errno. */
int fan_listen(int fd, int backlog);
int fan_setsockopt(int fd, int level, int option, const void *value,
		   socklen_t length);
/* The answer of one of them. */
int fan_getsockopt(int fd, int level, int option, void *value,
		   socklen_t *length);
/*
 * The members of FD's fan get the close-on-exec flag of LIKE, or that of all
 * the descriptors that the program has for the fan, so that they live through
 * exec() if one of these does.  Nothing happens if FD has no fan.
 */
void fan_follow(int fd, int like);
void fan_follow_all(int fd);

/* A fan of these listening sockets, which were inherited; NULL without
 * memory.  Their descriptors become hidden. */
struct fan *fan_inherit(const int *fds, unsigned int count);

#endif
