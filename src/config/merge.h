/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The command line wins over the file, key by key:
 *
 * - daemon settings directly;
 * - a --vm changes the file's VM of the same name or else of the same CID,
 *   and adds a VM if the file has none of either;
 * - the options of a single VM (--guest-cid and so on) change the file's only
 *   VM, or make the only VM where no file says any.
 */
#ifndef URING_VSOCK_CONFIG_MERGE_H
#define URING_VSOCK_CONFIG_MERGE_H

#include "config/draft.h"

/*
 * FILE becomes what both together say; LINE and SINGLE, the options of a
 * single VM, lose what they gave.
 */
void config_merge(struct draft *file, struct draft *line,
		  struct section *single, struct mistakes *mistakes);

#endif
