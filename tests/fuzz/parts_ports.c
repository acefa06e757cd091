/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/lack.h"
#include "fuzz/parts.h"
#include "vsock/ports.h"

#define PEERS 4u

static struct ports ports;
static uint8_t used[PORTS_COUNT];	  /* as the map has it */
static uint8_t taken[PEERS][PORTS_COUNT]; /* what the callback says */
static uint32_t next; /* less PORTS_MIN, as all ports here */
static unsigned asked;

void all_ports_begin(void)
{
	memset(used, 0, sizeof(used));
	memset(taken, 0, sizeof(taken));
	ports_init(&ports, 12345);
	next = ports.next - PORTS_MIN;
	fuzz_check(next < PORTS_COUNT);
}

void all_ports_end(void)
{
	ports_keep_map(&ports, false);
}

static bool is_taken(const void *owner, uint32_t peer, uint32_t port)
{
	fuzz_check(owner == taken && port >= PORTS_MIN && port <= PORTS_MAX);
	asked++;
	return taken[peer][port - PORTS_MIN];
}

/* The first port that is free in the map and towards PEER, if that comes within
 * TRIES ports that are free in the map; else 0. *ANY: the map is full. */
FUZZ_MODEL static uint32_t model_port(unsigned peer, unsigned tries, bool *any)
{
	*any = true;
	for (uint32_t i = 0; i < PORTS_COUNT && tries; i++) {
		uint32_t port = (next + i) % PORTS_COUNT;

		if (ports.map && used[port])
			continue;
		*any = false;
		if (!taken[peer][port]) {
			next = (port + 1) % PORTS_COUNT;
			return PORTS_MIN + port;
		}
		tries--;
	}
	return 0;
}

/* B ports and one more towards the peer A; they are used from then on. */
void ports_asks(const struct record *r)
{
	unsigned peer = r->a % PEERS;
	unsigned tries = ports.map ? PORTS_TRIES_MAPPED : PORTS_TRIES;

	for (unsigned n = 0; n <= r->b; n++) {
		bool any;
		uint32_t port, expected = model_port(peer, tries, &any);

		asked = 0;
		port = ports_next(&ports, is_taken, taken, peer);
		fuzz_check(asked <= tries && (any || port == expected));
		if (any || !port)
			next = ports.next - PORTS_MIN;
		if (!port)
			break;
		fuzz_check(port >= PORTS_MIN && port <= PORTS_MAX);
		fuzz_check(!taken[peer][port - PORTS_MIN]);
		taken[peer][port - PORTS_MIN] = 1;
		used[port - PORTS_MIN] = 1;
		ports_use(&ports, port);
	}
	fuzz_check(next == ports.next - PORTS_MIN);
}

/* E ports and one more, or all, from the port D on. */
FUZZ_MODEL static void each_port(const struct record *r,
				 void act(uint32_t port))
{
	uint32_t times = part_times(r->e, PORTS_COUNT - 1);

	for (uint32_t i = 0; i <= times; i++)
		act((r->d + i) % PORTS_COUNT);
}

static void use(uint32_t port)
{
	used[port] = 1;
	ports_use(&ports, PORTS_MIN + port);
}

static void leave(uint32_t port)
{
	used[port] = 0;
	for (unsigned i = 0; i < PEERS; i++)
		taken[i][port] = 0;
	ports_leave(&ports, PORTS_MIN + port);
}

void ports_uses(const struct record *r)
{
	each_port(r, use);
}

void ports_leaves(const struct record *r)
{
	each_port(r, leave);
}

/* The guest itself has asked for these pairs: the map does not know. */
void ports_takes(const struct record *r)
{
	uint32_t times = part_times(r->e, PORTS_COUNT - 1);

	for (uint32_t i = 0; i <= times; i++)
		taken[r->a % PEERS][(r->d + i) % PORTS_COUNT] = 1;
}

void ports_maps(const struct record *r)
{
	bool refused;

	lack_begins(r->c);
	ports_keep_map(&ports, r->a & 1);
	refused = lack_ends();
	fuzz_check(!ports.map == (refused || !(r->a & 1)));
	memset(used, 0, sizeof(used));
}
