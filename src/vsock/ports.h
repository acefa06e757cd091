/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Host ports for connections that host programs ask for: each in its turn, so
 * that none is used again soon, and found in bounded time however many are in
 * use.
 */
#ifndef URING_VSOCK_VSOCK_PORTS_H
#define URING_VSOCK_VSOCK_PORTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Always five digits, so that "OK <port>\n" has nine bytes: there are programs
 * that read exactly so many (systemd's ssh proxy).
 */
#define PORTS_MIN 10000u
#define PORTS_MAX 65535u
#define PORTS_COUNT (PORTS_MAX - PORTS_MIN + 1)

/* Ports that one ports_next() asks about at the most. The first number is for a
 * search with a map, the second for one without. */
#define PORTS_TRIES_MAPPED 128u
#define PORTS_TRIES 2048u

struct ports {
	uint32_t next; /* to look at */
	uint64_t *map; /* NULL, or a bit for each port: 1 if it is in use */
};

/* Whether OWNER uses PORT towards PEER_PORT, so that it may not be given. */
typedef bool ports_taken(const void *owner, uint32_t peer_port, uint32_t port);

/* SECRET chooses the first port. */
void ports_init(struct ports *ports, uint64_t secret);

/*
 * Keeps a map from now on, of 7 KiB, or none any more (which needs no memory);
 * a map begins empty. Below PORTS_TRIES connections there is no need for one.
 * On lack of memory there is none, and crowded ports may be missed.
 */
void ports_keep_map(struct ports *ports, bool keep);

/* PORT, PORTS_MIN to PORTS_MAX, is in use, or is not any more. Of two users of
 * a port the first that leaves takes it off the map. */
void ports_use(struct ports *ports, uint32_t port);
void ports_leave(struct ports *ports, uint32_t port);

/*
 * A port that is not TAKEN towards PEER_PORT and was not given lately, or 0.
 * One that nobody uses comes first. Where all are in use and most of them
 * towards PEER_PORT, 0 may come although there is one.
 */
uint32_t ports_next(struct ports *ports, ports_taken *taken, const void *owner,
		    uint32_t peer_port);

#endif
