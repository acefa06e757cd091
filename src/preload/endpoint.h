/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What an AF_VSOCK socket is, beside the Unix socket that carries it.  All
 * descriptors that dup() made of each other share one endpoint.
 */
#ifndef URING_VSOCK_PRELOAD_ENDPOINT_H
#define URING_VSOCK_PRELOAD_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/address.h"
#include "preload/vms.h"

/* How long connect() waits if the program does not say: microseconds, as in
 * net/vmw_vsock/af_vsock.c. */
#define ENDPOINT_CONNECT_TIMEOUT 2000000

enum endpoint_state {
	ENDPOINT_IDLE,	     /* new or bound */
	ENDPOINT_BINDING,    /* a thread is in bind() */
	ENDPOINT_CONNECTING, /* or in connect() */
	ENDPOINT_CONNECTED,
	ENDPOINT_LISTENING,
};

/*
 * A listener for several VMs: the program's descriptor is an epoll that
 * watches these listening sockets, one for each VM.
 */
struct fan {
	unsigned int count;
	int fd[VMS_MAX];
};

struct endpoint {
	unsigned int fds; /* that refer to it; the table counts */
	int type;	  /* SOCK_STREAM, SOCK_SEQPACKET */
	enum endpoint_state state;
	struct vm_address local, remote;
	bool claimed;	 /* the files of local.port are bound by us */
	struct fan *fan; /* or NULL */
	uint64_t buffer_size, buffer_min, buffer_max; /* bytes */
	int64_t connect_timeout;		      /* microseconds */
	struct endpoint *next_free;
};

/* As socket() makes it. */
void endpoint_init(struct endpoint *endpoint, int type);
bool endpoint_bound(const struct endpoint *endpoint);

/* Memory for an endpoint, from mmap(), never returned to it; NULL without
 * memory.  With the lock. */
struct endpoint *endpoint_new(void);
void endpoint_free(struct endpoint *endpoint);

#endif
