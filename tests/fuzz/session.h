/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The VM that does what it likes (fuzz_session.c): steps of its front end, its
 * guest and its host programs. Each step gives the numbers in a record their
 * meaning.
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
	int programs[SESSION_PROGRAMS]; /* the host programs' sockets, or -1 */
	uint32_t asked_port; /* the port of the host program that asked last */
	uint16_t asked_type;
	uint16_t heard; /* used elements of the RX ring that were looked at */
	struct neighbour neighbour;
};

/* Sizes of what is sent, by number, up to a whole credit. */
uint32_t session_size(unsigned i);

/* Makes the descriptors before the first input; empties them after each. */
void session_open_descriptors(void);
void session_empty_descriptors(void);

/* A request; all requests of a set-up; and what stops rings. */
void session_say(struct front *front, const struct record *r);
void session_set_up(struct session *s, struct front *front,
		    const struct record *r);
void session_stop(struct front *front, const struct record *r);

/* The guest's driver: buffers, packets, answers to programs that ask, and all
 * that no driver does. */
void session_offer(struct session *s, const struct record *r);
void session_offer_event(struct session *s, const struct record *r);
void session_send(struct session *s, const struct record *r);
void session_respond(struct session *s);
void session_tamper(struct session *s, const struct record *r);
void session_tamper_ring(struct session *s, const struct record *r);

/* Shortens the file behind the guest's memory for a moment. */
void session_shrink(struct session *s, const struct record *r);

/* Host programs: one connects, one is connected to, and what they do then. */
void session_knock(struct session *s, const struct record *r);
void session_accept(struct session *s, const struct record *r);
void session_program(struct session *s, const struct record *r);

#endif
