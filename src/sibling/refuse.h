/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Refusals of connections between guests. The guest that was asked does not get
 * to know of them, and may not even be served by the worker that refuses for
 * it. So a refusal belongs to the worker, not to a guest, and waits in its loop
 * until it is told (tell.h).
 */
#ifndef URING_VSOCK_SIBLING_REFUSE_H
#define URING_VSOCK_SIBLING_REFUSE_H

#include "base/list.h"
#include "link/half_message.h"

struct loop;

struct sibling_refusal {
	struct list node;      /* of the loop's refusals */
	struct half_message m; /* to the half that asked */
};

/* ASK, a message with HALF_ASKS, is to be answered by HALF_RESETS. Where there
 * is no memory it gets no answer: then the asking half's deadline refuses. */
void sibling_refuse(struct loop *loop, const struct half_message *ask);

/* Forgets all refusals that were not told. */
void sibling_drop_refusals(struct loop *loop);

#endif
