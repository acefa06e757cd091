/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Closes descriptors that came from somebody else where nobody waits for it.
 * close(2) may take as long as their owner likes: a TCP socket lingers, a file
 * of a user's file system asks its server, the last descriptor of what an epoll
 * watches waits for that epoll's lock.
 *
 * A closer has threads while it has something to close, so that one that hangs
 * does not keep the next from being closed; up to CLOSER_THREADS of them. What
 * hangs there belongs to one VM, whose closer counts it.
 *
 * The functions may be called by any thread.
 */
#ifndef URING_VSOCK_BASE_CLOSER_H
#define URING_VSOCK_BASE_CLOSER_H

#include <stdbool.h>

/* Each may hang. Beyond, what is to be closed waits. */
#define CLOSER_THREADS 16

struct closer;

/* NULL and errno on lack of memory. */
struct closer *closer_new(void);

/* The owner goes; what is under way is closed all the same, within the call if
 * no thread can be started for it. Accepts NULL. */
void closer_free(struct closer *c);

/*
 * The N descriptors become the closer's; negative ones are left out. Returns at
 * once. Without a closer (NULL) or memory they are closed here and now.
 */
void closer_close(struct closer *c, const int *fds, unsigned n);

/* closer_close() of *FD, which becomes -1. Keeps errno. */
void closer_close_one(struct closer *c, int *fd);

/* How many of those that it was given are not closed yet, which their owners
 * may delay for as long as they like. 0 without a closer. */
unsigned closer_pending(const struct closer *c);

/*
 * Calls DONE with USER, once, as soon as fewer than LIMIT descriptors are
 * pending: from a thread of the closer's, with its lock, so DONE may not call
 * the closer. False: fewer are pending already, and DONE will not be called.
 * The last call counts.
 */
bool closer_await(struct closer *c, unsigned limit, void (*done)(void *user),
		  void *user);

/* DONE is not called any more when this returns. Accepts NULL. */
void closer_await_no_more(struct closer *c);

#endif
