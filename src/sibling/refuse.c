/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A refusal waits on the loop's list until the lane to the worker that asked
 * has room for it. The lanes bound how many wait. In each turn a worker first
 * empties the lanes that lead to it, and only then publishes what it asks
 * itself; and refusals are the first to go into a lane. So before a worker can
 * ask for more than one lane holds, it has made room for the refusals of what
 * it asked before.
 */
#include "sibling/refuse.h"

#include <stdlib.h>

#include "link/half.h"
#include "turn/loop.h"

void sibling_refuse(struct loop *loop, const struct half_message *ask)
{
	struct sibling_refusal *refusal = malloc(sizeof(*refusal));

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
	list_append(&loop->siblings.refusals, &refusal->node);
}

void sibling_drop_refusals(struct loop *loop)
{
	struct list *node;

	while ((node = list_take(&loop->siblings.refusals)))
		free(container_of(node, struct sibling_refusal, node));
}
