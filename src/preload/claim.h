/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Ports of the host as files: <path>_<port> of a VM belongs to the socket that
 * is bound to it.  A file to which no living socket is bound is stale and may
 * be removed by anybody; a process that is killed leaves some behind.
 */
#ifndef URING_VSOCK_PRELOAD_CLAIM_H
#define URING_VSOCK_PRELOAD_CLAIM_H

#include "preload/vms.h"

/*
 * Binds the Unix socket FD to PORT of VM.  -EADDRINUSE if a living socket or
 * something that is no socket is there, -EACCES where no file may be made,
 * -EADDRNOTAVAIL where there is no directory, -EINVAL if FD is bound.  May
 * wait up to a second for another process that has the directory's lock.
 */
int claim_take(int fd, const struct vm *vm, uint32_t port);

/* Removes PORT's file unless a socket, of whatever process, is bound to it. */
void claim_release(const struct vm *vm, uint32_t port);

#endif
