/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A call that waits, on a descriptor that another thread may close meanwhile
 * and whose number may come back for another file. The kernel's own calls keep
 * the file they began with, and so does a hold: a copy of the descriptor that
 * the program cannot see, with the same endpoint.
 */
#ifndef URING_VSOCK_PRELOAD_HOLD_H
#define URING_VSOCK_PRELOAD_HOLD_H

#include <stdbool.h>

struct endpoint;

struct hold {
	int fd;	   /* to be used instead of the program's */
	bool copy; /* false: it is the program's, as none was free */
};

/*
 * A copy of FD that is to be hidden from the program: out of the way of the
 * numbers that programs choose or expect, as far as the limit on open files
 * allows. -1 and errno if there is none. The caller tells the table.
 */
int hold_copy(int fd);

/* Holds the file behind FD, which the table has, until hold_end(). */
struct hold hold_begin(int fd);

/* True if nothing refers to the endpoint any more: see table_drop(). */
bool hold_end(const struct hold *hold, struct endpoint *last);

/* In a child after fork(), with the lock: the threads whose holds they were
 * are not in it. */
void hold_end_all(void);

#endif
