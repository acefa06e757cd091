/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What all ways to give settings promise: what config.h says, and that the
 * output of --check-config comes to the same settings when it is read. */
#ifndef URING_VSOCK_TESTS_FUZZ_SETTINGS_H
#define URING_VSOCK_TESTS_FUZZ_SETTINGS_H

#include "fuzz/fuzz.h"

struct config;
struct draft;
struct mistakes;

typedef void settings_reader(FILE *in, const char *name, struct draft *draft,
			     struct mistakes *mistakes);

/* A file with these bytes is refused with a reason, or its settings are right.
 * */
void settings_read(settings_reader *reader, const uint8_t *data, size_t size);

/* Every value is in its range, and no two VMs clash. */
void settings_check(const struct config *config);

#endif
