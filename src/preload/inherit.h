/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * After exec(): descriptors that were AF_VSOCK's are so again.  What they were
 * is told by the names of the Unix sockets: <path>_<port> if bound, listening
 * or accepted, the abstract name of address.h if connected.  A socket without
 * a name, which was neither bound nor connected, is not found.
 */
#ifndef URING_VSOCK_PRELOAD_INHERIT_H
#define URING_VSOCK_PRELOAD_INHERIT_H

/* Once, when the library is loaded and the VMs are known. */
void inherit_all(void);

#endif
