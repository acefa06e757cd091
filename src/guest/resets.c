/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The ring is allocated only while something is owed, which is seldom with an
 * ordinary guest. An RST for which there is no memory is not sent: then the
 * guest's own time-out has to end the connection.
 */
#include "guest/resets.h"

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

static struct reset *slot(const struct resets *resets, uint32_t i)
{
	return &resets->ring[(resets->first + i) % RESETS_MAX];
}

void resets_add(struct resets *resets, const struct packet *packet)
{
	if (packet->op == PACKET_RST || resets_full(resets))
		return;
	if (!resets->ring)
		resets->ring = calloc(RESETS_MAX, sizeof(*resets->ring));
	if (!resets->ring)
		return;
	*slot(resets, resets->count++) = (struct reset){
		.local_cid = packet->dst_cid,
		.local_port = packet->dst_port,
		.peer_port = packet->src_port,
		.type = packet->type,
	};
}

static bool same_addresses(const struct reset *reset, const struct packet *p)
{
	return reset->peer_port == p->src_port &&
	       reset->local_port == p->dst_port &&
	       reset->local_cid == p->dst_cid;
}

void resets_drop(struct resets *resets, const struct packet *request)
{
	uint32_t i, kept = 0;

	for (i = 0; i < resets->count; i++) {
		const struct reset *reset = slot(resets, i);

		if (same_addresses(reset, request))
			continue;
		if (kept != i)
			*slot(resets, kept) = *reset;
		kept++;
	}
	resets->count = kept;
	if (!kept)
		resets_free(resets);
}

bool resets_take(struct resets *resets, uint32_t guest_cid, struct packet *out)
{
	const struct reset *reset;

	if (!resets->count)
		return false;
	reset = slot(resets, 0);
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
