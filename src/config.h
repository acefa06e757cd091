/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The daemon's settings, complete and checked: what options_parse() makes of
 * the command line and the configuration file. Nobody changes them later.
 */
#ifndef URING_VSOCK_CONFIG_H
#define URING_VSOCK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/log.h"

/* virtio 1.3, 5.10.4: 0 to 2 and 0xffffffff are no guest's. */
#define CONFIG_CID_MIN 3u
#define CONFIG_CID_MAX 4294967294u

#define CONFIG_TX_BUFFER_MIN 4096u
#define CONFIG_TX_BUFFER_MAX 16777216u
#define CONFIG_QUEUE_MAX 32768u

/* unix(7): what sun_path holds beside its terminating NUL. */
#define CONFIG_PATH_MAX 107u
#define CONFIG_NAME_MAX 31u

enum engine { ENGINE_AUTO, ENGINE_IO_URING, ENGINE_EPOLL, ENGINES };

struct vm_config {
	char *name; /* for log lines; never NULL */
	uint32_t guest_cid;
	char *socket; /* the front end's; NULL if fd is given */
	int fd;	      /* a listening or connected socket in its place, or -1 */
	char *uds_path;
	uint32_t tx_buffer_size; /* bytes: buf_alloc, our credit to a guest */
	uint16_t queue_size;	 /* entries, the most that is accepted */

	/* Of both sockets, if set. */
	bool socket_mode_set;
	bool socket_owner_set;
	mode_t socket_mode;
	uid_t owner_uid;
	gid_t owner_gid;
};

struct config {
	struct vm_config *vms;
	unsigned nvms;
	enum engine engine;
	enum log_level log_level;
};

/* All that has a default has it; no VM. */
void config_init(struct config *config);

/* Frees what it holds. Accepts what config_init() left, more than once. */
void config_free(struct config *config);

/* A VM with the defaults, the last of config->vms. NULL: out of memory. */
struct vm_config *config_add_vm(struct config *config);

/* "auto", "io_uring", "epoll". */
const char *engine_name(enum engine engine);

/* Writes an INI file that gives the same settings when it is read. */
void config_print(const struct config *config, FILE *out);

#endif
