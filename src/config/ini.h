/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Settings in INI format, by inih: a [daemon] section, and a [vm NAME] section
 * for each VM. ';' and '#' begin comments, at the start of a line or behind a
 * blank.
 */
#ifndef URING_VSOCK_CONFIG_INI_H
#define URING_VSOCK_CONFIG_INI_H

#include <stdio.h>

struct draft;
struct mistakes;

/* Adds what IN says to DRAFT. NAME, for the origins, must outlive both. */
void config_ini_read(FILE *in, const char *name, struct draft *draft,
		     struct mistakes *mistakes);

#endif
