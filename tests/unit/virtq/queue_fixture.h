/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* For the tests of src/virtq/virtq: a guest and one queue of it. */
#ifndef URING_VSOCK_TESTS_QUEUE_FIXTURE_H
#define URING_VSOCK_TESTS_QUEUE_FIXTURE_H

#include "unit/virtq/virtq_fixture.h"

#define BUF 0 /* where its buffers are */

extern struct guest guest;
extern struct ring driver; /* the driver's view */
extern struct virtq q;	   /* the device's, of the same */
extern struct chain chain;
extern struct iovec iov[VIRTQ_CHAIN_MAX];
extern const char *why;

/* Around each test. */
void set_up(void);
void tear_down(void);

/* A started queue whose every descriptor is a chain of one 64-byte buffer. */
void start(uint16_t size, uint16_t base, bool event_idx);

/* The next chain, into chain and iov. */
int take(void);

/* One entry all the way; what publish said. */
bool one(void);

#endif
