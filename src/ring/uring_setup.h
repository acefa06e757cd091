/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Opening an io_uring: what this kernel has is found out by asking it, not by
 * its version.
 */
#ifndef URING_VSOCK_RING_URING_SETUP_H
#define URING_VSOCK_RING_URING_SETUP_H

struct io_uring;

/* user_data of completions that mean nothing; set-up leaves some behind. */
#define URING_IGNORED_DATA 4

/*
 * Sets UR up in the newest way that the kernel takes. 0; or -errno with *WHY
 * in words, and UR is not open: io_uring is missing or forbidden (-ENOSYS,
 * -EPERM), out of memory or descriptors, or too old for what we need.
 */
int uring_setup(struct io_uring *ur, const char **why);

#endif
