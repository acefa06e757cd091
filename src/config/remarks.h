/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What is no mistake in a VM's settings and yet wants a word: a value that was
 * taken for another one, a name too long for what hangs on it, a directory in
 * which others than the daemon decide.
 */
#ifndef URING_VSOCK_CONFIG_REMARKS_H
#define URING_VSOCK_CONFIG_REMARKS_H

#include "base/log.h"

struct vm_config;

/* TEXT is one line without a newline, valid during the call. */
typedef void config_remark(void *user, enum log_level level, const char *text);

/*
 * Gives each remark on VM to SAY: as WARN what is for the log of a start, as
 * INFO what only somebody wants to know who looks at the settings. The
 * directories of uds-path are looked at as they are now.
 */
void config_remarks(const struct vm_config *vm, config_remark *say, void *user);

#endif
