/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One VM of the configuration: the sockets by which hypervisors and host
 * programs come to it, which stay, and its guest, which belongs to the worker
 * that serves it now.
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
	struct closer *closer;	    /* of what its hypervisors hand over */
	struct closer *host_closer; /* of what host programs do */
	struct forwards forwards;
	int arrived;	     /* a front end on its way to a worker, or -1 */
	struct list node;    /* of a worker */
	struct guest *guest; /* NULL: nobody serves it */
	struct guest_counts counts; /* of the guests before this one */
	bool failed;		    /* the last vm_start() did */
	struct listener *listener;
	struct listener *messages; /* the listener on seqpacket */
};

/* Makes the sockets. 0, or -errno after an error that has been logged; either
 * way vm_close() is due. */
int vm_open(struct vm *vm, const struct vm_config *config);

/* Removes the sockets. Accepts what is all zero. */
void vm_close(struct vm *vm);

/*
 * Makes the guest, and accepts on the sockets: whoever arrived, first. By the
 * loop's thread. 0, or -errno after an error that has been logged, and
 * vm_stop() is due all the same; after vm_free() it may be tried again, of
 * which no more is logged before it succeeds.
 */
int vm_start(struct vm *vm, struct loop *loop);

/* Logs a line of what the VM does; nothing if nobody serves it. */
void vm_report(struct vm *vm);

/* Ends sessions and connections; the sockets stay. Idempotent. */
void vm_stop(struct vm *vm);

/* After vm_stop(): the ring still refers to parts of it, for a few turns. */
bool vm_busy(const struct vm *vm);

/* After vm_stop(), when it is not busy or the ring is closed. */
void vm_free(struct vm *vm);

#endif
