/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The one table of keys, which --vm, the options, INI and YAML are read by
 * and --help is printed from. Every key may be written with '-' or with '_'.
 */
#ifndef URING_VSOCK_CONFIG_KEYS_H
#define URING_VSOCK_CONFIG_KEYS_H

#include <stdbool.h>

struct config;
struct vm_config;

enum config_key {
	/* of a VM */
	KEY_NAME,
	KEY_GUEST_CID,
	KEY_SOCKET,
	KEY_FD,
	KEY_UDS_PATH,
	KEY_TX_BUFFER_SIZE,
	KEY_QUEUE_SIZE,
	KEY_SOCKET_MODE,
	KEY_SOCKET_OWNER,
	KEY_GROUPS,
	KEY_SEQPACKET,
	KEY_MEMORY,
	KEY_FORWARD_CID,
	KEY_FORWARD_LISTEN,
	KEY_ALLOW_GUEST,
	KEY_ALLOW_HOST,
	KEY_MAP,
	/* of the daemon */
	KEY_ENGINE,
	KEY_LOG_LEVEL,
	KEY_WORKERS,
	KEY_CPUS,
	KEY_POLL_US,
	CONFIG_KEYS
};

enum config_scope { SCOPE_VM, SCOPE_DAEMON };

/* Exactly one of parse_vm and parse_daemon is set. */
struct config_key_row {
	const char *name;
	const char *alias; /* another name, or NULL */
	const char *argument;
	const char *standard; /* the default, or NULL */
	const char *help;
	bool list;  /* may be set again and again: each text adds to it */
	bool pairs; /* its texts are "A:B", in YAML also a mapping of A to B */
	const char *(*parse_vm)(const char *text, struct vm_config *vm);
	const char *(*parse_daemon)(const char *text, struct config *config);
};

const struct config_key_row *config_key_row(enum config_key key);
enum config_scope config_key_scope(enum config_key key);

/* The key of that name or alias; CONFIG_KEYS if there is none. */
enum config_key config_key_find(const char *name);

/* The name of the key of that scope which NAME was most likely meant to be;
 * NULL if none is like it. */
const char *config_key_nearest(const char *name, enum config_scope scope);

/* Whether A and B are the same but for '-' and '_'. */
bool config_key_equal(const char *a, const char *b);

/*
 * How many letters were left out, added or mistaken between WRITTEN and NAME:
 * small is near. UINT_MAX if they have too little in common to say so.
 */
unsigned config_key_distance(const char *written, const char *name);

#endif
