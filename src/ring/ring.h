/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The event loop's engine: readiness of many descriptors, and batches of
 * non-blocking socket I/O that are performed in one system call.
 *
 * Readiness. A watch reports that its descriptor became readable (or hung up)
 * as an edge: after a report the owner reads until -EAGAIN and is reported to
 * again when more arrives. ring_watch_level() is for owners that leave something.
 * Reports come only from within ring_wait() and ring_run(); a report records a
 * fact and returns, it does no I/O.
 *
 * I/O. ring_send() and ring_recv() queue operations, ring_run() performs all
 * of them and returns with every result in place. Nothing that touches the
 * caller's buffers is ever left pending, so guest memory is used only inside
 * ring_run() and byte counts are exact.
 *
 * Two engines implement this: io_uring, and edge-triggered epoll for where
 * io_uring is missing or forbidden. A ring belongs to the thread that made it.
 */
#ifndef URING_VSOCK_RING_RING_H
#define URING_VSOCK_RING_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "ring/watch.h"

struct ring;

/* One sendmsg(2) or recvmsg(2). Lives until ring_run() returns. */
struct ring_io {
	struct msghdr msg;
	struct ring_watch *watch; /* whose descriptor, which must be started */
	int result;		  /* bytes, or a negative errno */
	bool receive;
	/* For ring_send_messages() alone; the result counts messages. */
	struct mmsghdr *messages;
	unsigned nmessages;
};

/* Operations that one ring_run() performs at the most. */
#define RING_BATCH_MAX 256

/*
 * A new ring of the named engine ("io_uring" or "epoll"), or NULL: then errno
 * is set and *why says in words what is missing.
 */
struct ring *ring_open(const char *engine, const char **why);

/* Every watch must have been stopped. Accepts NULL. */
void ring_close(struct ring *ring);

const char *ring_engine(const struct ring *ring);

/*
 * Starts watching FD, which stays the caller's and must stay open until
 * ring_unwatch(). Returns 0 or -errno. done() is called with POLLIN, POLLHUP,
 * POLLRDHUP, POLLERR and POLLOUT bits as they come.
 */
int ring_watch(struct ring *ring, struct ring_watch *watch, int fd,
	       ring_done *done);

/*
 * As ring_watch(), for an owner that does not read until -EAGAIN: a report says
 * that FD is readable, whether anything is new or not. The owner asks for the next
 * report by ring_watch_again(), which costs no system call: the next ring_wait()
 * passes it on. One engine reports in each ring_wait() without being asked. So an
 * owner that leaves FD readable while the loop may sleep has to stop the watch.
 */
int ring_watch_level(struct ring *ring, struct ring_watch *watch, int fd,
		     ring_done *done);
void ring_watch_again(struct ring *ring, struct ring_watch *watch);

/* One POLLOUT report when FD takes bytes again. May be repeated freely. */
void ring_watch_writable(struct ring *ring, struct ring_watch *watch);

/*
 * No report comes after this. The descriptor may be closed at once; the
 * watch's memory may be reused when ring_watch_busy() is false, which some
 * later ring_wait() brings about. Harmless on a watch that is not started.
 */
void ring_unwatch(struct ring *ring, struct ring_watch *watch);

/*
 * The engine's own references on the files of watches that were stopped end
 * now, so that no later close(2) but the caller's is the last one. A system
 * call.
 */
void ring_let_go(struct ring *ring);

/*
 * Queue one operation; at most RING_BATCH_MAX wait for the next ring_run().
 * The caller filled io->watch and io->msg.msg_iov, msg_iovlen.
 */
void ring_send(struct ring *ring, struct ring_io *io);
void ring_recv(struct ring *ring, struct ring_io *io);

/*
 * Queues io->nmessages sends to one socket, each a message: they are performed
 * in order up to the first that is not taken whole, and the result is how many
 * were, or the error of the first. One plain system call.
 */
void ring_send_messages(struct ring *ring, struct ring_io *io);

/* Performs what is queued: one system call for any number on io_uring. */
void ring_run(struct ring *ring);

/*
 * Reports what happened, waiting up to timeout_ms for something to happen
 * (-1: for ever, 0: not at all). Returns the number of reports.
 */
unsigned ring_wait(struct ring *ring, int timeout_ms);

/* A cheap look, without a system call where the engine can: may be stale. */
bool ring_has_events(struct ring *ring);

#endif
