/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The command line. Reads it and the file that it names, and reports all
 * mistakes on stderr at once. Opens and creates nothing but that file.
 */
#ifndef URING_VSOCK_CONFIG_OPTIONS_H
#define URING_VSOCK_CONFIG_OPTIONS_H

struct config;

enum {
	EXIT_MISTAKES = 2, /* of the command line or the configuration file */
};

/*
 * 0: run with *OUT, which the caller frees by config_free(). 1: exit with
 * *EXIT_STATUS, there is nothing to free: all was said and done (--help,
 * --version, --print-capabilities, --check-config) or something is wrong.
 * Reorders ARGV. Not thread-safe: getopt(3).
 */
int options_parse(int argc, char **argv, struct config *out, int *exit_status);

#endif
