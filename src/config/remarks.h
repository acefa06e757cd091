/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Remarks on settings of a VM that are no mistakes: a value that was replaced
 * by another one, a path too long for the names that are made from it, a
 * directory in which others than the daemon's user may make names.
 */
#ifndef URING_VSOCK_CONFIG_REMARKS_H
#define URING_VSOCK_CONFIG_REMARKS_H

#include "base/log.h"

struct vm_config;

/* TEXT is one line without a newline, valid during the call. */
typedef void config_remark(void *user, enum log_level level, const char *text);

/*
 * Gives each remark on VM to SAY: at level WARN if it is for the log of a
 * start, at level INFO if it is only for a user who looks at the settings. The
 * directories of uds-path are looked at as they are now.
 */
void config_remarks(const struct vm_config *vm, config_remark *say, void *user);

#endif
