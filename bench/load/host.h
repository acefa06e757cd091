/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Programs on the host, or at either end of socket pairs: threads that read,
 * write, ask or answer on a set of connected sockets. A thread with one socket
 * blocks in recv(2) or send(2), as a simple program does; one with more waits
 * for them with epoll.
 */
#ifndef URING_VSOCK_BENCH_HOST_H
#define URING_VSOCK_BENCH_HOST_H

#include <pthread.h>
#include <stdbool.h>

#include "latency.h"
#include "measure.h"

struct end {
	int fd;
	uint32_t seed_in; /* see frontend/flow.h; 0: contents do not matter */
	uint32_t seed_out;
};

enum job {
	JOB_READ,
	JOB_WRITE,
	JOB_ASK,    /* sends SIZE bytes, waits for as many, and so on */
	JOB_ANSWER, /* waits for SIZE bytes, sends as many, and so on */
};

struct worker {
	enum job job;
	const struct end *ends;
	unsigned count;
	size_t size;	  /* of a write or message */
	size_t read_size; /* of a recv(2) */
	struct meter meter;
	struct latency latency; /* of JOB_ASK, since the last reset */
	bool recording;		/* latencies count at present; set by others */
	pthread_t thread;
};

/* Runs until the process ends. The ends stay the caller's. */
void worker_start(struct worker *w, enum job job, const struct end *ends,
		  unsigned count, size_t size);

#endif
