/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The daemon's settings, complete and checked: what options_parse() makes of
 * the command line and the configuration file. Nobody changes them later.
 */
#ifndef URING_VSOCK_CONFIG_CONFIG_H
#define URING_VSOCK_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/log.h"
#include "base/ranges.h"

/* virtio 1.3, 5.10.4: 2 is the host, 0 to 2 and 0xffffffff are no guest's. */
#define CONFIG_CID_HOST 2u
#define CONFIG_CID_MIN 3u
#define CONFIG_CID_MAX 4294967294u

#define CONFIG_TX_BUFFER_MIN 4096u
#define CONFIG_TX_BUFFER_MAX 16777216u
#define CONFIG_QUEUE_MAX 32768u

#define CONFIG_NAME_MAX 31u
#define CONFIG_GROUP_MAX 63u

/* vsock(7): 0xffffffff is VMADDR_PORT_ANY, no port of anybody. */
#define CONFIG_PORT_MAX 4294967294u
#define CONFIG_FORWARDS_MAX 256u

#define CONFIG_WORKERS_MAX 64u
#define CONFIG_POLL_US_MAX 1000u

enum engine { ENGINE_AUTO, ENGINE_IO_URING, ENGINE_EPOLL, ENGINES };

/* An owner_uid: as chown(2) has it. */
#define CONFIG_OWNER_STAYS ((uid_t)-1)

/* A port of the host that is not <uds-path>_<port>. */
struct port_map {
	uint32_t port;
	char *path; /* "@NAME" is the abstract socket NAME */
};

struct vm_config {
	char *name; /* for log lines; never NULL */
	uint32_t guest_cid;
	char *socket; /* the front end's; NULL if fd is given */
	int fd;	      /* a listening or connected socket in its place, or -1 */
	char *uds_path;		  /* NULL if all is forwarded to AF_VSOCK */
	uint32_t tx_buffer_size;  /* bytes: buf_alloc, our credit to a guest */
	uint64_t tx_buffer_asked; /* before it was fitted in */
	uint16_t queue_size;	  /* entries, the most that is accepted */

	/* Of the sockets, if set. */
	bool socket_mode_set;
	bool socket_owner_set;
	mode_t socket_mode;
	uid_t owner_uid;
	gid_t owner_gid;

	/* Which guests it may talk to: those that are in one of these, too. */
	char **groups; /* ascending, none twice; at least one */
	unsigned ngroups;

	bool seqpacket;
	bool any_memory; /* the guest's may be in any file (ram_file.h) */

	/* AF_VSOCK on the host: where the guest's connections go, 0 for
	 * nowhere, and the ports that are listened on for the guest. */
	uint32_t forward_cid;
	struct ranges forward_listen;

	/* Without a limit every port is allowed. */
	bool guest_limited;
	bool host_limited;
	struct ranges allow_guest; /* ports that the guest may connect to */
	struct ranges allow_host;  /* the guest's, that programs may ask for */

	struct port_map *maps; /* ascending, no port twice */
	unsigned nmaps;
};

struct config {
	struct vm_config *vms;
	unsigned nvms;
	enum engine engine;
	enum log_level log_level;
	unsigned workers;   /* 0: as many as there are CPUs, or fewer VMs */
	struct ranges cpus; /* for the workers; empty: wherever they may run */
	unsigned poll_us;   /* the longest spin before a worker sleeps */
};

/* All that has a default has it; no VM. */
void config_init(struct config *config);

/* Frees what it holds. Accepts what config_init() left, more than once. */
void config_free(struct config *config);

/* A VM with the defaults, the last of config->vms. NULL: out of memory. */
struct vm_config *config_add_vm(struct config *config);

/*
 * Add to a list of VM. 0, or -ENOMEM; -EEXIST: a port that is mapped already.
 * A group is added once however often it is named.
 */
int config_add_group(struct vm_config *vm, const char *name, size_t len);
int config_add_map(struct vm_config *vm, uint32_t port, const char *path);

/* Where PORT of the host is, if it is not <uds-path>_<port>, or NULL. */
const char *config_mapped(const struct vm_config *vm, uint32_t port);

/*
 * Whether VM's guest means the host by CID: by 2, by forward-cid or, without
 * a uds-path, by any number that is nobody else's; a guest in a Nitro enclave
 * says 3.
 */
bool config_is_host(const struct vm_config *vm, uint32_t cid);

bool config_allows_guest(const struct vm_config *vm, uint32_t port);
bool config_allows_host(const struct vm_config *vm, uint32_t port);

/* "auto", "io_uring", "epoll". */
const char *engine_name(enum engine engine);

#endif
