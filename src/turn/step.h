/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How far a step of a turn came: what the caller, which has others to serve,
 * goes by.
 */
#ifndef URING_VSOCK_TURN_STEP_H
#define URING_VSOCK_TURN_STEP_H

#include <stdbool.h>

enum step {
	STEP_DONE, /* nothing is left, or a report will say when it goes on */
	STEP_MORE, /* some is left, and the next turn can do it */
	STEP_FULL, /* the turn is to take no more */
	STEP_NO_BUFFER, /* the guest has no receive buffer for the rest */
};

/* Of a step that knows whether it left something for the next turn. */
static inline enum step step_left(bool some)
{
	return some ? STEP_MORE : STEP_DONE;
}

#endif
