/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The ports of the host's own AF_VSOCK that lead into one guest
 * (forward-listen).
 */
#ifndef URING_VSOCK_HOST_FORWARDS_H
#define URING_VSOCK_HOST_FORWARDS_H

#include <stdbool.h>

struct forward;
struct guest;
struct vm_config;

/* All zero: none. */
struct forwards {
	struct forward *list;
	unsigned count;
};

/* Listens on each port that CONFIG names. 0, or -errno after an error that has
 * been logged; forwards_close() is due either way. */
int forwards_open(struct forwards *f, const struct vm_config *config);

/* Closes the sockets. Accepts what is all zero. */
void forwards_close(struct forwards *f);

/* Leads the programs that connect into GUEST. By its loop's thread. 0, or
 * -errno, and forwards_stop() is due. */
int forwards_start(struct forwards *f, struct guest *guest);

/* Accepts no more; the sockets stay open. Idempotent. */
void forwards_stop(struct forwards *f);

/* After forwards_stop(): the ring still refers to one of the listeners. */
bool forwards_busy(const struct forwards *f);

/* After forwards_stop(), when no listener is busy or the ring is closed: frees
 * the listeners. forwards_start() may follow. */
void forwards_free(struct forwards *f);

#endif
