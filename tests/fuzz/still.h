/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the daemon asks the machine, the fuzzer answers: time stands still,
 * nothing is random, nobody sleeps, and no timer sends a signal. So the same
 * input always does the same, and quickly. The linker puts the functions behind
 * this in the place of libc's and the watchdog's (--wrap).
 */
#ifndef URING_VSOCK_TESTS_FUZZ_STILL_H
#define URING_VSOCK_TESTS_FUZZ_STILL_H

#include <stdbool.h>
#include <stdint.h>

/* The monotonic clock in nanoseconds, which only its owner advances. */
extern uint64_t still_ns;

/* Whether a loop wanted to sleep with nothing ready. It was not allowed to. */
extern bool still_slept;

#endif
