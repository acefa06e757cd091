/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Closes descriptors that somebody else handed over, in threads of its own, so
 * that no worker waits. close(2) may take as long as their owner likes: a TCP
 * socket lingers, a file of a FUSE file system asks its server, the last
 * descriptor of a file that an epoll watches waits for that epoll's lock.
 *
 * A closer has up to CLOSER_THREADS threads while it has something to close, so
 * that a close(2) that hangs does not delay the next one. Each VM has closers
 * of its own, which count the descriptors that hang.
 *
 * The functions may be called by any thread.
 */
#ifndef URING_VSOCK_BASE_CLOSER_H
#define URING_VSOCK_BASE_CLOSER_H

#include <stdbool.h>

/* Each may hang. If all do, further descriptors wait in the queue. */
#define CLOSER_THREADS 16

struct closer;

/* NULL and errno on lack of memory. */
struct closer *closer_new(void);

/* The owner gives the closer up. The queued descriptors are closed all the
 * same, within this call if no thread can be started. Accepts NULL. */
void closer_free(struct closer *c);

/*
 * The N descriptors become the closer's; negative ones are left out. Returns at
 * once. Without a closer (NULL) or memory they are closed here and now.
 */
void closer_close(struct closer *c, const int *fds, unsigned n);

/* closer_close() of *FD, which becomes -1. Keeps errno. */
void closer_close_one(struct closer *c, int *fd);

/* How many of the descriptors that the closer was given are not closed yet;
 * their owners may delay that for as long as they like. 0 without a closer. */
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
