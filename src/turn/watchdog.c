/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The handler runs on the thread that it watches, so that the two need no more
 * than volatile flags between them. A signal that comes just before the call goes
 * to sleep does not end it, but the timer fires again, and the next signal does.
 *
 * To arm the timer costs a system call, and turns are many. So the timer is left
 * running while there are turns, and stops itself after an interval without one.
 */
#include "turn/watchdog.h"

#include <errno.h>
#include <unistd.h>

/* glibc has no public name for this member before 2.38, and musl has only this
 * one. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void set_timer(struct watchdog *dog, long ms)
{
	struct itimerspec spec = {
		.it_value = { .tv_nsec = ms * 1000000 },
		.it_interval = { .tv_nsec = ms * 1000000 },
	};

	timer_settime(dog->timer, 0, &spec, NULL);
}

/* Runs on the watched thread, between two of its instructions or in the call
 * that it interrupts. */
static void on_alarm(int signal, siginfo_t *info, void *context)
{
	struct watchdog *dog = info->si_value.sival_ptr;
	int saved = errno;

	(void)signal;
	(void)context;
	if (info->si_code != SI_TIMER || !dog->started)
		return;
	if (!dog->in_turn && !dog->turned) {
		dog->armed = 0;
		set_timer(dog, 0);
	}
	dog->turned = 0;
	errno = saved;
}

/* Without SA_RESTART, as the interrupted call is to end. */
static int catch_alarm(void)
{
	struct sigaction action = {
		.sa_sigaction = on_alarm,
		.sa_flags = SA_SIGINFO,
	};

	sigemptyset(&action.sa_mask);
	return sigaction(SIGALRM, &action, NULL) < 0 ? -errno : 0;
}

int watchdog_start(struct watchdog *dog)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGALRM,
		.sigev_value.sival_ptr = dog,
	};
	int err = catch_alarm();

	*dog = (struct watchdog){ .started = 0 };
	if (err)
		return err;
	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &dog->timer) < 0)
		return -errno;
	dog->started = 1;
	return 0;
}

void watchdog_stop(struct watchdog *dog)
{
	if (!dog->started)
		return;
	dog->started = 0;
	timer_delete(dog->timer);
}

void watchdog_begin(struct watchdog *dog)
{
	dog->in_turn = 1;
	dog->turned = 1;
	if (dog->armed || !dog->started)
		return;
	dog->armed = 1;
	set_timer(dog, WATCHDOG_MS);
}

void watchdog_end(struct watchdog *dog)
{
	dog->in_turn = 0;
}
