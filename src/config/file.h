/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A configuration file: INI if its name ends in .ini or .conf, otherwise YAML,
 * which vhost-device-vsock takes every file for.
 */
#ifndef URING_VSOCK_CONFIG_FILE_H
#define URING_VSOCK_CONFIG_FILE_H

struct draft;
struct mistakes;

/* Adds what the file says to DRAFT. PATH must outlive both. */
void config_file_read(const char *path, struct draft *draft,
		      struct mistakes *mistakes);

#endif
