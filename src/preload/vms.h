/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which guests there are and where their sockets lie: what VSOCK_OVER_UDS
 * says.  Read once when the library is loaded, constant from then on.
 */
#ifndef URING_VSOCK_PRELOAD_VMS_H
#define URING_VSOCK_PRELOAD_VMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define VMS_MAX 64
#define VM_SUFFIX_MAX 11 /* "_4294967295" */
#define VM_PATH_SIZE \
	(sizeof(((struct sockaddr_un *)NULL)->sun_path) - VM_SUFFIX_MAX)

struct vm {
	uint32_t cid;
	char path[VM_PATH_SIZE]; /* of the hybrid socket */
};

/* Takes "CID=PATH,CID=PATH...".  0, or -EINVAL; there are no guests then. */
int vms_load(const char *text);
/* A sentence about the first entry that was wrong, or NULL. */
const char *vms_mistake(void);

/* Whether there was anything to load: without, AF_VSOCK is the kernel's. */
bool vms_given(void);
unsigned int vms_count(void);
/* I is less than vms_count(). */
const struct vm *vms_at(unsigned int i);
const struct vm *vms_find(uint32_t cid);

/* Where programs dial the guest's ports; TYPE is SOCK_STREAM or
 * SOCK_SEQPACKET. */
void vm_dial_address(const struct vm *vm, int type, struct sockaddr_un *out);
/* Where the guest expects the host's PORT. */
void vm_port_address(const struct vm *vm, uint32_t port,
		     struct sockaddr_un *out);
/* The VM for which vm_port_address() gives ADDRESS, as the kernel has
 * returned it with its LENGTH, and the port; or NULL. */
const struct vm *vms_of_port(const struct sockaddr_un *address,
			     socklen_t length, uint32_t *port);

#endif
