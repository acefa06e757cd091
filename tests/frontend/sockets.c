/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Each socket that has bytes to send gets one packet at a time, in turn, as the
 * kernel's work queue does it for many senders. No packet crosses the end of a
 * send(), which is where SEQPACKET's messages end.
 *
 * The window is the smaller of what the device announced and the socket's own
 * buffer: kernels of 2026 keep to both. CREDIT_UPDATE is sent as Linux does:
 * for each message, and for a stream when the device knows of less than 64 KiB
 * that are left, or when nothing is unread. Where other drivers differ (silent,
 * late), there is a switch.
 */
#include "frontend/sockets.h"

#include <stdlib.h>
#include <string.h>

#include "frontend/sockets_recv.h"

#define CLOSE_WAIT_MS 8000
#define FIRST_PORT 40000u
#define UPDATE_BELOW 65536u

static uint32_t tx_credit(const struct gsock *g)
{
	uint32_t window = min_u32(g->peer_buf_alloc, g->buf_alloc);
	uint32_t used = g->tx_cnt - g->peer_fwd_cnt;

	return used < window ? window - used : 0;
}

/* The length of the next packet: never more than is left of the present send().
 * */
static uint32_t next_length(const struct gsock *g)
{
	uint64_t left = source_left(&g->out);
	uint64_t in_call =
		g->write_size - (g->out.sent - g->write_from) % g->write_size;
	size_t n = min_size((size_t)left, (size_t)in_call);

	return min_u32((uint32_t)min_size(n, g->packet_max), tx_credit(g));
}

/* The flags of a packet after which AT bytes have been sent. */
static uint32_t flags_at(const struct gsock *g, uint64_t at)
{
	bool ends = at == g->out.total ||
		    (at - g->write_from) % g->write_size == 0;

	return g->type == VIRTIO_VSOCK_TYPE_SEQPACKET && ends
		       ? VIRTIO_VSOCK_SEQ_EOM
		       : 0;
}

static void send_shutdown(struct gsock *g)
{
	if (!g->shut_after || source_left(&g->out))
		return;
	g->shut |= g->shut_after;
	gsock_emit(g, VIRTIO_VSOCK_OP_SHUTDOWN, g->shut, false);
	g->shut_after = 0;
}

/* send() fails with EPIPE */
static void drop_unsendable(struct gsock *g)
{
	if (!(g->peer_shut & SHUT_RCV) || !source_left(&g->out))
		return;
	g->broken_pipe = true;
	source_advance(&g->out, (size_t)source_left(&g->out));
}

/* Sends one packet of one ready socket; the sockets take turns. */
static bool pull(struct driver *d)
{
	struct sockets *s = container_of(d, struct sockets, driver);
	struct gsock *g;
	struct packet p;

	if (list_empty(&s->ready))
		return false;
	g = list_first(&s->ready, struct gsock, ready);
	list_remove(&g->ready);
	drop_unsendable(g);
	p = gsock_packet(g, VIRTIO_VSOCK_OP_RW);
	p.len = next_length(g);
	if (p.len) {
		gsock_announce(g);
		g->tx_cnt += p.len;
		p.flags = flags_at(g, g->out.sent + p.len);
		driver_send_data(d, &p, &g->out);
	}
	send_shutdown(g);
	if (p.len)
		gsock_mark_ready(g);
	return list_empty(&d->queued);
}

/* After a read: sends a credit update where Linux sends one. */
static void update_credit(struct gsock *g)
{
	uint32_t unannounced = g->fwd_cnt - g->last_fwd_cnt;

	if (unannounced && !g->owner->silent && !g->done &&
	    g->state == GSOCK_OPEN &&
	    (g->type == VIRTIO_VSOCK_TYPE_SEQPACKET ||
	     g->buf_alloc - unannounced < UPDATE_BELOW ||
	     (!g->rx_bytes && !g->owner->late)))
		gsock_emit(g, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, false);
}

static void batch_over(struct driver *d)
{
	struct sockets *s = container_of(d, struct sockets, driver);

	while (!list_empty(&s->touched)) {
		struct gsock *g =
			list_first(&s->touched, struct gsock, touched);

		list_remove(&g->touched);
		if (g->reading) {
			gsock_read(g, SIZE_MAX);
			update_credit(g);
		}
	}
}

static void on_tick(struct ticker *ticker)
{
	struct sockets *s = container_of(ticker, struct sockets, ticker);
	struct gsock *g;

	while (!list_empty(&s->closing)) {
		g = list_first(&s->closing, struct gsock, accept);
		if (g->close_due_ms > clock_ms())
			break;
		s->close_timeouts++;
		gsock_emit(g, VIRTIO_VSOCK_OP_RST, 0, false);
		gsock_free(g);
	}
}

