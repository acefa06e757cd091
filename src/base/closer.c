/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The threads are detached and end when nothing is left to close. The last
 * user, the owner or a thread, frees the closer. Each call starts another
 * thread, as nobody can know whether the running ones hang. If no thread can be
 * started, the descriptors stay open until the next call tries again, or until
 * the last user closes them.
 */
#include "base/closer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

/* Enough for close(2), and for the sanitizers. */
#define STACK_BYTES (128 * 1024)

struct closer {
	pthread_mutex_t lock;
	bool owned;
	unsigned threads;
	atomic_uint pending; /* descriptors queued or being closed */
	int *queue;
	unsigned queued;
	unsigned room;
	unsigned limit; /* of pending, below which done is called */
	void (*done)(void *user);
	void *user;
};

struct closer *closer_new(void)
{
	struct closer *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	pthread_mutex_init(&c->lock, NULL);
	c->owned = true;
	return c;
}

/* A lingering socket would occupy this thread for as long as its owner set. */
static void close_patiently(int fd)
{
	const struct linger none = { .l_onoff = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	close(fd);
}

static void close_here(const int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0)
			close_patiently(fds[i]);
}

/* Called with the lock held; gives it up. */
static void release(struct closer *c)
{
	bool last = !c->owned && !c->threads;

	pthread_mutex_unlock(&c->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&c->lock);
	close_here(c->queue, c->queued);
	free(c->queue);
	free(c);
}

/* With the lock: one more descriptor is closed. */
static void count_closed(struct closer *c)
{
	void (*done)(void *user) = c->done;

	c->pending--;
	if (!done || c->pending >= c->limit)
		return;
	c->done = NULL;
	done(c->user);
}

static void *close_all(void *argument)
{
	struct closer *c = argument;
	int fd;

	pthread_mutex_lock(&c->lock);
	while (c->queued) {
		fd = c->queue[--c->queued];
		pthread_mutex_unlock(&c->lock);
		close_patiently(fd);
		pthread_mutex_lock(&c->lock);
		count_closed(c);
	}
	c->threads--;
	release(c);
	return NULL;
}

/* Called with the lock held. The new thread blocks all signals: they are for
 * the threads that wait for them. */
static void start_thread(struct closer *c)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;

	if (c->threads == CLOSER_THREADS)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!pthread_create(&thread, &attr, close_all, c))
		c->threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
}

/* Called with the lock held. Makes room in the queue for N more. */
static bool make_room(struct closer *c, unsigned n)
{
	unsigned room = c->queued + n;
	int *queue;

	if (room <= c->room)
		return true;
	queue = reallocarray(c->queue, room, sizeof(*queue));
	if (!queue)
		return false;
	c->queue = queue;
	c->room = room;
	return true;
}

void closer_free(struct closer *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->owned = false;
	c->done = NULL;
	if (c->queued && !c->threads)
		start_thread(c);
	release(c);
}

void closer_close(struct closer *c, const int *fds, unsigned n)
{
	bool queued;

	if (!n)
		return;
	if (!c) {
		close_here(fds, n);
		return;
	}
	pthread_mutex_lock(&c->lock);
	queued = make_room(c, n);
	for (unsigned i = 0; queued && i < n; i++) {
		if (fds[i] < 0)
			continue;
		c->queue[c->queued++] = fds[i];
		c->pending++;
	}
	if (c->queued)
		start_thread(c);
	pthread_mutex_unlock(&c->lock);
	if (!queued)
		close_here(fds, n);
}

void closer_close_one(struct closer *c, int *fd)
{
	int saved = errno;
	int taken = fd_take(fd);

	closer_close(c, &taken, taken >= 0);
	errno = saved;
}

unsigned closer_pending(const struct closer *c)
{
	return c ? atomic_load_explicit(&c->pending, memory_order_relaxed) : 0;
}

bool closer_await(struct closer *c, unsigned limit, void (*done)(void *user),
		  void *user)
{
	bool waits;

	if (!c)
		return false;
	pthread_mutex_lock(&c->lock);
	waits = c->pending >= limit;
	c->limit = limit;
	c->done = waits ? done : NULL;
	c->user = user;
	if (waits && c->queued && !c->threads)
		start_thread(c);
	pthread_mutex_unlock(&c->lock);
	return waits;
}

void closer_await_no_more(struct closer *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->done = NULL;
	pthread_mutex_unlock(&c->lock);
}
