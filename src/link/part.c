/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The last word to the other end of a link's connection (link.h). */
#include "link/link.h"

#include "base/clock.h"
#include "guest/guest.h"
#include "link/half.h"
#include "turn/loop.h"

bool link_part_later(struct link *link)
{
	struct loop *loop = link->guest->loop;

	if (link->parting)
		return true;
	/* Nobody is at the other end of one that waits for a backlog. */
	if (link->phase != LINK_JOINED || link->waiting ||
	    !conn_owes_end(&link->conn) || !guest_running(link->guest))
		return false;
	if (link->fd >= 0)
		link_leave_socket(link);
	link->parting = true;
	timer_arm(&loop->parting, &link->timer, clock_ms());
	return true;
}

void link_part(struct link *link)
{
	struct half *half = link->half;

	link->parting = false;
	timer_disarm(&link->timer);
	list_remove(&link->host_node);
	link_close_socket(link);
	if (half) {
		link_tell(link, half->end);
		guest_wake(link->guest);
	}
	link_refresh(link);
}

void link_part_told(struct guest *guest)
{
	struct loop *loop = guest->loop;
	unsigned enough = loop->chores + LOOP_CHORES_OF_A_KIND;

	while (!list_empty(&guest->ending.told) && loop->chores < enough) {
		loop_count_chores(loop, 1);
		link_part(list_first(&guest->ending.told, struct link,
				     host_node));
	}
	if (!list_empty(&guest->ending.told))
		guest_wake(guest);
}

void link_part_due(struct loop *loop, uint64_t now_ms)
{
	struct timer *timer;

	while (loop->chores < LOOP_CHORES &&
	       (timer = timer_take_due(&loop->parting, now_ms))) {
		loop_count_chores(loop, 1);
		link_part(container_of(timer, struct link, timer));
	}
}
