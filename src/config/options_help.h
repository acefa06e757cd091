/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What --help and --version print. */
#ifndef URING_VSOCK_CONFIG_OPTIONS_HELP_H
#define URING_VSOCK_CONFIG_OPTIONS_HELP_H

#include <stdio.h>

/* Every option with its default, from the table of keys. */
void options_help(FILE *out);

void options_version(FILE *out);

#endif
