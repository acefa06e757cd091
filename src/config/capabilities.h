/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What management software asks a back end for before it starts one (QEMU,
 * docs/interop/vhost-user.rst, "Backend program conventions").
 */
#ifndef URING_VSOCK_CONFIG_CAPABILITIES_H
#define URING_VSOCK_CONFIG_CAPABILITIES_H

#include <stdio.h>

/* Writes a VHostUserBackendCapabilities object (vhost-user.json). */
void capabilities_print(FILE *out);

#endif
