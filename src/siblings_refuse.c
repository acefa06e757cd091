/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How many wait is bounded by the lanes. A worker that asks reads what comes to
 * it before it publishes what it asks, and so there is no more to refuse than
 * a lane holds until the refusals' own lane has been emptied, into which they
 * go first.
 */
#include "siblings_refuse.h"

#include <stdlib.h>

#include "half.h"
#include "loop.h"

void siblings_refuse(struct loop *loop, const struct half_message *ask)
{
	struct siblings_refusal *refusal = malloc(sizeof(*refusal));

	if (!refusal)
		return;
	refusal->m = (struct half_message){
		.from = ask->to,
		.to = ask->from,
		.from_port = ask->to_port,
		.to_port = ask->from_port,
		.id = ask->id,
		.type = ask->type,
		.facts = HALF_RESETS,
	};
	list_init(&refusal->node);
	list_append(&loop->refusals, &refusal->node);
}

void siblings_drop_refusals(struct loop *loop)
{
	struct list *node;

	while ((node = list_take(&loop->refusals)))
		free(container_of(node, struct siblings_refusal, node));
}
