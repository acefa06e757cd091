/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * This plays how Linux avoids being flooded, too. Control packets wait in a
 * list without a bound, but the replies among them are counted: when there are
 * as many of them as the RX ring has entries, nothing more is received until
 * some were sent. A device that waits for RX buffers before it takes from the
 * TX ring would then stand still.
 *
 * The RX ring is refilled when half of its buffers are gone, as Linux's driver
 * does it, so that the device also meets an RX ring that runs low.
 */
#include "frontend/driver_io.h"

#include <stdlib.h>

#include "frontend/flow.h"

struct queued_packet {
	struct list node;
	struct packet packet;
	bool reply;
};

void driver_fill_rx(struct driver *d)
{
	struct ring *rx = &d->rings[DRIVER_RX];

	while (!list_empty(&d->rx_free)) {
		struct buffer *b = list_first(&d->rx_free, struct buffer, node);

		buffer_cut(b, &d->config.rx_shape, driver_rx_bytes(&d->config),
			   !d->config.trusting);
		if (!ring_add(rx, b->segments, 0, b->count,
			      d->config.rx_shape.mode, b))
			break;
		list_remove(&b->node);
	}
	if (ring_in_flight(rx) > d->rx_most)
		d->rx_most = ring_in_flight(rx);
	ring_kick(rx);
}

static void take_packet(struct driver *d, struct buffer *b, uint32_t len)
{
	uint8_t header[PACKET_HEADER];
	struct packet p;
	char text[128];

	if (len < PACKET_HEADER || len > b->bytes)
		die("the device used %u bytes of a buffer of %zu", len,
		    b->bytes);
	buffer_read(b, 0, header, sizeof(header));
	packet_decode(header, &p);
	if (len != PACKET_HEADER + p.len)
		die("used length %u for: %s", len, packet_text(&p, text));
	buffer_check_poison(b, len, d->config.lone);
	d->received++;
	if (p.op < ARRAY_SIZE(d->packets_by_op))
		d->packets_by_op[p.op]++;
	d->ops->received(d, &p, b);
	list_append(&d->rx_free, &b->node);
}

/* False: too many replies are owed. */
static bool take_received(struct driver *d)
{
	struct ring *rx = &d->rings[DRIVER_RX];
	struct buffer *b;
	uint32_t len;

	for (;;) {
		if (d->queued_replies >= rx->size)
			return false;
		b = ring_take(rx, &len);
		if (!b)
			return true;
		take_packet(d, b, len);
	}
}

void driver_run_rx(struct driver *d)
{
	struct ring *rx = &d->rings[DRIVER_RX];
	uint64_t before = d->received;

	if (!d->running || d->rx_paused)
		return;
	do {
		ring_calls_off(rx);
		d->rx_stalled = !take_received(d);
	} while (!d->rx_stalled && ring_calls_on(rx));
	if (ring_in_flight(rx) < (d->rx_most + 1) / 2 || d->rx_most < 2)
		driver_fill_rx(d);
	if (d->received != before)
		d->ops->batch_over(d);
}

void driver_reclaim_tx(struct driver *d)
{
	struct ring *tx = &d->rings[DRIVER_TX];
	struct buffer *b;
	uint32_t len;

	do {
		ring_calls_off(tx);
		while ((b = ring_take(tx, &len)) != NULL) {
			if (len)
				die("the device wrote %u bytes to TX", len);
			list_append(&d->tx_free, &b->node);
		}
	} while (ring_calls_on(tx));
}

static struct buffer *tx_buffer(struct driver *d)
{
	if (list_empty(&d->tx_free))
		return NULL;
	return list_first(&d->tx_free, struct buffer, node);
}

/* B was cut and filled. */
static bool offer(struct driver *d, struct buffer *b)
{
	struct ring *tx = &d->rings[DRIVER_TX];

	if (!ring_add(tx, b->segments, b->count, 0, d->config.tx_shape.mode, b))
		return false;
	list_remove(&b->node);
	d->sent++;
	if (d->config.kick_each)
		ring_kick(tx);
	return true;
}

