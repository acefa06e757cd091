/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One VM of the configuration: its guest, and the two sockets by which
 * hypervisors and host programs come to it.
 */
#ifndef URING_VSOCK_VM_H
#define URING_VSOCK_VM_H

#include "usock.h"

struct guest;
struct listener;
struct loop;
struct vm_config;

struct vm {
	struct guest *guest;
	struct listener *listener;
	struct usock front; /* vhost-user */
	struct usock host;  /* <uds-path> */
};

/* 0, or -errno after an error that has been logged; VM is then empty. All
 * zero is an empty one, too. */
int vm_open(struct vm *vm, const struct vm_config *config, struct loop *loop);

/* Ends sessions and connections, removes the sockets. Idempotent. */
void vm_stop(struct vm *vm);

/* After vm_stop(), when the ring is closed. */
void vm_free(struct vm *vm);

/* Descriptors were closed: whoever paused for lack of them goes on. */
void vm_resume(struct vm *vm);

#endif
