/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>

#include "base/check.h"
#include "fuzz/lack.h"
#include "fuzz/parts.h"
#include "vsock/conn.h"
#include "vsock/packet.h"
#include "vsock/table.h"

#define CONNS 4096u
#define PEERS 4u
#define PORTS 65536u

static const uint32_t cids[] = { PACKET_HOST_CID, 3, UINT32_MAX - 1 };

static struct table table;
static struct conn pool[CONNS];
static struct conn *unused[CONNS]; /* the first CONNS - COUNT */
static struct conn *inside[CONNS]; /* the first COUNT, in any order */
static unsigned count;
static struct conn *known[ARRAY_SIZE(cids)][PEERS][PORTS];
static uint16_t users[PORTS]; /* connections with a port that was given */
static bool ever_lacked;

void table_begin(void)
{
	table_init(&table, 0x5a5a1234abcdef01u);
	for (unsigned i = 0; i < CONNS; i++)
		unused[i] = &pool[i];
	count = 0;
	ever_lacked = false;
}

static unsigned cid_index(const struct conn *conn)
{
	unsigned i = 0;

	while (i < ARRAY_SIZE(cids) - 1 && cids[i] != conn->local_cid)
		i++;
	return i;
}

static struct conn **place_of(const struct conn *conn)
{
	return &known[cid_index(conn)][conn->peer_port % PEERS]
		     [conn->local_port];
}

static struct conn *find(const struct conn *like)
{
	return table_find(&table, like->local_cid, like->local_port,
			  like->peer_port);
}

static bool was_given(const struct conn *conn)
{
	return conn->state == CONN_GUEST_PENDING &&
	       conn->local_cid == PACKET_HOST_CID &&
	       conn->local_port >= PORTS_MIN;
}

static void check_size(void)
{
	fuzz_check(table.count == count);
	fuzz_check(count <= table.capacity / 4 * 3);
	if (!ever_lacked)
		fuzz_check(!table.ports.map == (table.capacity < PORTS_TRIES));
}

/* The connection after the last one in use; the caller has filled it in. */
static int insert(struct conn *conn, uint8_t lack)
{
	struct conn **place = place_of(conn);
	uint32_t capacity = table.capacity;
	bool refused;
	int rc;

	lack_begins(lack);
	rc = table_insert(&table, conn);
	refused = lack_ends();
	ever_lacked |= refused;
	if (rc == -ENOMEM)
		fuzz_check(refused && table.capacity == capacity);
	else
		fuzz_check(rc == (*place ? -EEXIST : 0));
	if (!rc) {
		*place = conn;
		users[conn->local_port] += was_given(conn);
		inside[count++] = conn;
	}
	if (rc != -ENOMEM)
		fuzz_check(find(conn) == *place);
	check_size();
	return rc;
}

/* One from the guest, to the port D of CID A, from its port B; or of the same
 * addresses, as if a host program had asked, with A's highest bit. */
void table_inserts(const struct record *r)
{
	struct packet request = {
		.op = PACKET_REQUEST,
		.type = PACKET_STREAM,
		.dst_cid = cids[r->a % ARRAY_SIZE(cids)],
		.dst_port = r->d,
		.src_port = r->b % PEERS,
	};
	struct conn *conn;

	if (count == CONNS)
		return;
	conn = unused[CONNS - count - 1];
	if (r->a >= 0x80)
		conn_init_from_host(conn, PACKET_STREAM, r->d, request.src_port,
				    0);
	else
		conn_init_from_guest(conn, &request, 0);
	insert(conn, r->c);
}

/* D connections and one more, or 1,024, that host programs ask for. */
void table_gives(const struct record *r)
{
	uint32_t peer = r->b % PEERS;

	for (unsigned n = 0; n <= part_times(r->d, 1023) && count < CONNS;
	     n++) {
		uint32_t port = table_new_port(&table, peer);
		struct conn *conn = unused[CONNS - count - 1];

		fuzz_check(port || count >= PORTS_TRIES_MAPPED);
		if (!port)
			break;
		fuzz_check(port >= PORTS_MIN && port <= PORTS_MAX);
		fuzz_check(!known[0][peer][port]);
		conn_init_from_host(conn, PACKET_STREAM, port, peer, 0);
		if (insert(conn, r->c))
			break;
	}
}

static void remove_at(unsigned i, uint8_t lack)
{
	struct conn *conn = inside[i];

	*place_of(conn) = NULL;
	users[conn->local_port] -= was_given(conn);
	lack_begins(lack);
	table_remove(&table, conn);
	ever_lacked |= lack_ends();
	fuzz_check(!find(conn));
	inside[i] = inside[--count];
	unused[CONNS - count - 1] = conn;
	check_size();
}

/* E connections and one more, or all, from the one at D on. */
void table_removes(const struct record *r)
{
	for (unsigned n = 0; n <= part_times(r->e, CONNS) && count; n++)
		remove_at(r->d % count, r->c);
}

/* No port stays on the map that no connection has. */
FUZZ_MODEL static void check_map(void)
{
	for (uint32_t i = 0; table.ports.map && i < PORTS_COUNT; i++)
		if (table.ports.map[i / 64] >> i % 64 & 1)
			fuzz_check(users[PORTS_MIN + i]);
}

/* The walk meets each connection once. */
void table_walks(const struct record *r)
{
	static uint8_t met[CONNS];
	uint32_t pos = 0;
	struct conn *conn;
	unsigned n = 0;

	(void)r;
	memset(met, 0, sizeof(met));
	while ((conn = table_next(&table, &pos)) != NULL) {
		fuzz_check(*place_of(conn) == conn && !met[conn - pool]);
		met[conn - pool] = 1;
		n++;
	}
	fuzz_check(n == count);
	check_map();
}

void table_end(void)
{
	check_map();
	while (count)
		remove_at(count - 1, 0);
	table_free(&table);
}
