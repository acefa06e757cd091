/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the system tests share: a daemon and a guest in a world of their own.
 * Each test runs once with each engine. A test that fails leaves its daemon's
 * directory behind, and says where it is.
 */
#ifndef URING_VSOCK_TESTS_SYSTEM_H
#define URING_VSOCK_TESTS_SYSTEM_H

#include <check.h>

#include "frontend/daemon.h"
#include "frontend/guest.h"
#include "frontend/host.h"

#define MIB (1024u * 1024u)
#define PORT 5000u /* where the host listens in most tests */

struct scene {
	struct world world;
	struct daemon daemon;
	struct guest guest;
};

/* The engines that tests loop over; inside a test, _i is the one to use. */
int engines(void);
const char *engine_name(int engine);

/* A daemon without a guest. CONFIG may be NULL; its engine is set here. */
void scene_daemon(struct scene *s, int engine,
		  const struct daemon_config *config);
/* A daemon with Linux 6.12 in its VM 0. */
void scene_open(struct scene *s, int engine);
/* A daemon with such a guest. */
void scene_open_with(struct scene *s, int engine,
		     const struct guest_config *config);
/* Ends the guest and the daemon; fails unless the daemon exits cleanly. */
void scene_close(struct scene *s);

struct pair {
	struct world *world;
	struct gsock *guest;
	struct host_conn host;
};

/* A connection that the guest, or the host, has opened. */
void pair_from_guest(struct scene *s, struct pair *p);
void pair_from_host(struct scene *s, struct pair *p);
/* The same with SEQPACKET sockets. */
void pair_seqpacket_from_guest(struct scene *s, struct pair *p);
void pair_seqpacket_from_host(struct scene *s, struct pair *p);
/* The same with any guest, and the hybrid socket of its VM. */
void pair_open_from_guest(struct pair *p, struct guest *guest, const char *uds);
void pair_open_from_host(struct pair *p, struct guest *guest, const char *uds);
/* Both ends close; returns when both have seen it. */
void pair_close(struct pair *p);
/* LENGTH bytes in one direction, compared. */
void pair_to_host(struct pair *p, uint64_t length);
void pair_to_guest(struct pair *p, uint64_t length);
/* The same in both directions at once. */
void pair_both_ways(struct pair *p, uint64_t length);
/* Begins the same and returns what that side will have received in the end. */
uint64_t pair_begin_to_host(struct pair *p, uint64_t length);
uint64_t pair_begin_to_guest(struct pair *p, uint64_t length);

/* Whether the daemon's memory, NOW, is no more than LIMIT. Always true in
 * builds with sanitizers, which use memory in their own way and keep it. */
bool memory_within(uint64_t now_kib, uint64_t limit_kib);
void expect_memory(uint64_t now_kib, uint64_t limit_kib);

/* Connections from both sides move bytes in both directions. */
void scene_check_works(struct scene *s);
void guest_check_works(struct guest *guest, const char *uds);

/* The number in the environment variable NAME, or OTHERWISE. */
unsigned guest_connect_many(struct guest *guest, struct gsock **g,
			    unsigned count);

/*
 * Between these two, programs that the test starts preload a library, which
 * stands for a kernel that is not there. The environment variable VARIABLE
 * names the library's file; without it that is PATH.
 */
void preload_begin(const char *variable, const char *path);
void preload_end(void);

/* What the variable NAME says, or OTHERWISE. */
uint64_t number_from_environment(const char *name, uint64_t otherwise);

/*
 * Runs COUNT tests, each with every engine, as the suite NAME; returns the
 * program's exit status.
 */
int run_tests(const char *name, const TTest *const *tests, size_t count);

#endif
