/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The program under test, run in a directory of its own: the one that the
 * environment variable URING_VSOCK names, or the one built in this tree, or
 * vhost-device-vsock where a comparison is wanted. If it dies at the wrong
 * time, the test program ends. daemon_stop() removes its log; if that is never
 * called, the directory stays behind for whoever looks into the failure.
 */
#ifndef URING_VSOCK_FRONTEND_DAEMON_H
#define URING_VSOCK_FRONTEND_DAEMON_H

#include <sys/types.h>

#include "frontend/world.h"

#define DAEMON_VMS_MAX 128
#define DAEMON_ARGS_MAX 16
#define DAEMON_CID 3u /* of VM 0; the next ones follow */

struct daemon_config {
	const char *program; /* NULL: see above */
	const char *engine;  /* NULL: no --engine */
	const char *workers; /* NULL: the environment's URING_VSOCK_WORKERS */
	unsigned vms;	     /* 0: one */
	bool classic;	     /* --guest-cid, --socket, --uds-path: one VM */
	bool no_uds;	     /* no uds-path */
	bool nohup;	     /* SIGHUP is ignored from the start */
	const char *vm_keys; /* appended to each --vm, begins with a comma */
	const char *vm_keys_of[2];	   /* the same, of the first two only */
	const char *args[DAEMON_ARGS_MAX]; /* more of them */
	unsigned nofile; /* RLIMIT_NOFILE, soft and hard; 0: as it is */
};

struct daemon {
	struct world *world;
	struct watch watch; /* of the process */
	pid_t pid;
	bool ours;
	char dir[64];
	char socket[DAEMON_VMS_MAX][96]; /* vhost-user sockets */
	char uds[DAEMON_VMS_MAX][96];	 /* hybrid sockets */
	unsigned vms;
};

struct daemon_usage {
	unsigned fds;
	uint64_t anonymous_kib; /* resident */
	uint64_t cpu_ticks;
	uint64_t wakeups; /* voluntary context switches of all threads */
};

/* Returns when the daemon serves. The log level must not be above info. */
void daemon_start(struct daemon *d, const struct daemon_config *config,
		  struct world *w);
/* Sends SIGTERM; fails unless the daemon exits with 0 and cleans up after
 * itself. */
void daemon_stop(struct daemon *d);
/* The same if somebody else has sent the signal, or will. */
void daemon_expect_exit(struct daemon *d);
void daemon_kill(struct daemon *d);
/* Between these two no thread of the daemon runs: it finds all at once that was
 * done meanwhile, and descriptors that were sent and closed are its own alone. */
void daemon_freeze(const struct daemon *d);
void daemon_thaw(const struct daemon *d);

struct daemon_usage daemon_usage(const struct daemon *d);
unsigned daemon_fds(const struct daemon *d);
/* How many lines of the log contain TEXT. */
unsigned daemon_log_count(const struct daemon *d, const char *text);
/* The log's size in lines. */
unsigned daemon_log_lines(const struct daemon *d);

#endif
