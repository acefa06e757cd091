/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "turn/bell.h"

#include <errno.h>
#include <sys/eventfd.h>

int bell_open(struct bell *bell)
{
	atomic_init(&bell->rung, false);
	atomic_init(&bell->asleep, false);
	bell->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return bell->fd < 0 ? -errno : 0;
}

void bell_close(struct bell *bell)
{
	fd_close(&bell->fd);
}
