/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Assertions and small compiler helpers.
 *
 * debug_assert() states an invariant of our own code, never a property of
 * input: what a guest, a hypervisor or a host program can cause is an error
 * path. It is compiled in by --enable-asan, --enable-ubsan, --enable-tsan and
 * --enable-coverage (which define DEBUG_ASSERTIONS), and costs nothing
 * otherwise.
 */
#ifndef URING_VSOCK_BASE_CHECK_H
#define URING_VSOCK_BASE_CHECK_H

#include <assert.h>
#include <stddef.h>

#ifdef DEBUG_ASSERTIONS
#define debug_assert(cond) assert(cond)
#else
#define debug_assert(cond) ((void)(0 && (cond)))
#endif

#define likely(cond) __builtin_expect(!!(cond), 1)
#define unlikely(cond) __builtin_expect(!!(cond), 0)

/* Of a function: its result may not be ignored. */
#define must_check __attribute__((warn_unused_result))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The object of TYPE whose MEMBER is at PTR. */
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

#endif
