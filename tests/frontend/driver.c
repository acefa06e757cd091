/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Like Linux's, the driver reacts to two things only: a call on either ring,
 * and its own wish to send, for which the ticker stands. It switches calls off
 * while it takes used buffers, on again afterwards, and then looks at the ring
 * once more. A device that forgets a call at the wrong moment makes the test
 * hang.
 */
#include "frontend/driver.h"

#include <stdlib.h>

#define TX_BUFFERS_MAX 128u
#define EVENT_BUFFERS 8u

size_t driver_rx_bytes(const struct driver_config *c)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < c->rx_shape.ncuts; i++)
		bytes += c->rx_shape.cuts[i];
	return bytes;
}

static unsigned rx_buffers(const struct driver_config *c)
{
	unsigned each = c->rx_shape.mode == RING_DIRECT ? c->rx_shape.ncuts : 1;
	unsigned fit = c->rx_size / (each ? each : 1);

	return c->rx_buffers && c->rx_buffers < fit ? c->rx_buffers : fit;
}

/* Each buffer that lies across two regions needs a border of its own, and the
 * memory up to that. */
static unsigned tx_buffers(const struct driver_config *c)
{
	return min_u32(c->tx_size, c->tx_shape.across ? 2 : TX_BUFFERS_MAX);
}

static size_t ring_bytes(unsigned size, unsigned table)
{
	return size * (26ull + 16ull * table) + 4096;
}

size_t driver_ram_size(const struct driver_config *c)
{
	size_t tx = PACKET_HEADER + PACKET_PAYLOAD_MAX;
	unsigned tx_segments = shape_segments_max(&c->tx_shape, tx);

	size_t rx_gaps = BUFFER_GAP * (c->rx_shape.ncuts + 2);
	size_t tx_gaps = BUFFER_GAP * (tx_segments + 2);

	return ring_bytes(c->rx_size, c->rx_shape.ncuts) +
	       ring_bytes(c->tx_size, tx_segments) +
	       ring_bytes(c->event_size, 0) +
	       rx_buffers(c) * (driver_rx_bytes(c) + rx_gaps) +
	       tx_buffers(c) * (tx + tx_gaps) + (1u << 20);
}

unsigned driver_rings(const struct driver *d)
{
	return d->config.event_size ? 3 : 2;
}

static void on_rx_call(struct watch *watch, uint32_t events)
{
	struct driver *d = container_of(watch, struct driver, rx_watch);

	(void)events;
	ring_called(&d->rings[DRIVER_RX]);
	driver_run_rx(d);
}

static void on_tx_call(struct watch *watch, uint32_t events)
{
	struct driver *d = container_of(watch, struct driver, tx_watch);

	(void)events;
	ring_called(&d->rings[DRIVER_TX]);
	if (d->running)
		driver_reclaim_tx(d);
}

static void on_tick(struct ticker *ticker)
{
	struct driver *d = container_of(ticker, struct driver, ticker);

	if (d->running && d->config.polling) {
		driver_run_rx(d);
		driver_reclaim_tx(d);
	}
	driver_run_tx(d);
	driver_run_events(d);
}

static void free_all_buffers(struct driver *d)
{
	list_init(&d->rx_free);
	list_init(&d->tx_free);
	for (unsigned i = 0; i < d->rx_count; i++)
		list_append(&d->rx_free, &d->rx_buffers[i].node);
	for (unsigned i = 0; i < d->tx_count; i++)
		list_append(&d->tx_free, &d->tx_buffers[i].node);
}

static void init_rings(struct driver *d)
{
	const struct driver_config *c = &d->config;
	bool event_idx = c->features & VU_F_EVENT_IDX;
	size_t tx = PACKET_HEADER + PACKET_PAYLOAD_MAX;
	unsigned rx_table = c->rx_shape.mode == RING_DIRECT ? 0
							    : c->rx_shape.ncuts;
	unsigned tx_table = c->tx_shape.mode == RING_DIRECT
				    ? 0
				    : shape_segments_max(&c->tx_shape, tx);

	ring_init(&d->rings[DRIVER_RX], d->ram, c->rx_size, event_idx,
		  rx_table);
	ring_init(&d->rings[DRIVER_TX], d->ram, c->tx_size, event_idx,
		  tx_table);
	d->rings[DRIVER_RX].in_order = c->features & VU_F_IN_ORDER;
	d->rings[DRIVER_TX].in_order = c->features & VU_F_IN_ORDER;
	if (!c->event_size)
		return;
	ring_init(&d->rings[DRIVER_EVENT], d->ram, c->event_size, event_idx, 0);
	d->rings[DRIVER_EVENT].in_order = c->features & VU_F_IN_ORDER;
	d->event_buffers = ram_alloc(d->ram, EVENT_BUFFERS * sizeof(uint32_t),
				     sizeof(uint32_t));
}

