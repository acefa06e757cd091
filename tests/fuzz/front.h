/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A front end that says what it is told to say, right or wrong, and reads the
 * answers without looking at them. front_set_up() plays one that does
 * everything as it should.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_FRONT_H
#define URING_VSOCK_TESTS_FUZZ_FRONT_H

#include "fuzz/stage.h"
#include "protocol/wire.h"

/* Where the parts of queue I are, all in its page, and how many entries it has.
 * */
#define FRONT_ENTRIES 128u
#define FRONT_QUEUE 0x1000u
#define FRONT_AVAIL 0x800u
#define FRONT_USED 0xa00u

/* How front_set_up() may differ, in bits. */
enum {
	FRONT_EVENT_IDX = 1 << 0,
	FRONT_IMPLIED =
		1
		<< 1, /* without PROTOCOL_FEATURES: rings are enabled at once */
	FRONT_POLLED = 1 << 2,	  /* no kick and no call */
	FRONT_NO_EVENTS = 1 << 3, /* the event queue is left out */
	FRONT_NO_SEQPACKET = 1 << 4,
	FRONT_IN_ORDER = 1 << 5,
};

struct front {
	struct stage_vm *vm;
	int fd; /* -1: not connected */
	int kicks[3];
	int calls[3];
};

void front_open(struct front *front, struct stage_vm *vm);
void front_close(struct front *front);

/* Sends one message with NFDS descriptors. */
void front_say(struct front *front, uint32_t request, uint32_t flags,
	       const void *payload, uint32_t size, const int *fds,
	       unsigned nfds);
void front_say_state(struct front *front, uint32_t request, uint32_t index,
		     uint32_t num);

/* Sends bytes that need not be a message. */
void front_say_bytes(struct front *front, const void *bytes, size_t n);

/* Reads the answers and throws them away. */
void front_hear(struct front *front);

/* Does all that it takes until the rings run, from index BASE on. */
void front_set_up(struct front *front, unsigned how, uint16_t base);

/* The eventfds of queue I are there. */
void front_make_eventfds(struct front *front, unsigned i);
void front_kick(struct front *front, unsigned i);

#endif
