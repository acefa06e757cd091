/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the system tests share: one daemon with one guest in one world, run
 * once with each engine. A test that ends early leaves its daemon's directory
 * behind, and says where.
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

/* Engines that tests loop over; in a test _i is the one to take. */
int engines(void);
const char *engine_name(int engine);

/* A daemon without a guest; CONFIG (its engine is set) may be NULL. */
void scene_daemon(struct scene *s, int engine,
		  const struct daemon_config *config);
/* A daemon with Linux 6.12 in its VM 0. */
void scene_open(struct scene *s, int engine);
/* A daemon with a guest like this. */
void scene_open_with(struct scene *s, int engine,
		     const struct guest_config *config);
/* Guest and daemon go; fails unless the daemon exits cleanly. */
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
/* The same with any guest of any VM's hybrid socket. */
void pair_open_from_guest(struct pair *p, struct guest *guest, const char *uds);
void pair_open_from_host(struct pair *p, struct guest *guest, const char *uds);
/* Both ends close; returns when both have seen it. */
void pair_close(struct pair *p);
/* LENGTH bytes one way, compared. */
void pair_to_host(struct pair *p, uint64_t length);
void pair_to_guest(struct pair *p, uint64_t length);
/* The same both ways at once. */
void pair_both_ways(struct pair *p, uint64_t length);
/* The same in parts: what each side will have got in the end. */
uint64_t pair_begin_to_host(struct pair *p, uint64_t length);
uint64_t pair_begin_to_guest(struct pair *p, uint64_t length);

/* NOW of the daemon's memory is no more than LIMIT. Not looked at where
 * sanitizers use it, and keep it, in their own way. */
bool memory_within(uint64_t now_kib, uint64_t limit_kib);
void expect_memory(uint64_t now_kib, uint64_t limit_kib);

/* A connection each way moves bytes each way. */
void scene_check_works(struct scene *s);
void guest_check_works(struct guest *guest, const char *uds);

/* COUNT connections of GUEST to PORT, all of which get an answer. Returns how
 * many were refused. */
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
