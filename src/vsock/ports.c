/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Ports are given in turn, so that those of many connections lie side by side.
 * A search that met the first of them would ask about all. So the map is looked
 * through first, 64 ports at a time. A port that is free in the map is free
 * towards each port of the guest, unless the guest itself has asked for that
 * pair.
 *
 * When every port is in use, a port may still be free towards this port of the
 * guest. Such ports are tried here and there, since the neighbours of a taken
 * port are probably taken as well.
 */
#include "vsock/ports.h"

#include <stdlib.h>

#include "base/check.h"

#define BITS 64u
#define WORDS ((PORTS_COUNT + BITS - 1) / BITS)

/* Coprime with PORTS_COUNT, so that it leads to every port. */
#define STRIDE 34319u

void ports_init(struct ports *ports, uint64_t secret)
{
	*ports = (struct ports){
		.next = PORTS_MIN + (uint32_t)(secret % PORTS_COUNT),
	};
}

/* Bits behind the last port are used for good. */
void ports_keep_map(struct ports *ports, bool keep)
{
	free(ports->map);
	ports->map = keep ? calloc(WORDS, sizeof(*ports->map)) : NULL;
	if (ports->map && PORTS_COUNT % BITS)
		ports->map[WORDS - 1] = UINT64_MAX << PORTS_COUNT % BITS;
}

static uint64_t bit_of(uint32_t port)
{
	return UINT64_C(1) << (port - PORTS_MIN) % BITS;
}

void ports_use(struct ports *ports, uint32_t port)
{
	debug_assert(port >= PORTS_MIN && port <= PORTS_MAX);
	if (ports->map)
		ports->map[(port - PORTS_MIN) / BITS] |= bit_of(port);
}

void ports_leave(struct ports *ports, uint32_t port)
{
	debug_assert(port >= PORTS_MIN && port <= PORTS_MAX);
	if (ports->map)
		ports->map[(port - PORTS_MIN) / BITS] &= ~bit_of(port);
}

/* PORT, or the first behind it that the map says is free; 0: none is. */
static uint32_t first_free(const struct ports *ports, uint32_t port)
{
	uint32_t word = (port - PORTS_MIN) / BITS;
	uint64_t used = ports->map[word] | (bit_of(port) - 1);

	/* The first word once more in the end, for what is before PORT. */
	for (uint32_t i = 0; i <= WORDS; i++) {
		if (used != UINT64_MAX)
			return PORTS_MIN + word * BITS +
			       (uint32_t)__builtin_ctzll(~used);
		word = (word + 1) % WORDS;
		used = ports->map[word];
	}
	return 0;
}

enum search { IN_TURN, BY_MAP, HERE_AND_THERE };

/* The next one to ask about. */
static uint32_t candidate(struct ports *ports, enum search *search)
{
	uint32_t port = 0;
	uint32_t step;

	if (*search == BY_MAP)
		port = first_free(ports, ports->next);
	if (*search == BY_MAP && !port)
		*search = HERE_AND_THERE;
	if (!port)
		port = ports->next;
	step = *search == HERE_AND_THERE ? STRIDE : 1;
	ports->next = PORTS_MIN + (port - PORTS_MIN + step) % PORTS_COUNT;
	return port;
}

uint32_t ports_next(struct ports *ports, ports_taken *taken, const void *owner,
		    uint32_t peer_port)
{
	uint32_t tries = ports->map ? PORTS_TRIES_MAPPED : PORTS_TRIES;
	enum search search = ports->map ? BY_MAP : IN_TURN;
	uint32_t port;

	while (tries--) {
		port = candidate(ports, &search);
		if (!taken(owner, peer_port, port))
			return port;
	}
	return 0;
}
