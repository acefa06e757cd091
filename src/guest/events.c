/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * There is at most one event to send: a second reason for a reset, before the
 * guest has given a buffer for the first, adds nothing to it.
 */
#include "guest/events.h"

#include <linux/virtio_vsock.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "guest/guest.h"

/* An event of four bytes needs no more segments. */
#define SEGMENTS_MAX 4

static void write_event(struct virtq *vq, const struct chain *chain)
{
	char event[sizeof(struct virtio_vsock_event)];
	struct iov_cursor at;

	put_le32(event, VIRTIO_VSOCK_EVENT_TRANSPORT_RESET);
	iov_begin(&at, chain->iov, chain->nwrite);
	iov_write(&at, event, sizeof(event));
	virtq_give(vq, chain, sizeof(event));
}

void events_send(struct guest *guest)
{
	struct guest_queue *q = &guest->queue[GUEST_EVENT];
	struct iovec iov[SEGMENTS_MAX];
	struct chain chain;
	int taken;

	if (!guest->session.owes_reset || !queue_active(q))
		return;
	taken = virtq_take(&q->vq, iov, SEGMENTS_MAX, &chain);
	if (taken < 0 && !virtq_broken(&q->vq))
		virtq_break(&q->vq, "an event buffer in too many pieces");
	if (taken <= 0)
		return;
	write_event(&q->vq, &chain);
	guest->session.owes_reset = false;
	guest_log(guest, LOG_LEVEL_DEBUG, "transport reset sent");
	if (virtq_publish(&q->vq))
		queue_call(q);
}
