/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Host programs that live for one message: they connect to a port of the guest,
 * send a message, wait for as much, and close. Each dialer is a thread that does
 * this again and again.
 */
#ifndef URING_VSOCK_BENCH_DIALER_H
#define URING_VSOCK_BENCH_DIALER_H

#include <pthread.h>
#include <stdbool.h>

#include "latency.h"
#include "measure.h"
#include "reach.h"

struct dialer {
	struct reach reach;
	unsigned port;
	size_t size;
	struct meter meter;
	struct latency latency; /* from connect to close */
	bool recording;
	pthread_t thread;
};

/* Runs until the process ends. */
void dialer_start(struct dialer *d, struct reach reach, unsigned port,
		  size_t size);

#endif
