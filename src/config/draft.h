/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Settings as they were written: texts by key, each with its origin. The
 * command line makes one draft, the configuration file another; the first
 * overrides the second, and config_build() looks at the values.
 *
 * Lack of memory sets no_memory of the mistakes.
 */
#ifndef URING_VSOCK_CONFIG_DRAFT_H
#define URING_VSOCK_CONFIG_DRAFT_H

#include <stdbool.h>

#include "config/keys.h"
#include "config/mistakes.h"

struct setting {
	char *text; /* NULL: not set */
	struct origin origin;
	struct setting *next; /* of a list: what was added later, or NULL */
	struct setting *last; /* of a list's first: the last, or NULL: itself */
};

struct section {
	enum config_scope scope;
	bool partial;	      /* something of it could not be read */
	struct origin origin; /* for what is missing */
	struct setting set[CONFIG_KEYS];
};

struct draft {
	struct section daemon;
	struct section *vms;
	unsigned nvms;
	bool partial;	  /* there may be more VMs, which could not be read */
	const char *file; /* that was read, or NULL; the caller's */
};

/* An empty one is `{ .daemon = { .scope = SCOPE_DAEMON } }`. */
void draft_free(struct draft *draft);

void section_free(struct section *section);

/* An empty VM, the last of draft->vms, valid until the next. NULL:
 * no memory. */
struct section *draft_add_vm(struct draft *draft, const struct origin *origin,
			     struct mistakes *mistakes);

/* Sets KEY, whatever it was; adds to a list. TEXT stays the caller's. */
void section_put(struct section *section, enum config_key key, const char *text,
		 const struct origin *origin, struct mistakes *mistakes);

/* Sets the key of that name, if there is one and it belongs here. A second
 * setting of a key that is no list is a mistake. */
void section_put_once(struct section *section, const char *name,
		      const char *text, const struct origin *origin,
		      struct mistakes *mistakes);

/* Everything that is set in OVER replaces what is set in UNDER; OVER is left
 * empty. */
void section_override(struct section *under, struct section *over);

#endif
