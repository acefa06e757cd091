/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "sibling/keep.h"

#include <errno.h>

#include "link/half.h"
#include "link/link.h"

/* Messages without a byte, which no credit bounds, in one inbox or outbox. */
#define EMPTY_MAX 1024

int half_keep(struct parcels *parcels, const struct link *link,
	      struct iov_cursor *from, uint32_t len, uint32_t flags)
{
	if (!len && parcels->empty >= EMPTY_MAX)
		return -ENOBUFS;
	return parcels_add(parcels, from, len, flags,
			   !link_keeps_messages(link));
}

void half_forget(struct link *link)
{
	link->staged = LINK_NOT_STAGED;
	parcels_free(&link->half->outbox);
}
