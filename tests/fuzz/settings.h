/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What all ways to give settings promise: config.h, and that what
 * --check-config prints comes to the same when it is read. */
#ifndef URING_VSOCK_TESTS_FUZZ_SETTINGS_H
#define URING_VSOCK_TESTS_FUZZ_SETTINGS_H

#include "fuzz/fuzz.h"

struct config;
struct draft;
struct mistakes;

typedef void settings_reader(FILE *in, const char *name, struct draft *draft,
			     struct mistakes *mistakes);

/* A file of these bytes: it is refused with a reason, or it is right. */
void settings_read(settings_reader *reader, const uint8_t *data, size_t size);

/* Every value is in its range, and no two VMs are in each other's way. */
void settings_check(const struct config *config);

#endif
