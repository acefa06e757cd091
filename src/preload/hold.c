/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The descriptor is copied under the lock: as long as the table has its number,
 * close() has not closed it, since close() takes the entry away first.
 */
#include "preload/hold.h"

#include <errno.h>
#include <fcntl.h>

#include "preload/real.h"
#include "preload/state.h"
#include "preload/table.h"

#define HIDDEN_FROM 900 /* beyond the numbers that programs choose */

static unsigned int holds; /* with the lock */

int hold_copy(int fd)
{
	int copy = real()->fcntl(fd, F_DUPFD_CLOEXEC, HIDDEN_FROM);

	/* The limit on open files may be lower than that. */
	if (copy < 0 && errno == EINVAL)
		copy = real()->fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return copy;
}

struct hold hold_begin(int fd)
{
	struct hold hold = { .fd = fd };
	struct state_guard saved;
	int copy = -1;

	state_lock(&saved);
	if (table_find(fd))
		copy = hold_copy(fd);
	if (copy >= 0 && table_hold(fd, copy) == 0) {
		hold = (struct hold){ .fd = copy, .copy = true };
		holds++;
	} else if (copy >= 0) {
		real()->close(copy);
	}
	state_unlock(&saved);
	return hold;
}

bool hold_end(const struct hold *hold, struct endpoint *last)
{
	struct state_guard saved;
	bool was_last;

	if (!hold->copy)
		return false;
	state_lock(&saved);
	was_last = table_take(hold->fd, last);
	holds--;
	state_unlock(&saved);
	real()->close(hold->fd);
	return was_last;
}

/* If a hold was an endpoint's last reference, the parent cleans up. */
void hold_end_all(void)
{
	for (int fd = table_next(0); holds && fd >= 0;
	     fd = table_next(fd + 1)) {
		struct endpoint last;

		if (!table_is_hidden(fd) || !table_find(fd))
			continue;
		table_take(fd, &last);
		real()->close(fd);
		holds--;
	}
}
