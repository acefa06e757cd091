/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Where the daemon asks the machine, it hears what the fuzzer says: time stands
 * still, nothing is random, nobody sleeps, and no timer's signal comes. So the
 * same input does the same things, and quickly. The functions behind this are
 * put in the place of libc's and the watchdog's by the linker (--wrap).
 */
#ifndef URING_VSOCK_TESTS_FUZZ_STILL_H
#define URING_VSOCK_TESTS_FUZZ_STILL_H

#include <stdbool.h>
#include <stdint.h>

/* The monotonic clock, in nanoseconds: only its owner moves it. */
extern uint64_t still_ns;

/* A loop asked to sleep, and nothing was ready. It was not let. */
extern bool still_slept;

#endif
