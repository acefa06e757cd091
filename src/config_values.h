/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * From a key's text to its value. Each function returns NULL and sets the
 * field, or says in a few words what would be right and leaves it alone.
 */
#ifndef URING_VSOCK_CONFIG_VALUES_H
#define URING_VSOCK_CONFIG_VALUES_H

#include <sys/types.h>

struct config;
struct vm_config;

/* 1 to 31 letters, digits, '.', '_' and '-'. */
const char *value_name(const char *text, struct vm_config *vm);

const char *value_guest_cid(const char *text, struct vm_config *vm);

/* At most 107 bytes, in a directory that exists and that we may write to. */
const char *value_socket(const char *text, struct vm_config *vm);
const char *value_uds_path(const char *text, struct vm_config *vm);

/* The number alone: what it is shows at start (usock_inherit()). */
const char *value_fd(const char *text, struct vm_config *vm);

/* With the suffix K or M: times 1024, times 1048576. */
const char *value_tx_buffer_size(const char *text, struct vm_config *vm);
const char *value_queue_size(const char *text, struct vm_config *vm);

const char *value_socket_mode(const char *text, struct vm_config *vm);

/* user:group; names that exist, or any numbers. */
const char *value_socket_owner(const char *text, struct vm_config *vm);

const char *value_engine(const char *text, struct config *config);
const char *value_log_level(const char *text, struct config *config);

/* What tells files apart, whatever name they go by; they need not exist. */
struct place {
	dev_t dev; /* of the directory */
	ino_t ino;
	const char *base; /* in the path; NULL: there is no such directory */
};

struct place value_place(const char *path);

#endif
