/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's connections: found by their pair of ports in one probe, and their
 * deadlines. Owns no connection: whoever inserts one removes it.
 */
#ifndef URING_VSOCK_VSOCK_TABLE_H
#define URING_VSOCK_VSOCK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/timer.h"
#include "vsock/conn.h"

/*
 * Host ports given to connections that host programs ask for. Always five
 * digits, so that "OK <port>\n" has nine bytes: there are programs that read
 * exactly so many (systemd's ssh proxy).
 */
#define TABLE_PORT_MIN 10000u
#define TABLE_PORT_MAX 65535u

/* Connections of one guest at the most. */
#define TABLE_MAX (1u << 17)

struct table_slot {
	uint64_t key;
	struct conn *conn; /* NULL: free */
};

struct table {
	struct table_slot *slots; /* power of two, at most 3/4 in use */
	uint32_t capacity;
	uint32_t count;
	uint32_t next_port;
	uint64_t secret; /* so that a guest cannot choose collisions */
	struct timer_queue connecting; /* CONN_CONNECT_MS, _RESPONSE_MS */
	struct timer_queue closing;    /* CONN_CLOSE_MS */
	struct timer_queue probing[CONN_PROBE_STEPS];
};

/* SECRET seeds the hash and the first host port: a random number. */
void table_init(struct table *table, uint64_t secret);

/* Every connection must have been removed. */
void table_free(struct table *table);

struct conn *table_find(const struct table *table, uint32_t local_port,
			uint32_t peer_port);

/* 0, -EEXIST, -ENOMEM, or -ENOSPC at TABLE_MAX. */
int table_insert(struct table *table, struct conn *conn);

/* Also disarms its timer. The connection must be in the table. */
void table_remove(struct table *table, struct conn *conn);

/* A host port that is free towards PEER_PORT and was not used lately, or 0. */
uint32_t table_new_port(struct table *table, uint32_t peer_port);

/* Arms the deadline of the connection's state, or disarms it if it has none.
 * Call after anything that may have changed the state. */
void table_set_deadline(struct table *table, struct conn *conn,
			uint64_t now_ms);

/* One connection whose deadline has passed (and is disarmed), or NULL. */
struct conn *table_take_due(struct table *table, uint64_t now_ms);

/* When the earliest deadline is, or TIMER_NEVER. */
uint64_t table_next_deadline(const struct table *table);

/* Iteration: *POS begins at 0; NULL at the end. Removing the connection that
 * was just returned makes a caller begin again at 0. */
struct conn *table_next(const struct table *table, uint32_t *pos);

#endif
