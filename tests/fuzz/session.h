/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The VM that does what it likes (fuzz_session.c): steps of its front end, its
 * guest and its host programs. What a record's numbers mean is each step's own.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_SESSION_H
#define URING_VSOCK_TESTS_FUZZ_SESSION_H

#include "fuzz/neighbour.h"
#include "fuzz/records.h"

#define SESSION_PROGRAMS 4

struct session {
	struct stage_vm *vm;
	struct front fronts[2];
	struct driver driver;
	int programs[SESSION_PROGRAMS]; /* host programs' ends, or -1 */
	uint32_t asked_port; /* of the host program that asked last */
	uint16_t asked_type;
	uint16_t heard; /* used elements of the RX ring */
	struct neighbour neighbour;
};

/* Sizes of what is sent, by number; up to a whole credit. */
uint32_t session_size(unsigned i);

/* Before the first input; and what an input leaves in them. */
void session_open_descriptors(void);
void session_empty_descriptors(void);

/* A request, all of a set-up, and what stops rings. */
void session_say(struct front *front, const struct record *r);
void session_set_up(struct session *s, struct front *front,
		    const struct record *r);
void session_stop(struct front *front, const struct record *r);

/* The guest's driver: buffers, packets, answers to who asks, and all that no
 * driver does. */
void session_offer(struct session *s, const struct record *r);
void session_offer_event(struct session *s, const struct record *r);
void session_send(struct session *s, const struct record *r);
void session_respond(struct session *s);
void session_tamper(struct session *s, const struct record *r);
void session_tamper_ring(struct session *s, const struct record *r);

/* The file behind the guest's memory gets shorter for a moment. */
void session_shrink(struct session *s, const struct record *r);

/* Host programs: one comes, one is called, and what they do. */
void session_knock(struct session *s, const struct record *r);
void session_accept(struct session *s, const struct record *r);
void session_program(struct session *s, const struct record *r);

#endif
