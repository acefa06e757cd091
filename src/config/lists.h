/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Keys that hold lists. Each text adds to the list, so a key may be set any
 * number of times. The functions return what those of values.h do, but the
 * items before a mistake may have been added.
 */
#ifndef URING_VSOCK_CONFIG_LISTS_H
#define URING_VSOCK_CONFIG_LISTS_H

struct config;
struct vm_config;

/* Names of letters, digits, '.', '_' and '-', in UTF-8 and each at most 63
 * bytes. */
const char *value_groups(const char *text, struct vm_config *vm);

/* Ports and ranges, at most 256 ports. */
const char *value_forward_listen(const char *text, struct vm_config *vm);

/* Ports and ranges, "all" or "none". */
const char *value_allow_guest(const char *text, struct vm_config *vm);
const char *value_allow_host(const char *text, struct vm_config *vm);

/* "PORT:PATH" or "PORT:@NAME": one, and a port that has none yet. */
const char *value_map(const char *text, struct vm_config *vm);

/* CPUs and ranges, all of which the process may run on. */
const char *value_cpus(const char *text, struct config *config);

#endif