void sockets_init(struct sockets *s, uint64_t cid,
		  const struct driver_config *config, struct world *w,
		  struct ram *ram)
{
	static const struct driver_ops ops = {
		.received = sockets_received,
		.batch_over = batch_over,
		.pull = pull,
	};

	*s = (struct sockets){
		.cid = cid,
		.next_port = FIRST_PORT,
		.buf_alloc = GSOCK_BUFFER,
		.buckets = need_zeroed(GSOCK_BUCKETS, sizeof(struct list)),
		.ticker = { .tick = on_tick },
	};
	for (unsigned i = 0; i < GSOCK_BUCKETS; i++)
		list_init(&s->buckets[i]);
	list_init(&s->ready);
	list_init(&s->touched);
	list_init(&s->closing);
	world_add_ticker(w, &s->ticker);
	driver_init(&s->driver, config, &ops, w, ram);
}

void sockets_forget(struct sockets *s)
{
	for (unsigned i = 0; i < GSOCK_BUCKETS; i++)
		while (!list_empty(&s->buckets[i]))
			gsock_free(
				list_first(&s->buckets[i], struct gsock, node));
}

void sockets_free(struct sockets *s)
{
	sockets_forget(s);
	world_remove_ticker(&s->ticker);
	driver_free(&s->driver);
	free(s->buckets);
}

struct gsock *gsock_listen(struct sockets *s, uint32_t port)
{
	struct gsock *g = gsock_new(s, GSOCK_LISTEN, port, 0);

	g->backlog = 1;
	return g;
}

struct gsock *gsock_connect_from(struct sockets *s, uint32_t port,
				 uint64_t peer_cid, uint32_t host_port)
{
	struct gsock *g = gsock_new(s, GSOCK_CONNECTING, port, host_port);

	g->peer_cid = peer_cid;
	gsock_emit(g, VIRTIO_VSOCK_OP_REQUEST, 0, false);
	return g;
}

struct gsock *gsock_connect_seqpacket(struct sockets *s, uint32_t host_port)
{
	struct gsock *g =
		gsock_new(s, GSOCK_CONNECTING, s->next_port++, host_port);

	g->type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	gsock_emit(g, VIRTIO_VSOCK_OP_REQUEST, 0, false);
	return g;
}

struct gsock *gsock_connect(struct sockets *s, uint32_t host_port)
{
	return gsock_connect_from(s, s->next_port++, PACKET_HOST_CID,
				  host_port);
}

struct gsock *gsock_raw(struct sockets *s, uint32_t port, uint32_t peer_port)
{
	return gsock_new(s, GSOCK_RAW, port, peer_port);
}

struct gsock *gsock_accept(struct gsock *listener)
{
	struct gsock *g;

	if (list_empty(&listener->accept))
		return NULL;
	g = list_first(&listener->accept, struct gsock, accept);
	list_remove(&g->accept);
	return g;
}

void gsock_send(struct gsock *g, uint32_t seed, uint64_t length)
{
	source_more(&g->out, seed, length);
	gsock_mark_ready(g);
}

void gsock_write(struct gsock *g, const char *text)
{
	source_literal(&g->out, text, strlen(text));
	gsock_mark_ready(g);
}

void gsock_set_write(struct gsock *g, size_t size)
{
	if (!gsock_sent(g))
		die("another size while one is under way");
	g->write_size = size;
	g->write_from = g->out.total;
}

size_t gsock_read(struct gsock *g, size_t n)
{
	size_t got = 0;

	while (got < n && gsock_readable(g))
		got += gsock_consume(g, n - got);
	update_credit(g);
	return got;
}

void gsock_read_all(struct gsock *g)
{
	g->reading = true;
	gsock_read(g, SIZE_MAX);
}

void gsock_shutdown(struct gsock *g, uint8_t how)
{
	g->shut_after |= how;
	gsock_mark_ready(g);
}

void gsock_close(struct gsock *g)
{
	g->released = true;
	if (g->state != GSOCK_OPEN || g->done) {
		gsock_free(g);
		return;
	}
	if (g->peer_shut == SHUT_BOTH) {
		gsock_emit(g, VIRTIO_VSOCK_OP_RST, 0, false);
		gsock_free(g);
		return;
	}
	g->close_due_ms = clock_ms() + CLOSE_WAIT_MS;
	list_append(&g->owner->closing, &g->accept);
	if (g->shut != SHUT_BOTH)
		gsock_shutdown(g, SHUT_BOTH);
}

bool gsock_eof(const struct gsock *g)
{
	return (g->peer_shut & SHUT_SEND) && list_empty(&g->unread);
}

bool gsock_sent(const struct gsock *g)
{
	return !source_left(&g->out) && !g->shut_after;
}

bool gsock_acknowledged(const struct gsock *g)
{
	return gsock_sent(g) && g->tx_cnt == g->peer_fwd_cnt;
}

void gsock_set_buffer(struct gsock *g, uint32_t bytes)
{
	g->buf_alloc = bytes;
}
