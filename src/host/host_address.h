/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Where a port of the host is: the address that a guest's connection
 * goes to. */
#ifndef URING_VSOCK_HOST_HOST_ADDRESS_H
#define URING_VSOCK_HOST_HOST_ADDRESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

struct vm_config;

struct host_address {
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_vm vm;
	};
	socklen_t len;
};

/* Long enough for any of them in words. */
#define HOST_ADDRESS_TEXT_MAX 128

/*
 * The Unix socket of PORT: what it is mapped to, or <uds-path>_<port>. 0;
 * -ENOENT: VM has neither; -ENAMETOOLONG: the path does not fit.
 */
int host_address_unix(const struct vm_config *vm, uint32_t port,
		      struct host_address *out);

/* PORT of CID on the host's own AF_VSOCK (vsock(7)). */
void host_address_vsock(uint32_t cid, uint32_t port, struct host_address *out);

/* In words, for the log: a path, "@name" where it is abstract, or what
 * AF_VSOCK it is. */
void host_address_text(const struct host_address *address,
		       char out[HOST_ADDRESS_TEXT_MAX]);

#endif
