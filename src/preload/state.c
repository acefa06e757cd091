/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * fork() takes the lock before and leaves it after, in both processes, so that
 * the child's copy is not one that another thread was just changing. vfork()
 * asks nobody, and its child runs on the parent's memory: it is told from its
 * parent by its process id alone.
 */
#include "preload/state.h"

#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct state_guard before_fork;
static pid_t owner;
static void (*in_child)(void);

void state_lock(struct state_guard *saved)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &saved->signals);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &saved->cancel);
	pthread_mutex_lock(&mutex);
}

void state_unlock(const struct state_guard *saved)
{
	pthread_mutex_unlock(&mutex);
	pthread_setcancelstate(saved->cancel, NULL);
	pthread_sigmask(SIG_SETMASK, &saved->signals, NULL);
}

bool state_is_ours(void)
{
	return getpid() == owner;
}

static void prepare(void)
{
	struct state_guard saved;

	state_lock(&saved);
	before_fork = saved;
}

static void leave(void)
{
	const struct state_guard saved = before_fork;

	state_unlock(&saved);
}

static void leave_in_child(void)
{
	owner = getpid();
	in_child();
	leave();
}

void state_init(void (*after_fork)(void))
{
	in_child = after_fork;
	owner = getpid();
	pthread_atfork(prepare, leave, leave_in_child);
}
