/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * From a key's text to its value. Each function returns NULL and sets the
 * field, or says what would be right ("expected ...") and leaves it alone.
 */
#ifndef URING_VSOCK_CONFIG_VALUES_H
#define URING_VSOCK_CONFIG_VALUES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/socket_path.h"

struct config;
struct vm_config;

/* 1 to 31 letters, digits, '.', '_' and '-'. */
const char *value_name(const char *text, struct vm_config *vm);

const char *value_guest_cid(const char *text, struct vm_config *vm);

/* At most 107 bytes; value_directory() looks at the directory. */
const char *value_socket(const char *text, struct vm_config *vm);
const char *value_uds_path(const char *text, struct vm_config *vm);

/* The number alone: what it is shows at start (unix_socket_inherit()). */
const char *value_fd(const char *text, struct vm_config *vm);

/*
 * With the suffix K or M: times 1024, times 1048576. What is too small or too
 * large a buffer becomes the smallest or largest one, as vhost-device-vsock
 * takes any; config_remarks() says so.
 */
const char *value_tx_buffer_size(const char *text, struct vm_config *vm);
const char *value_queue_size(const char *text, struct vm_config *vm);

const char *value_socket_mode(const char *text, struct vm_config *vm);

/* user:group; names that exist, or any numbers. */
const char *value_socket_owner(const char *text, struct vm_config *vm);

/* yes or no */
const char *value_seqpacket(const char *text, struct vm_config *vm);

/* local or any */
const char *value_memory(const char *text, struct vm_config *vm);

/* vsock(7): 0 is nobody's, 1 the host itself, 2 whatever it runs under. */
const char *value_forward_cid(const char *text, struct vm_config *vm);

const char *value_engine(const char *text, struct config *config);
const char *value_log_level(const char *text, struct config *config);

/* A number, or auto. */
const char *value_workers(const char *text, struct config *config);
const char *value_poll_us(const char *text, struct config *config);

/* A text_number() from MIN to MAX; false, and *OUT is anything, if not. */
bool value_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* What PATH would have to be to be a socket's address; NULL if it is so. */
const char *value_path_form(const char *path);

/*
 * NULL if a socket can be made at PATH, as far as that can be known before it is
 * made. Otherwise what is wrong with its directory and what to do about it, as in
 * "the directory DIRECTORY does not exist; create it". DIRECTORY is written in
 * either case.
 */
const char *value_directory(const char *path,
			    char directory[SOCKET_PATH_MAX + 1]);

/* What tells files apart, whatever name they go by; they need not exist. */
struct place {
	dev_t dev; /* of the directory */
	ino_t ino;
	const char *base; /* in the path; NULL: there is no such directory */
};

struct place value_place(const char *path);

#endif
