/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What --help, --version and --print-capabilities print. */
#ifndef URING_VSOCK_CONFIG_OPTIONS_HELP_H
#define URING_VSOCK_CONFIG_OPTIONS_HELP_H

#include <stdio.h>

/* Every option with its default, from the table of keys. */
void options_help(FILE *out);

void options_version(FILE *out);

/*
 * What management software asks a back end for before it starts one: a
 * VHostUserBackendCapabilities object (QEMU, docs/interop/vhost-user.rst,
 * "Backend program conventions", and vhost-user.json).
 */
void options_capabilities(FILE *out);

#endif
