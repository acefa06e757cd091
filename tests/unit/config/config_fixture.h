/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For tests of the settings: an empty directory to be in, and what a text
 * comes to, as a text.
 */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include <stddef.h>
#include <stdio.h>

struct draft;
struct mistakes;

/* A checked fixture: the working directory is new, and empty but for "dir",
 * an empty directory. */
void config_setup(void);
void config_teardown(void);

typedef void config_reader(FILE *in, const char *name, struct draft *draft,
			   struct mistakes *mistakes);

/*
 * What READER and config_build() make of the LEN bytes of TEXT: the settings
 * as config_print() writes them, or the mistakes, of a file named "f". The
 * caller frees it.
 */
char *config_outcome(config_reader *reader, const char *text, size_t len);

/* How many names are in the working directory, "dir" excepted. */
unsigned config_litter(void);

/* Writes TEXT to the file NAME. */
void config_write(const char *name, const char *text);

#endif
