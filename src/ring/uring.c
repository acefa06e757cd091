/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The io_uring engine; with uring_setup.c the only user of liburing.
 *
 * Readiness is multishot POLL, armed anew whenever a completion comes without
 * F_MORE (a full completion queue ends a multishot). For a watch of levels it is a
 * single POLL, which completes at once if there is something. Sends and receives
 * carry MSG_DONTWAIT, so each completes inside the io_uring_enter(2) that submits
 * it.
 *
 * user_data is a pointer whose low bits name the kind of request.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "ring/engine.h"
#include "ring/uring_setup.h"

/* Registered files, for connections that prove to be busy. */
#define FILES_MAX 1024
#define FILE_USES_MIN 64

enum tag {
	TAG_IO,
	TAG_READABLE,
	TAG_WRITABLE,
	TAG_CANCEL = URING_IGNORED_DATA,
	TAG_MASK = 7,
};

struct uring {
	struct ring base;
	struct io_uring ur;
	unsigned unfinished; /* operations of this ring_run() */
	unsigned nfree;	     /* of the registered files; 0 also without any */
	int free_files[FILES_MAX];
};

static struct uring *uring_of(struct ring *ring)
{
	return container_of(ring, struct uring, base);
}

/* Both make it faster only; everything works without them as well. */
static void register_what_helps(struct uring *u)
{
	unsigned i;

	io_uring_register_ring_fd(&u->ur);
	if (io_uring_register_files_sparse(&u->ur, FILES_MAX) < 0)
		return;
	for (i = 0; i < FILES_MAX; i++)
		u->free_files[u->nfree++] = (int)i;
}

static struct ring *uring_open(const char **why)
{
	struct uring *u = calloc(1, sizeof(*u));
	int err;

	if (!u) {
		*why = "out of memory";
		return NULL;
	}
	err = uring_setup(&u->ur, why);
	if (err) {
		free(u);
		errno = -err;
		return NULL;
	}
	register_what_helps(u);
	return &u->base;
}

static void uring_close(struct ring *ring)
{
	struct uring *u = uring_of(ring);

	io_uring_queue_exit(&u->ur);
	free(u);
}

static struct io_uring_sqe *take_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ur);

	while (!sqe) {
		/* Also moves overflown completions, which may block it. */
		io_uring_submit_and_get_events(&u->ur);
		sqe = io_uring_get_sqe(&u->ur);
	}
	return sqe;
}

/* After the prep function, on every SQE: io_uring_get_sqe() leaves the
 * user_data of the one before in place. */
static void seal(struct io_uring_sqe *sqe, void *object, enum tag tag)
{
	io_uring_sqe_set_data64(sqe, (uintptr_t)object | tag);
}

static int uring_watch(struct ring *ring, struct ring_watch *watch)
{
	struct io_uring_sqe *sqe = take_sqe(uring_of(ring));

	if (watch->level)
		io_uring_prep_poll_add(sqe, watch->fd, POLLIN | POLLRDHUP);
	else
		io_uring_prep_poll_multishot(sqe, watch->fd,
					     POLLIN | POLLRDHUP);
	seal(sqe, watch, TAG_READABLE);
	watch->readable_armed = true;
	watch->in_flight++;
	return 0;
}

static void uring_watch_writable(struct ring *ring, struct ring_watch *watch)
{
	struct io_uring_sqe *sqe = take_sqe(uring_of(ring));

	/*
	 * The kernel adds POLLRDHUP to what is asked for. Once the peer has
	 * shut its sending half that is always set, so a single shot would
	 * complete at once; a multishot reports it once and goes on to wait
	 * for the edge.
	 */
	io_uring_prep_poll_multishot(sqe, watch->fd, POLLOUT);
	seal(sqe, watch, TAG_WRITABLE);
	watch->writable_armed = true;
	watch->in_flight++;
}

static void cancel(struct uring *u, struct ring_watch *watch, enum tag tag)
{
	struct io_uring_sqe *sqe = take_sqe(u);

	io_uring_prep_cancel64(sqe, (uintptr_t)watch | tag, 0);
	seal(sqe, NULL, TAG_CANCEL);
}

/* A registered file is another reference on the socket: the slot is emptied at
 * once, or close(2) would not end the connection. */
static void release_file(struct uring *u, struct ring_watch *watch)
{
	const int none = -1;

	if (watch->slot >= 0) {
		io_uring_register_files_update(&u->ur, (unsigned)watch->slot,
					       &none, 1);
		u->free_files[u->nfree++] = watch->slot;
	}
	watch->slot = -1;
	watch->uses = 0;
}

static void uring_unwatch(struct ring *ring, struct ring_watch *watch)
{
	struct uring *u = uring_of(ring);

	release_file(u, watch);
	if (watch->readable_armed)
		cancel(u, watch, TAG_READABLE);
	if (watch->writable_armed)
		cancel(u, watch, TAG_WRITABLE);
	watch->readable_armed = false;
	watch->writable_armed = false;
}

/* The cancelled requests end when the kernel is entered; with them end their
 * references on the files. */
static void uring_let_go(struct ring *ring)
{
	io_uring_submit_and_get_events(&uring_of(ring)->ur);
}

/* Registering a file costs a system call, so that only those of busy
 * connections are registered. */
static void use_file(struct uring *u, struct io_uring_sqe *sqe,
		     struct ring_watch *watch)
{
	int slot;

