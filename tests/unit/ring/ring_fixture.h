/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For the tests of src/ring: each runs as a loop test over the engines, whose
 * number is _i. One that this machine forbids is passed over with a word.
 */
#ifndef URING_VSOCK_TESTS_RING_FIXTURE_H
#define URING_VSOCK_TESTS_RING_FIXTURE_H

#include <stdbool.h>

#include "ring/ring.h"

#define ENGINES 2

/* Longest wait for what must come, in milliseconds; nothing is measured. */
#define PATIENCE_MS 20000

/* A watch that keeps its reports. */
struct eye {
	struct ring_watch watch; /* first: the watch of a report is the eye */
	unsigned reports;
	int last; /* report */
	int all;  /* poll(2) bits of all reports */
};

extern struct ring *ring;

/* Opens the engine; false: it is not to be had here. */
bool ring_start(int number);
/* Waits until nothing is in flight, and closes it. */
void ring_stop(void);

void eye_init(struct eye *eye);
ring_done eye_sees;
/* Starts watching FD. */
void eye_open(struct eye *eye, int fd);
/* Stops, and waits until its memory is free. */
void eye_close(struct eye *eye);

/* Waits until the eye has had so many reports. */
void wait_reports(struct eye *eye, unsigned reports);
/* Waits until one of its reports had one of BITS. */
void wait_bits(struct eye *eye, int bits);
/* Takes what is there already, without waiting for more. */
void settle(void);

/* A connected pair of non-blocking stream sockets. */
void make_pair(int fds[2]);
void put(int fd, const void *bytes, unsigned n);
/* Reads until EAGAIN; returns the bytes, or -1 at the end of the stream. */
int drain(int fd);
/* Writes until EAGAIN. */
void fill(int fd);
void raise_descriptor_limit(unsigned wanted);

#endif