static struct buffer *prepare(struct driver *d, const struct packet *p,
			      size_t payload)
{
	uint8_t header[PACKET_HEADER];
	struct buffer *b = tx_buffer(d);

	if (!b)
		return NULL;
	packet_encode(p, header);
	buffer_cut(b, &d->config.tx_shape, PACKET_HEADER + payload, false);
	buffer_write(b, 0, header, sizeof(header));
	return b;
}

bool driver_send_raw(struct driver *d, const struct packet *p,
		     const void *payload, size_t length)
{
	struct buffer *b = prepare(d, p, length);

	if (!b)
		return false;
	buffer_write(b, PACKET_HEADER, payload, length);
	return offer(d, b);
}

static bool send_queued(struct driver *d)
{
	while (!list_empty(&d->queued)) {
		struct queued_packet *q =
			list_first(&d->queued, struct queued_packet, node);

		if (!driver_send_raw(d, &q->packet, NULL, 0))
			return false;
		d->queued_replies -= q->reply;
		list_remove(&q->node);
		free(q);
	}
	return true;
}

/*
 * A data packet needs at most as many descriptors as its shape says. That is
 * checked before pull(), so that pull() never has to take anything back.
 */
static bool room_for_data(struct driver *d)
{
	const struct driver_config *c = &d->config;
	struct ring *tx = &d->rings[DRIVER_TX];
	struct buffer *b = tx_buffer(d);

	if (!b)
		return false;
	if (c->tx_shape.mode != RING_DIRECT)
		return tx->free_count >=
		       (c->tx_shape.mode == RING_MIXED ? 2 : 1);
	return tx->free_count >= min_u32(b->segments_max, tx->size);
}

void driver_run_tx(struct driver *d)
{
	if (!d->running)
		return;
	if (send_queued(d))
		while (room_for_data(d) && d->ops->pull(d))
			;
	ring_kick(&d->rings[DRIVER_TX]);
	if (d->rx_stalled && d->queued_replies < d->rings[DRIVER_RX].size)
		driver_run_rx(d);
}

void driver_send(struct driver *d, const struct packet *p, bool reply)
{
	struct queued_packet *q = need_zeroed(1, sizeof(*q));

	q->packet = *p;
	q->reply = reply;
	d->queued_replies += reply;
	list_append(&d->queued, &q->node);
}

void driver_send_data(struct driver *d, const struct packet *p,
		      struct source *source)
{
	struct buffer *b = prepare(d, p, p->len);
	size_t at = 0;

	if (!b)
		die("no TX buffer is left, though one was looked for");
	while (at < p->len && !d->config.trusting) {
		size_t n;
		const void *bytes = source_peek(source, p->len - at, &n);

		buffer_write(b, PACKET_HEADER + at, bytes, n);
		source_advance(source, n);
		at += n;
	}
	if (d->config.trusting)
		source_advance(source, p->len);
	if (!offer(d, b))
		die("a TX ring of %u is too small for this shape",
		    d->config.tx_size);
}

bool driver_tx_idle(const struct driver *d)
{
	return list_empty(&d->queued) && !ring_in_flight(&d->rings[DRIVER_TX]);
}

static void offer_event(struct ring *ring, uint32_t *event)
{
	struct ring_segment s = { event, sizeof(*event) };

	ring_add(ring, &s, 0, 1, RING_DIRECT, event);
	ring_kick(ring);
}

void driver_run_events(struct driver *d)
{
	struct ring *ring = &d->rings[DRIVER_EVENT];
	uint32_t *event;
	uint32_t len;

	if (!d->running || !d->event_buffers)
		return;
	while ((event = ring_take(ring, &len)) != NULL) {
		if (len != sizeof(*event) || *event != 0)
			die("event %u of %u bytes", *event, len);
		d->events++;
		if (!d->keeps_events)
			offer_event(ring, event);
	}
}

void driver_return_events(struct driver *d)
{
	d->keeps_events = false;
	offer_event(&d->rings[DRIVER_EVENT], d->event_buffers);
}

void driver_forget_queued(struct driver *d)
{
	struct list *node;

	while ((node = list_take(&d->queued)))
		free(container_of(node, struct queued_packet, node));
	d->queued_replies = 0;
}
