/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Settings in YAML, by libyaml: the files of vhost-device-vsock, that is a
 * list of mappings under "vms:", or the list alone. A mapping "daemon:" may
 * stand beside "vms:".
 */
#ifndef URING_VSOCK_CONFIG_YAML_H
#define URING_VSOCK_CONFIG_YAML_H

#include <stdio.h>

struct draft;
struct mistakes;

/* Adds what IN says to DRAFT. NAME, for the origins, must outlive both. */
void config_yaml_read(FILE *in, const char *name, struct draft *draft,
		      struct mistakes *mistakes);

#endif
