/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A SEQPACKET connection whose guest's end is played by hand. */
#ifndef URING_VSOCK_TESTS_HAND_H
#define URING_VSOCK_TESTS_HAND_H

#include "system/system.h"

#define HAND_PORT 7000u /* the guest's */

struct hand {
	struct scene *scene;
	struct gsock *g; /* raw: its packets are only recorded */
	struct host_conn host;
};

/* Connects to a host program that listens for it. */
void hand_open(struct hand *h, struct scene *s);
void hand_send(struct hand *h, uint16_t op, uint32_t flags, const void *bytes,
	       uint32_t length);
/* An RST has come, or comes now. */
void hand_expect_reset(struct hand *h);

/* Returns when the daemon has dealt with all that the guest sent before. */
void scene_flush(struct scene *s);

/* A daemon with these keys for its VM, and Linux 6.12 in the VM. */
void scene_open_with_keys(struct scene *s, int engine, const char *keys);

#endif
