/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The gate between what was written and what is used: behind it every value
 * is in its range, nothing is missing and no two VMs are in each other's way.
 */
#ifndef URING_VSOCK_CONFIG_BUILD_H
#define URING_VSOCK_CONFIG_BUILD_H

struct config;
struct draft;
struct mistakes;

/*
 * Fills OUT, which config_init() made, from DRAFT. OUT may be used if
 * MISTAKES has none afterwards, and must be freed in any case.
 */
void config_build(const struct draft *draft, struct config *out,
		  struct mistakes *mistakes);

#endif
