/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What --check-config prints. */
#ifndef URING_VSOCK_CONFIG_PRINT_H
#define URING_VSOCK_CONFIG_PRINT_H

#include <stdio.h>

struct config;

/* Writes an INI file that gives the same settings when it is read. */
void config_print(const struct config *config, FILE *out);

#endif
