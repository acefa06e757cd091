/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The way from one guest to another:
 *
 *	from_guest	conn_input(), link_tell(), sends_add(): noted and staged
 *	tell		the end of the turn: payload and news in messages, by a
 *			call or through a lane
 *	hear		conn_*() of the other half; payload into RX buffers, or
 *			into the inbox if the guest has no room
 */
#include "sibling/sibling.h"

#include <string.h>

#include "base/iov.h"
#include "config/config.h"
#include "guest/guest.h"
#include "link/half.h"
#include "link/half_message.h"
#include "link/link.h"
#include "sibling/hear.h"
#include "sibling/lane.h"
#include "sibling/switchboard.h"
#include "sibling/tell.h"
#include "turn/bell.h"
#include "turn/loop.h"
#include "vsock/packet.h"

/* Connections that one guest has asked for and that have no answer yet: its
 * flood must not use up what a guest may be asked for. */
#define ASKING_MAX 512

/* Halves of a guest that only wait for the other half's worker to hear of their
 * end. */
#define UNTOLD_MAX 1024

bool sibling_ask(struct guest *guest, const struct packet *request)
{
	struct loop *loop = guest->loop;
	struct switch_vm *other =
		switchboard_find(loop->board, request->dst_cid);
	struct link *link;
	uint64_t id;

	if (!other || other->config == guest->config ||
	    !switchboard_together(guest->config, other->config) ||
	    !atomic_load(&other->loop) ||
	    guest->siblings.asking >= ASKING_MAX ||
	    guest->siblings.halves >= guest->conns.count + UNTOLD_MAX)
		return false;
	/* An id that is never used again: the loop's number and its count. */
	id = (uint64_t)loop->index << 56 | ++loop->siblings.connections;
	link = link_new_half(guest, other, id);
	if (!link)
		return false;
	conn_init_from_guest(&link->conn, request, 0);
	link->conn.end_to_end = true;
	if (link_join(link) < 0) {
		link_kill(link);
		return false;
	}
	link_tell(link, HALF_ASKS);
	link_refresh(link);
	return true;
}

void sibling_note(struct link *link, const struct packet *packet)
{
	if (link->phase != LINK_JOINED)
		return;
	sibling_end_if_heard(link);
	/* What the guest grants is told along with payload anyway. */
	if (packet->op == PACKET_RW && link->staged != LINK_NOT_STAGED)
		link_tell(link, 0);
	else if (packet->op == PACKET_RW || packet->op == PACKET_CREDIT_UPDATE)
		link_tell(link, HALF_GRANTS);
	else if (packet->op == PACKET_CREDIT_REQUEST)
		link_tell(link, HALF_ASKS_CREDIT);
}

/* Hears all that the lane holds, as refuse.c relies on; the lane itself bounds
 * how many messages that are. If its writer found it full, the writer is told
 * that there is room again, and fills it for a later turn. */
static void hear_lane(struct loop *loop, struct turn *turn, unsigned from)
{
	struct lane *lane =
		switchboard_lane(loop->board, from, loop->index, false);
	struct iov_cursor at;
	struct iovec iov;
	struct half_message m;
	const char *bytes;
	size_t size, done;
	unsigned messages = 0;

	if (!lane)
		return;
	bytes = lane_peek(lane, &size);
	for (done = 0; done < size; done += half_message_size(&m)) {
		memcpy(&m, bytes + done, sizeof(m));
		iov.iov_base = (char *)bytes + done + sizeof(m);
		iov.iov_len = m.len;
		iov_begin(&at, &iov, 1);
		sibling_hear(loop, turn, &m, &at);
		messages++;
	}
	if (size && lane_read(lane, size, messages))
		bell_ring(switchboard_bell(loop->board, from));
}

static void publish_lane(struct loop *loop, unsigned to)
{
	struct lane *lane =
		switchboard_lane(loop->board, loop->index, to, false);

	if (lane && lane_publish(lane))
		bell_ring(switchboard_bell(loop->board, to));
}

void sibling_finish(struct loop *loop, struct turn *turn)
{
	unsigned workers = switchboard_workers(loop->board);
	unsigned i;

	for (i = 0; workers > 1 && i < workers; i++)
		hear_lane(loop, turn, i);
	sibling_tell_all(loop, turn);
	for (i = 0; workers > 1 && i < workers; i++)
		publish_lane(loop, i);
}
