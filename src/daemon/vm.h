/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One VM of the configuration: the sockets on which hypervisors and host programs
 * connect, which stay, and the guest, which belongs to the worker that serves the
 * VM now.
 */
#ifndef URING_VSOCK_DAEMON_VM_H
#define URING_VSOCK_DAEMON_VM_H

#include <stdbool.h>

#include "base/list.h"
#include "guest/guest.h"
#include "host/forwards.h"
#include "host/unix_socket.h"

struct closer;
struct listener;
struct loop;
struct vm_config;

struct vm {
	const struct vm_config *config;
	struct unix_socket front;     /* vhost-user */
	struct unix_socket host;      /* <uds-path> */
	struct unix_socket seqpacket; /* <uds-path>_seqpacket, if offered */
	char *seqpacket_path;
	struct closer *closer;	    /* of hypervisors' descriptors */
	struct closer *host_closer; /* of host programs' descriptors */
	struct forwards forwards;
	int arrived;	     /* a front end's connection by --fd, or -1 */
	struct list node;    /* on one of a worker's lists */
	struct guest *guest; /* NULL: no worker serves the VM */
	struct guest_counts counts; /* of the guests before this one */
	bool failed;		    /* the last vm_start() failed */
	struct listener *listener;
	struct listener *messages; /* the listener on seqpacket */
};

/* Makes the sockets. 0, or -errno after an error that has been logged; either
 * way vm_close() is due. */
int vm_open(struct vm *vm, const struct vm_config *config);

/* Removes the sockets. Accepts a VM that is all zero. */
void vm_close(struct vm *vm);

/*
 * Makes the guest, and accepts on the sockets. By the loop's thread. 0, or -errno
 * after an error that has been logged, and vm_stop() is due all the same. After
 * vm_free() it may be tried again; further failures are not logged, only the
 * success is.
 */
int vm_start(struct vm *vm, struct loop *loop);

/* Logs a line of what the VM does, if a worker serves it. */
void vm_report(struct vm *vm);

/* Ends sessions and connections; the sockets stay. Idempotent. */
void vm_stop(struct vm *vm);

/* After vm_stop(): the ring still refers to parts of the VM, for a few turns. */
bool vm_busy(const struct vm *vm);

/* Frees the guest: after vm_stop(), when the VM is not busy or the ring is
 * closed. */
void vm_free(struct vm *vm);

#endif
