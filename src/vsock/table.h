/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's connections, found in one probe by the other end's CID and the
 * pair of ports. Owns no connection: whoever inserts one removes it.
 */
#ifndef URING_VSOCK_VSOCK_TABLE_H
#define URING_VSOCK_VSOCK_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "vsock/ports.h"

struct conn;

/* Connections of one guest at the most. */
#define TABLE_MAX (1u << 17)

struct table_slot {
	uint64_t ports;
	struct conn *conn; /* NULL: free */
	uint32_t cid;
	bool given; /* its port came from table_new_port() */
};

struct table {
	struct table_slot *slots; /* power of two, at most 3/4 in use */
	uint32_t capacity;
	uint32_t count;
	uint32_t found; /* the slot of what was found last, below CAPACITY */
	struct ports ports;
	uint64_t secret; /* so that a guest cannot choose collisions */
};

/* SECRET seeds the hash and the first host port: a random number. */
void table_init(struct table *table, uint64_t secret);

/* Every connection must have been removed. */
void table_free(struct table *table);

struct conn *table_find(struct table *table, uint32_t local_cid,
			uint32_t local_port, uint32_t peer_port);

/* 0, -EEXIST, -ENOMEM, or -ENOSPC at TABLE_MAX. */
int table_insert(struct table *table, struct conn *conn);

/* Also disarms its timer. The connection must be in the table. */
void table_remove(struct table *table, struct conn *conn);

/* A port of the host's that is free towards PEER_PORT and was not used lately,
 * or 0 (ports_next()). */
uint32_t table_new_port(struct table *table, uint32_t peer_port);

/* Iteration: *POS begins at 0; NULL at the end. Removing the connection that
 * was just returned makes a caller begin again at 0. */
struct conn *table_next(const struct table *table, uint32_t *pos);

#endif
