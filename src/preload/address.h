/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Addresses of AF_VSOCK, and the name that a connected socket carries.
 *
 * A socket that dials is given an abstract name in which both ends' ports are
 * written.  It says after exec() what the socket is connected to, and it tells
 * a listener of this host who dialled it.
 */
#ifndef URING_VSOCK_PRELOAD_ADDRESS_H
#define URING_VSOCK_PRELOAD_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct vm_address {
	uint32_t cid;
	uint32_t port; /* VMADDR_PORT_ANY: not bound, or not known */
};

/* The address that a program hands over; 0, -EFAULT or -EINVAL. */
int address_take(const struct sockaddr *from, socklen_t length,
		 struct vm_address *out);
/* As the kernel returns addresses: cut to *LENGTH, which becomes the true
 * length.  0, -EFAULT or -EINVAL. */
int address_give(const struct vm_address *from, struct sockaddr *to,
		 socklen_t *length);

/* A port that is not reserved, at random. */
uint32_t address_any_port(void);

/* Another name with each call; returns its length. */
socklen_t address_name(uint32_t local_port, const struct vm_address *remote,
		       struct sockaddr_un *out);
/* Whether NAME is one of these, and what it says. */
bool address_of_name(const struct sockaddr_un *name, socklen_t length,
		     uint32_t *local_port, struct vm_address *remote);

#endif
