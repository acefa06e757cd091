/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The ring is there only while something is owed, which with an ordinary guest
 * is seldom. A reset that finds no memory is dropped: the guest's own time-out
 * has to do for it then.
 */
#include "resets.h"

#include <stdlib.h>

#include "vsock/packet.h"

void resets_init(struct resets *resets)
{
	*resets = (struct resets){ .ring = NULL };
}

void resets_free(struct resets *resets)
{
	free(resets->ring);
	resets_init(resets);
}

void resets_add(struct resets *resets, const struct packet *packet)
{
	if (packet->op == PACKET_RST || resets_full(resets))
		return;
	if (!resets->ring)
		resets->ring = calloc(RESETS_MAX, sizeof(*resets->ring));
	if (!resets->ring)
		return;
	resets->ring[(resets->first + resets->count++) % RESETS_MAX] =
		(struct reset){
			.local_cid = packet->dst_cid,
			.local_port = packet->dst_port,
			.peer_port = packet->src_port,
			.type = packet->type,
		};
}

bool resets_take(struct resets *resets, uint32_t guest_cid, struct packet *out)
{
	const struct reset *reset;

	if (!resets->count)
		return false;
	reset = &resets->ring[resets->first];
	*out = (struct packet){
		.op = PACKET_RST,
		.type = reset->type,
		.src_cid = reset->local_cid,
		.dst_cid = guest_cid,
		.src_port = reset->local_port,
		.dst_port = reset->peer_port,
	};
	resets->first = (resets->first + 1) % RESETS_MAX;
	if (!--resets->count)
		resets_free(resets);
	return true;
}
