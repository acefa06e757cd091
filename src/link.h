/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A link joins a guest's connection with a host program's socket. It is the
 * only object per connection, and is freed by the sweep of its service's turn
 * once nothing refers to it.
 */
#ifndef URING_VSOCK_LINK_H
#define URING_VSOCK_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/timer.h"
#include "ring/watch.h"
#include "vsock/backlog.h"
#include "vsock/conn.h"

struct guest;

enum link_phase {
	LINK_GREETING, /* a host program's CONNECT line is awaited */
	LINK_DIALING,  /* the host program's backlog was full: tried again */
	LINK_JOINED,   /* in the guest's table */
	LINK_FLUSHING, /* forgotten by the guest, bytes for the host remain */
	LINK_DEAD,     /* socket closed; freed when the ring lets go of it */
};

#define LINK_NOT_STAGED UINT16_MAX

struct link {
	struct conn conn;
	struct guest *guest;
	struct ring_watch watch; /* of the host socket */
	struct list node;	 /* ready, greeting or dead list */
	struct timer timer;	 /* greeting or dialing */
	struct backlog backlog;
	uint64_t dial_until_ms;
	uint16_t staged;	 /* index of this turn's send, or none */
	uint8_t phase;		 /* enum link_phase */
	uint8_t burst;		 /* receive buffers to offer next time */
	bool readable;		 /* a read may find bytes or the end */
	bool hung_up;		 /* POLLHUP was seen */
	bool end_writes;	 /* shutdown(SHUT_WR) once the backlog is empty */
	bool hang_up;		 /* close once the backlog is empty */
};

#endif
