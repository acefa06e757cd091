/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Addresses of a guest's connections that ended lately.
 *
 * A connection ends by an RST of one side or the other. Packets that the guest
 * sent before it saw our RST, or that its program caused after the guest's
 * kernel had sent an RST, still come, although the guest has no such connection
 * any more. An RST in answer to one of them would reach nobody, or would end
 * the guest's next connection from the same port. So packets with these
 * addresses are not answered.
 *
 * The guest decides how many connections end, so the memory is bounded: where
 * there is no room, what ended first is forgotten first. The worst that
 * forgetting does is an RST too many.
 */
#ifndef URING_VSOCK_VSOCK_ENDED_H
#define URING_VSOCK_VSOCK_ENDED_H

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct packet;

/* A program may keep a socket whose connection has ended for as long as it
 * likes before it closes it, but few keep it longer than this. */
#define ENDED_S 60

/* Connections that are remembered at the most. */
#define ENDED_MAX 1024

struct ended_set;

struct ended {
	struct ended_set *sets; /* NULL: none ended so far */
	uint32_t nsets;		/* a power of two */
};

void ended_init(struct ended *ended);

/* Forgets all of them: to be called when another driver has the device. */
void ended_free(struct ended *ended);

/* CONN has ended, and its guest knows or will be told. NOW_MS: clock_ms().
 * Without memory it is not remembered. */
void ended_add(struct ended *ended, const struct conn *conn, uint64_t now_ms);

/* A connection with CONN's addresses begins. True: another connection with
 * these addresses had ended, as far as is remembered. */
bool ended_forget(struct ended *ended, const struct conn *conn);

/* Whether PACKET, which came from the guest, belongs to a connection that ended
 * lately. */
bool ended_has(const struct ended *ended, const struct packet *packet,
	       uint64_t now_ms);

#endif
