/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Gets a worker out of a system call that should not have slept. A front end may
 * make its eventfd blocking, and fill it, after it has handed it over. Then
 * write(2) to it would sleep for ever, and all VMs of the worker with it. No flag
 * of the call prevents that, but a signal ends the call (EINTR).
 *
 * While turns are made a timer sends the worker's thread a signal now and then,
 * which interrupts such a call and nothing else of note. In a quiet time the
 * second signal disarms the timer, so that an idle worker is not woken.
 */
#ifndef URING_VSOCK_TURN_WATCHDOG_H
#define URING_VSOCK_TURN_WATCHDOG_H

#include <signal.h>
#include <time.h>

/* A call that sleeps within a turn is interrupted after this long at most. */
#define WATCHDOG_MS 20

/* Stays at its address while it is started: the signal carries that. */
struct watchdog {
	timer_t timer;
	volatile sig_atomic_t started;
	volatile sig_atomic_t armed;
	volatile sig_atomic_t in_turn;
	volatile sig_atomic_t turned; /* since the last signal */
};

/* Watches over the calling thread. 0 or -errno, and nothing is watched. */
int watchdog_start(struct watchdog *dog);

/* By the thread that started it. Harmless if none did. */
void watchdog_stop(struct watchdog *dog);

/* A turn begins, and ends. Only the first turn after a rest costs a system call. */
void watchdog_begin(struct watchdog *dog);
void watchdog_end(struct watchdog *dog);

#endif
