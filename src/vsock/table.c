/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Open addressing with linear probing: the key lies in the slot, so a lookup
 * costs one cache line and the connection itself is touched only when found.
 * Removal moves later entries back, so that there are no tombstones.
 */
#include "vsock/table.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/check.h"
#include "vsock/conn.h"
#include "vsock/packet.h"

#define CAPACITY_MIN 16u

static uint64_t pair_of(uint32_t local_port, uint32_t peer_port)
{
	/* clang 14's analyzer takes a port that it knows for 32 bits wide. */
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
	return (uint64_t)local_port << 32 | peer_port;
}

/* A keyed mix whose multiplications spread every bit of the key upwards. */
static uint32_t home_slot(const struct table *table, uint64_t ports,
			  uint32_t cid)
{
	uint64_t key = ports ^ table->secret;

	key *= 0x9e3779b97f4a7c15u;
	key ^= key >> 32;
	key += cid;
	key *= table->secret | 1;
	key ^= key >> 29;
	return (uint32_t)key & (table->capacity - 1);
}

void table_init(struct table *table, uint64_t secret)
{
	*table = (struct table){ .secret = secret };
	ports_init(&table->ports, secret);
}

void table_free(struct table *table)
{
	debug_assert(!table->count);
	ports_keep_map(&table->ports, false);
	free(table->slots);
	table->slots = NULL;
	table->capacity = 0;
}

/* The slot of this connection, or the free one where it belongs. */
static struct table_slot *probe(const struct table *table, uint64_t ports,
				uint32_t cid)
{
	uint32_t i = home_slot(table, ports, cid);

	while (table->slots[i].conn &&
	       (table->slots[i].ports != ports || table->slots[i].cid != cid))
		i = (i + 1) & (table->capacity - 1);
	return &table->slots[i];
}

static struct table_slot *probe_conn(const struct table *table,
				     const struct conn *conn)
{
	return probe(table, pair_of(conn->local_port, conn->peer_port),
		     conn->local_cid);
}

/* Packets of a connection mostly come in runs, so that it is looked for first
 * where the last one was found. */
struct conn *table_find(struct table *table, uint32_t local_cid,
			uint32_t local_port, uint32_t peer_port)
{
	uint64_t ports = pair_of(local_port, peer_port);
	struct table_slot *slot;

	if (!table->count)
		return NULL;
	slot = &table->slots[table->found];
	if (slot->ports != ports || slot->cid != local_cid || !slot->conn) {
		slot = probe(table, ports, local_cid);
		table->found = (uint32_t)(slot - table->slots);
	}
	return slot->conn;
}

/* The map of ports is made or dropped as the table grows or shrinks, when all
 * of the table is gone through anyway. */
static void map_ports(struct table *table)
{
	bool crowded = table->capacity >= PORTS_TRIES;
	uint32_t i;

	if (crowded == !!table->ports.map)
		return;
	ports_keep_map(&table->ports, crowded);
	for (i = 0; crowded && i < table->capacity; i++)
		if (table->slots[i].given)
			ports_use(&table->ports,
				  (uint32_t)(table->slots[i].ports >> 32));
}

static int resize(struct table *table, uint32_t capacity)
{
	struct table bigger = *table;
	uint32_t i;

	bigger.slots = calloc(capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	bigger.capacity = capacity;
	for (i = 0; i < table->capacity; i++)
		if (table->slots[i].conn)
			*probe(&bigger, table->slots[i].ports,
			       table->slots[i].cid) = table->slots[i];
	free(table->slots);
	table->slots = bigger.slots;
	table->capacity = capacity;
	table->found = 0;
	map_ports(table);
	return 0;
}

/* Whether CONN is one that a host program asks for, and so has a port that
 * table_new_port() gave. */
static bool is_given(const struct conn *conn)
{
	return conn->state == CONN_GUEST_PENDING &&
	       conn->local_cid == PACKET_HOST_CID &&
	       conn->local_port >= PORTS_MIN && conn->local_port <= PORTS_MAX;
}

int table_insert(struct table *table, struct conn *conn)
{
	struct table_slot *slot;
	int err;

	if (table->count >= TABLE_MAX)
		return -ENOSPC;
	if (table->count >= table->capacity / 4 * 3) {
		err = resize(table, table->capacity ? table->capacity * 2
						    : CAPACITY_MIN);
		if (err)
			return err;
	}
	slot = probe_conn(table, conn);
	if (slot->conn)
		return -EEXIST;
	*slot = (struct table_slot){
		.ports = pair_of(conn->local_port, conn->peer_port),
		.conn = conn,
		.cid = conn->local_cid,
		.given = is_given(conn),
	};
	if (slot->given)
		ports_use(&table->ports, conn->local_port);
	table->count++;
	return 0;
}

/* Whether entry I may move back to GAP: it may not if its home lies behind
 * that. */
static bool may_fill(const struct table *table, uint32_t gap, uint32_t i)
{
	uint32_t mask = table->capacity - 1;
	uint32_t home =
		home_slot(table, table->slots[i].ports, table->slots[i].cid);

	return ((i - home) & mask) >= ((i - gap) & mask);
}

static void close_gap(struct table *table, uint32_t gap)
{
	uint32_t mask = table->capacity - 1;
	uint32_t i;

	for (i = (gap + 1) & mask; table->slots[i].conn; i = (i + 1) & mask) {
		if (!may_fill(table, gap, i))
			continue;
		table->slots[gap] = table->slots[i];
		gap = i;
	}
	table->slots[gap].conn = NULL;
	table->slots[gap].given = false;
}

void table_remove(struct table *table, struct conn *conn)
{
	struct table_slot *slot = probe_conn(table, conn);

	debug_assert(slot->conn == conn);
	timer_disarm(&conn->timer);
	conn->deadline = CONN_NO_DEADLINE;
	if (slot->given)
		ports_leave(&table->ports, conn->local_port);
	close_gap(table, (uint32_t)(slot - table->slots));
	table->count--;
	/* Memory is given back after a peak, but some is kept for the next. */
	if (table->capacity > CAPACITY_MIN &&
	    table->count < table->capacity / 16)
		resize(table, max_u32(table->capacity / 4, CAPACITY_MIN));
}

static bool is_taken(const void *owner, uint32_t peer_port, uint32_t port)
{
	const struct table *table = owner;

	return table->count &&
	       probe(table, pair_of(port, peer_port), PACKET_HOST_CID)->conn;
}

uint32_t table_new_port(struct table *table, uint32_t peer_port)
{
	return ports_next(&table->ports, is_taken, table, peer_port);
}

struct conn *table_next(const struct table *table, uint32_t *pos)
{
	while (*pos < table->capacity) {
		struct conn *conn = table->slots[(*pos)++].conn;

		if (conn)
			return conn;
	}
	return NULL;
}