	if (watch->slot < 0) {
		if (watch->uses < FILE_USES_MIN)
			watch->uses++;
		if (watch->uses < FILE_USES_MIN || !u->nfree)
			return;
		slot = u->free_files[u->nfree - 1];
		if (io_uring_register_files_update(&u->ur, (unsigned)slot,
						   &watch->fd, 1) != 1)
			return;
		u->nfree--;
		watch->slot = slot;
	}
	sqe->fd = watch->slot;
	sqe->flags |= IOSQE_FIXED_FILE;
}

/*
 * Whether a completion is of no interest any more: its watch was stopped, or
 * its request was cancelled by ring_unwatch(). In the second case the watch may
 * have been started again since, which does not concern the old request.
 */
static bool is_stale(const struct ring_watch *watch, int res, bool more)
{
	return !watch->done || (!more && res == -ECANCELED);
}

static void on_readable(struct ring *ring, struct ring_watch *watch, int res,
			bool more)
{
	if (!more)
		watch->in_flight--;
	if (is_stale(watch, res, more))
		return;
	if (!more) {
		watch->readable_armed = false;
		if (res >= 0 && !watch->level)
			uring_watch(ring, watch);
	}
	watch->done(watch, res < 0 ? POLLERR : res);
}

static void on_writable(struct ring *ring, struct ring_watch *watch, int res,
			bool more)
{
	if (!more)
		watch->in_flight--;
	if (is_stale(watch, res, more))
		return;
	if (!more)
		watch->writable_armed = false;
	if (res >= 0 && !(res & (POLLOUT | POLLERR | POLLHUP))) {
		if (!more)
			uring_watch_writable(ring, watch);
		return;
	}
	/* One report was asked for. */
	if (more && watch->writable_armed) {
		cancel(uring_of(ring), watch, TAG_WRITABLE);
		watch->writable_armed = false;
	}
	watch->done(watch, res < 0 ? POLLERR : res);
}

/* Returns whether it was a report. */
static bool complete(struct uring *u, uint64_t data, int res, bool more)
{
	void *object = (void *)(uintptr_t)(data & ~(uint64_t)TAG_MASK);

	switch ((enum tag)(data & TAG_MASK)) {
	case TAG_IO:
		((struct ring_io *)object)->result = res;
		u->unfinished--;
		return false;
	case TAG_READABLE:
		on_readable(&u->base, object, res, more);
		return true;
	case TAG_WRITABLE:
		on_writable(&u->base, object, res, more);
		return true;
	case TAG_CANCEL:
	case TAG_MASK: /* liburing's own time-outs */
		break;
	}
	return false;
}

static unsigned reap(struct uring *u)
{
	struct io_uring_cqe *cqe;
	unsigned reports = 0;

	while (io_uring_cq_ready(&u->ur) &&
	       io_uring_peek_cqe(&u->ur, &cqe) == 0) {
		uint64_t data = io_uring_cqe_get_data64(cqe);
		bool more = cqe->flags & IORING_CQE_F_MORE;
		int res = cqe->res;

		io_uring_cqe_seen(&u->ur, cqe);
		reports += complete(u, data, res, more);
	}
	return reports;
}

static void queue_io(struct uring *u, struct ring_io *io)
{
	struct io_uring_sqe *sqe = take_sqe(u);

	if (io->receive)
		io_uring_prep_recvmsg(sqe, io->watch->fd, &io->msg,
				      RING_MSG_FLAGS);
	else
		io_uring_prep_sendmsg(sqe, io->watch->fd, &io->msg,
				      RING_MSG_FLAGS);
	seal(sqe, io, TAG_IO);
	use_file(u, sqe, io->watch);
	u->unfinished++;
}

/* Nothing is left pending, whatever happens: the caller's buffers are guest
 * memory that may be unmapped afterwards. */
static void uring_run(struct ring *ring)
{
	struct uring *u = uring_of(ring);
	unsigned i;

	for (i = 0; i < ring->nqueued; i++)
		queue_io(u, ring->queued[i]);
	io_uring_submit_and_get_events(&u->ur);
	reap(u);
	/* What a full completion queue held back. */
	while (u->unfinished) {
		io_uring_submit_and_wait(&u->ur, 1);
		reap(u);
	}
}

/* Completions may also wait in the kernel, for this thread to come in and run
 * them, or because the queue was full: it says so in the shared flags. */
static bool uring_has_events(struct ring *ring)
{
	struct uring *u = uring_of(ring);
	unsigned flags = IO_URING_READ_ONCE(*u->ur.sq.kflags);

	return io_uring_cq_ready(&u->ur) ||
	       (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW));
}

static void wait_for(struct uring *u, int ms)
{
	struct io_uring_cqe *cqe;
	struct __kernel_timespec ts = {
		.tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L,
	};

	io_uring_submit_and_wait_timeout(&u->ur, &cqe, 1, &ts, NULL);
}

/* Without a time to wait the kernel is entered only for completions that wait
 * in there, or for requests that wait here. */
static unsigned uring_wait(struct ring *ring, int timeout_ms)
{
	struct uring *u = uring_of(ring);

	if (timeout_ms < 0)
		io_uring_submit_and_wait(&u->ur, 1);
	else if (timeout_ms > 0)
		wait_for(u, timeout_ms);
	else if (uring_has_events(ring) || io_uring_sq_ready(&u->ur))
		io_uring_submit_and_get_events(&u->ur);
	return reap(u);
}

const struct ring_engine ring_engine_io_uring = {
	.name = "io_uring",
	.open = uring_open,
	.close = uring_close,
	.watch = uring_watch,
	.watch_writable = uring_watch_writable,
	.unwatch = uring_unwatch,
	.let_go = uring_let_go,
	.run = uring_run,
	.wait = uring_wait,
	.has_events = uring_has_events,
};
