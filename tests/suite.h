/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What every Check program needs. */
#ifndef URING_VSOCK_TESTS_SUITE_H
#define URING_VSOCK_TESTS_SUITE_H

#include <check.h>
#include <stdint.h>

/* Runs and frees a suite; the exit status of its main(). */
int suite_run(Suite *suite);

/* Random numbers that are the same in every run: xorshift64*. *STATE is any
 * number but 0. */
uint32_t suite_random(uint64_t *state);

#endif
