/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A key that is added here can be given in every way, and --help prints it. A
 * name that is no key is answered with the nearest one, by the number of wrong
 * letters. One may be wrong, and one more for every three that the key has;
 * beyond that it would be a guess.
 */
#include "config/keys.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "config/lists.h"
#include "config/values.h"

#define KEY_LEN_MAX 32

static const struct config_key_row rows[] = {
	[KEY_NAME] = {
		.name = "name",
		.argument = "NAME",
		.standard = "vm<CID>",
		.help = "what the log calls the VM",
		.parse_vm = value_name,
	},
	[KEY_GUEST_CID] = {
		.name = "guest-cid",
		.argument = "CID",
		.standard = "3",
		.help = "the guest's context identifier, 3 to 4294967294",
		.parse_vm = value_guest_cid,
	},
	[KEY_SOCKET] = {
		.name = "socket",
		.alias = "socket-path",
		.argument = "PATH",
		.help = "the Unix socket that the hypervisor connects to",
		.parse_vm = value_socket,
	},
	[KEY_FD] = {
		.name = "fd",
		.argument = "N",
		.help = "in place of socket: a listening or connected one",
		.parse_vm = value_fd,
	},
	[KEY_UDS_PATH] = {
		.name = "uds-path",
		.argument = "PATH",
		.help = "the Unix socket for programs on the host; the guest "
			"reaches PATH_<port>",
		.parse_vm = value_uds_path,
	},
	[KEY_TX_BUFFER_SIZE] = {
		.name = "tx-buffer-size",
		.argument = "BYTES",
		.standard = "262144",
		.help = "what a guest's connection may have in flight, 4K "
			"to 16M",
		.parse_vm = value_tx_buffer_size,
	},
	[KEY_QUEUE_SIZE] = {
		.name = "queue-size",
		.argument = "ENTRIES",
		.standard = "1024",
		.help = "the largest queue, a power of two up to 32768",
		.parse_vm = value_queue_size,
	},
	[KEY_SOCKET_MODE] = {
		.name = "socket-mode",
		.argument = "MODE",
		.standard = "by the umask",
		.help = "permissions of the VM's sockets, in octal",
		.parse_vm = value_socket_mode,
	},
	[KEY_SOCKET_OWNER] = {
		.name = "socket-owner",
		.argument = "[USER]:GROUP",
		.standard = "who starts it",
		.help = "owner and group of the VM's sockets, names or numbers",
		.parse_vm = value_socket_owner,
	},
	[KEY_GROUPS] = {
		.name = "groups",
		.argument = "A+B",
		.standard = "default",
		.help = "guests that share one of these reach each other",
		.list = true,
		.parse_vm = value_groups,
	},
	[KEY_SEQPACKET] = {
		.name = "seqpacket",
		.argument = "yes|no",
		.standard = "yes",
		.help = "offer SOCK_SEQPACKET to the guest",
		.parse_vm = value_seqpacket,
	},
	[KEY_MEMORY] = {
		.name = "memory",
		.argument = "local|any",
		.standard = "local",
		.help = "the guest's: shared memory and local disks, or any "
			"file",
		.parse_vm = value_memory,
	},
	[KEY_FORWARD_CID] = {
		.name = "forward-cid",
		.argument = "CID",
		.help = "the guest's connections go to AF_VSOCK CID of the "
			"host",
		.parse_vm = value_forward_cid,
	},
	[KEY_FORWARD_LISTEN] = {
		.name = "forward-listen",
		.argument = "PORT+PORT",
		.help = "listen on AF_VSOCK ports of the host for the guest",
		.list = true,
		.parse_vm = value_forward_listen,
	},
	[KEY_ALLOW_GUEST] = {
		.name = "allow-guest",
		.argument = "PORTS",
		.standard = "all",
		.help = "what the guest may connect to, such as 22+1024-2047",
		.list = true,
		.parse_vm = value_allow_guest,
	},
	[KEY_ALLOW_HOST] = {
		.name = "allow-host",
		.argument = "PORTS",
		.standard = "all",
		.help = "the guest's ports that the host may ask for",
		.list = true,
		.parse_vm = value_allow_host,
	},
	[KEY_MAP] = {
		.name = "map",
		.argument = "PORT:PATH",
		.help = "where this port of the host is, or @NAME; repeatable",
		.list = true,
		.pairs = true,
		.parse_vm = value_map,
	},
	[KEY_ENGINE] = {
		.name = "engine",
		.argument = "auto|io_uring|epoll",
		.standard = "auto",
		.help = "how to wait for and move data",
		.parse_daemon = value_engine,
	},
	[KEY_LOG_LEVEL] = {
		.name = "log-level",
		.argument = "error|warn|info|debug",
		.standard = "info",
		.help = "what to log on stderr",
		.parse_daemon = value_log_level,
	},
	[KEY_WORKERS] = {
		.name = "workers",
		.argument = "N|auto",
		.standard = "1",
		.help = "threads that serve the VMs, up to 64",
		.parse_daemon = value_workers,
	},
	[KEY_CPUS] = {
		.name = "cpus",
		.argument = "LIST",
		.help = "where the workers run, such as 0-3,8",
		.list = true,
		.parse_daemon = value_cpus,
	},
	[KEY_POLL_US] = {
		.name = "poll-us",
		.argument = "N",
		.standard = "50",
		.help = "microseconds to spin before sleeping, 0 to 1000",
		.parse_daemon = value_poll_us,
	},
};
static_assert(ARRAY_SIZE(rows) == CONFIG_KEYS, "a row for each key");

const struct config_key_row *config_key_row(enum config_key key)
{
	return &rows[key];
}

enum config_scope config_key_scope(enum config_key key)
{
	return rows[key].parse_daemon ? SCOPE_DAEMON : SCOPE_VM;
}

static char plain(char c)
{
	return c == '_' ? '-' : c;
}

bool config_key_equal(const char *a, const char *b)
{
	while (*a && plain(*a) == plain(*b)) {
		a++;
		b++;
	}
	return plain(*a) == plain(*b);
}

enum config_key config_key_find(const char *name)
{
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++) {
		if (config_key_equal(rows[i].name, name) ||
		    (rows[i].alias && config_key_equal(rows[i].alias, name)))
			break;
	}
	return (enum config_key)i;
}

/* The Levenshtein distance, a row of its matrix at a time. */
unsigned config_key_distance(const char *written, const char *name)
{
	size_t len = strlen(name);
	unsigned row[KEY_LEN_MAX + 1];
	unsigned above_left, above, cost;
	size_t i, j;

	if (len > KEY_LEN_MAX)
		return UINT_MAX;
	for (j = 0; j <= len; j++)
		row[j] = (unsigned)j;
	for (i = 0; written[i]; i++) {
		above_left = row[0]++;
		for (j = 0; j < len; j++) {
			above = row[j + 1];
			cost = plain(written[i]) != plain(name[j]);
			row[j + 1] = min_u32(above_left + cost,
					     min_u32(above, row[j]) + 1);
			above_left = above;
		}
	}
	return row[len] <= 1 + len / 3 ? row[len] : UINT_MAX;
}

const char *config_key_nearest(const char *name, enum config_scope scope)
{
	const char *nearest = NULL;
	unsigned best = UINT_MAX;
	unsigned distance;
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++) {
		if (config_key_scope((enum config_key)i) != scope)
			continue;
		distance = config_key_distance(name, rows[i].name);
		if (distance < best) {
			best = distance;
			nearest = rows[i].name;
		}
	}
	return nearest;
}
