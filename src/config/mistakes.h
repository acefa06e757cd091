/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What is wrong with the command line and the configuration file. Mistakes
 * are collected while everything is read, and reported all at once: those of
 * the command line as a whole, of single options, and of each --vm, then the
 * file's by their lines.
 */
#ifndef URING_VSOCK_CONFIG_MISTAKES_H
#define URING_VSOCK_CONFIG_MISTAKES_H

#include <stdbool.h>
#include <stdio.h>

/* Where a setting was made. */
enum origin_kind {
	ORIGIN_COMMAND,	  /* the command line as a whole; name is unused */
	ORIGIN_OPTION,	  /* name without its dashes */
	ORIGIN_VM_OPTION, /* the number-th --vm */
	ORIGIN_FILE,	  /* line number of the file name, 0: all of it */
};

struct origin {
	enum origin_kind kind;
	const char *name; /* owned by somebody who lives longer */
	unsigned number;
};

struct mistake;

/* All zero at first. */
struct mistakes {
	struct mistake *list;
	unsigned count;
	bool no_memory; /* and so something was left out, here or by a caller */
};

/*
 * Notes "ORIGIN: key 'KEY': value 'VALUE': WHAT WOULD BE RIGHT". KEY and VALUE
 * may be NULL, and that part is left out; so is the key of an option.
 */
void mistake(struct mistakes *m, const struct origin *origin, const char *key,
	     const char *value, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/* "FILE:LINE", "--option" or "--vm #N", cut to fit ROOM. */
void origin_text(const struct origin *origin, char *out, size_t room);

/* One line each, "uring-vsock: ..."; the command line's first. */
void mistakes_print(struct mistakes *m, FILE *out);

void mistakes_free(struct mistakes *m);

#endif