static void init_buffers(struct driver *d)
{
	const struct driver_config *c = &d->config;

	d->rx_count = rx_buffers(c);
	d->tx_count = tx_buffers(c);
	d->rx_buffers = need_zeroed(d->rx_count, sizeof(struct buffer));
	d->tx_buffers = need_zeroed(d->tx_count, sizeof(struct buffer));
	for (unsigned i = 0; i < d->rx_count; i++)
		buffer_init(&d->rx_buffers[i], d->ram, &c->rx_shape,
			    driver_rx_bytes(c));
	for (unsigned i = 0; i < d->tx_count; i++)
		buffer_init(&d->tx_buffers[i], d->ram, &c->tx_shape,
			    PACKET_HEADER + PACKET_PAYLOAD_MAX);
}

void driver_init(struct driver *d, const struct driver_config *config,
		 const struct driver_ops *ops, struct world *w, struct ram *ram)
{
	*d = (struct driver){
		.config = *config,
		.ops = ops,
		.world = w,
		.ram = ram,
		.ticker = { .tick = on_tick },
	};
	list_init(&d->queued);
	init_rings(d);
	init_buffers(d);
	free_all_buffers(d);
	d->rx_watch = (struct watch){ d->rings[DRIVER_RX].call_fd, EPOLLIN,
				      on_rx_call };
	d->tx_watch = (struct watch){ d->rings[DRIVER_TX].call_fd, EPOLLIN,
				      on_tx_call };
	world_watch(w, &d->rx_watch);
	world_watch(w, &d->tx_watch);
	world_add_ticker(w, &d->ticker);
	w->busy += config->polling;
}

void driver_free(struct driver *d)
{
	world_unwatch(d->world, &d->rx_watch);
	world_unwatch(d->world, &d->tx_watch);
	world_remove_ticker(&d->ticker);
	d->world->busy -= d->config.polling;
	driver_forget_queued(d);
	for (unsigned i = 0; i < DRIVER_RINGS; i++)
		ring_free(&d->rings[i]);
	for (unsigned i = 0; i < d->rx_count; i++)
		buffer_free(&d->rx_buffers[i]);
	for (unsigned i = 0; i < d->tx_count; i++)
		buffer_free(&d->tx_buffers[i]);
	free(d->rx_buffers);
	free(d->tx_buffers);
}

static void fill_events(struct driver *d)
{
	struct ring *ring = &d->rings[DRIVER_EVENT];

	for (unsigned i = 0; i < EVENT_BUFFERS && !d->keeps_events; i++) {
		struct ring_segment s = { d->event_buffers + i,
					  sizeof(uint32_t) };

		if (!d->event_buffers || ring_in_flight(ring) > i ||
		    !ring_add(ring, &s, 0, 1, RING_DIRECT, s.at))
			continue;
		ring_kick(ring);
	}
}

void driver_run(struct driver *d)
{
	d->running = true;
	fill_events(d);
	driver_fill_rx(d);
	driver_run_rx(d);
	driver_reclaim_tx(d);
}

void driver_halt(struct driver *d)
{
	d->running = false;
}

void driver_pause_rx(struct driver *d, bool paused)
{
	d->rx_paused = paused;
	driver_run_rx(d);
}

void driver_reset(struct driver *d, uint16_t rx_base, uint16_t tx_base)
{
	driver_halt(d);
	driver_forget_queued(d);
	ring_reset(&d->rings[DRIVER_RX], rx_base);
	ring_reset(&d->rings[DRIVER_TX], tx_base);
	if (d->config.event_size)
		ring_reset(&d->rings[DRIVER_EVENT], 0);
	free_all_buffers(d);
	d->rx_stalled = false;
	d->rx_most = 0;
}
