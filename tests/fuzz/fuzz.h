/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the fuzz targets share. A target is one file, tests/fuzz/fuzz_NAME.c,
 * that exports LLVMFuzzerTestOneInput() alone. --enable-fuzzing links it with
 * libFuzzer or AFL++. Without, tests/fuzz/replay.c calls it with every seed and
 * every regression input, as a test of "make check".
 *
 * A target is deterministic: the same bytes make the same calls, whatever ran
 * before. All its decisions come from the input, which is read byte by byte
 * from the front; behind its end everything is zero.
 */
#ifndef URING_VSOCK_TESTS_FUZZ_FUZZ_H
#define URING_VSOCK_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Called by the fuzzer, any number of times in one process. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise of the code under test. In every build it aborts if the promise is
 * broken. */
#define fuzz_check(cond)                                                   \
	do {                                                               \
		if (!(cond)) {                                             \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, \
				__LINE__, #cond);                          \
			abort();                                           \
		}                                                          \
	} while (0)

/* For a model's inner loops, whose paths are of no interest to the fuzzer;
 * reporting each comparison to it would make them slow. */
#ifdef __clang__
#define FUZZ_MODEL __attribute__((no_sanitize("coverage")))
#else
#define FUZZ_MODEL
#endif

/* The input, which is read from the front. */
struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

/* Up to N bytes, and zeros for the rest, into OUT. */
static inline void fuzz_bytes(struct fuzz_input *in, void *out, size_t n)
{
	size_t have = n < in->left ? n : in->left;

	memset(out, 0, n);
	if (have)
		memcpy(out, in->at, have);
	in->at += have;
	in->left -= have;
}

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
	uint8_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint16_t fuzz_u16(struct fuzz_input *in)
{
	uint16_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint32_t fuzz_u32(struct fuzz_input *in)
{
	uint32_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

static inline uint64_t fuzz_u64(struct fuzz_input *in)
{
	uint64_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

/* A number below N, at most 256, from one byte. */
static inline unsigned fuzz_below(struct fuzz_input *in, unsigned n)
{
	return fuzz_u8(in) % n;
}

#endif
