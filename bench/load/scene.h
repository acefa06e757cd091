/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The participants of a measurement: guests and host programs around a daemon,
 * or two programs around plain socket pairs, which are the limit. One end of
 * each pair does what the guest would do. Between sibling guests there are no
 * programs on the host: the second of two guests has their part.
 */
#ifndef URING_VSOCK_BENCH_SCENE_H
#define URING_VSOCK_BENCH_SCENE_H

#include "dialer.h"
#include "load_guest.h"
#include "host.h"

struct scene;

struct scene_count {
	uint64_t ns; /* when this was counted */
	uint64_t bytes;
	uint64_t to_guest; /* that arrived at guests, of these */
	uint64_t siblings; /* that arrived at the second of two guests */
	uint64_t messages;
	uint64_t sent; /* packets, by guests */
	uint64_t received;
	uint64_t kicks;
	uint64_t calls;
	uint64_t wakeups; /* of guests */
	uint64_t updates; /* of credit, by guests */
};

/* PATHS: a vhost-user socket and a hybrid socket for each VM; or the kernel's
 * device and anything. */
struct scene *scene_of_vms(const struct plan *plan, char **paths, unsigned cid);
struct scene *scene_of_pairs(const struct plan *plan);

/* Opens all connections; false if that takes longer than TIMEOUT_MS. *TOOK_NS
 * is the time since the guests started. */
bool scene_open(struct scene *s, unsigned timeout_ms, uint64_t *took_ns);
unsigned scene_open_count(const struct scene *s);
/* The host's programs begin. */
void scene_start(struct scene *s);

struct scene_count scene_count(const struct scene *s);
/* Latencies are recorded from now on, or no longer. */
void scene_record(struct scene *s, bool on);
void scene_print_latency(const struct scene *s);

#endif
