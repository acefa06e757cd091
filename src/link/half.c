/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "link/half.h"

#include <stdlib.h>

#include "guest/guest.h"
#include "turn/loop.h"

/* Facts that the half that asks may tell before it has an answer. */
#define OF_REQUEST (HALF_ASKS | HALF_GRANTS | HALF_ASKS_CREDIT)

void half_init(struct half *half, struct switch_vm *other, uint64_t id)
{
	half->other = other;
	half->id = id;
	list_init(&half->telling);
	parcels_init(&half->inbox);
	parcels_init(&half->outbox);
}

void half_free(struct half *half)
{
	list_remove(&half->telling);
	parcels_free(&half->inbox);
	parcels_free(&half->outbox);
}

bool half_keep_ask(struct guest *guest, struct half *half,
		   const struct half_message *ask)
{
	if (!half->ask) {
		half->ask = malloc(sizeof(*half->ask));
		if (!half->ask)
			return false;
		list_init(&half->ask->node);
		guest->siblings.asked++;
	}
	half->ask->m = *ask;
	half->ask->m.facts &= OF_REQUEST;
	half->ask->m.len = 0;
	half->ask->m.flags = 0;
	return true;
}

/* Takes the request that waits at HALF, or NULL. */
static struct half_ask *take_from(struct guest *guest, struct half *half)
{
	struct half_ask *ask = half->ask;

	if (!ask)
		return NULL;
	half->ask = NULL;
	guest->siblings.asked--;
	return ask;
}

void half_note_ask(struct guest *guest, struct half *half,
		   const struct half_message *m)
{
	struct half_ask *ask = half->ask;

	if (!ask || ask->m.id != m->id)
		return;
	if (m->facts & (HALF_RESETS | HALF_FINISHES)) {
		free(take_from(guest, half));
		return;
	}
	ask->m.buf_alloc = m->buf_alloc;
	ask->m.fwd_cnt = m->fwd_cnt;
	ask->m.facts |= m->facts & OF_REQUEST;
}

void half_release_ask(struct guest *guest, struct half *half)
{
	struct half_ask *ask = take_from(guest, half);

	if (!ask)
		return;
	list_append(&guest->loop->siblings.asks, &ask->node);
	guest_wake(guest);
}

static struct half_ask *take_first(struct loop *loop)
{
	struct list *node = list_take(&loop->siblings.asks);

	return node ? container_of(node, struct half_ask, node) : NULL;
}

bool half_next_ask(struct loop *loop, struct half_message *ask)
{
	struct half_ask *first = take_first(loop);

	if (!first)
		return false;
	*ask = first->m;
	free(first);
	return true;
}

void half_drop_asks(struct loop *loop)
{
	struct half_ask *ask;

	while ((ask = take_first(loop)))
		free(ask);
}
