/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Two guests of one daemon that talk to each other: A, which connects, and B.
 * Both are on one worker, or each is on its own.
 */
#ifndef URING_VSOCK_TESTS_TWINS_H
#define URING_VSOCK_TESTS_TWINS_H

#include "system/system.h"

#define SIBLING_PORT 7000
#define TO_B 21 /* the flows' seeds */
#define TO_A 22

struct twins {
	struct scene s; /* guest A */
	struct guest b;
	struct gsock *in_a;
	struct gsock *in_b;
};

/* How many numbers of workers are to be tried; WORKERS is one of them. */
#define TWINS_WORKERS 2
#define FOR_EACH_WORKER_COUNT(w) for (unsigned w = 0; w < TWINS_WORKERS; w++)

/* Linux 6.12 and 6.1, or guests and a daemon like these. */
void twins_open(struct twins *t, int engine, unsigned workers);
void twins_open_with(struct twins *t, int engine, unsigned workers,
		     const struct daemon_config *config,
		     const struct guest_config *a,
		     const struct guest_config *b);
void twins_close(struct twins *t);

/* A port of A that was not used before. */
uint32_t twins_port(void);

/* A connects to B, with a socket of TYPE. */
void twins_meet(struct twins *t, uint16_t type);
/* Both close; returns when neither has a socket. */
void twins_part(struct twins *t);
/* LENGTH bytes in each direction, compared. */
void twins_both_ways(struct twins *t, uint64_t length);

#endif
