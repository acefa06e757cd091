/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Lack of memory where an input wants it: the programs that have lack.c are
 * linked so that malloc(), calloc() and mmap() of the code under test come here
 * first (-Wl,--wrap). The fuzzer's own are left alone.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_LACK_H
#define URING_VSOCK_TESTS_FUZZ_LACK_H

#include <stdbool.h>
#include <stdint.h>

/* From here to lack_ends() one allocation is refused: the first, second, third
 * or fourth one, for CHOICES of 0xc0 and more; none for all others. */
void lack_begins(uint8_t choice);

/* Whether one was. */
bool lack_ends(void);

#endif
