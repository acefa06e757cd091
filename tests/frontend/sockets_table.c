/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The guest's sockets by their two ports. A listener lies in the bucket of a
 * peer whose port is 0; its state tells it from a connection to that port.
 */
#include "frontend/sockets_table.h"

#include <stdlib.h>

static struct list *bucket(struct sockets *s, uint32_t port, uint32_t peer_port)
{
	return &s->buckets[(port * 31 + peer_port) % GSOCK_BUCKETS];
}

struct gsock *sockets_find(struct sockets *s, uint32_t port, uint32_t peer_port)
{
	struct list *head = bucket(s, port, peer_port);

	for (struct list *at = head->next; at != head; at = at->next) {
		struct gsock *g = container_of(at, struct gsock, node);

		if (g->port == port && g->peer_port == peer_port &&
		    g->state != GSOCK_LISTEN)
			return g;
	}
	return NULL;
}

struct gsock *sockets_find_listener(struct sockets *s, uint32_t port)
{
	struct list *head = bucket(s, port, 0);

	for (struct list *at = head->next; at != head; at = at->next) {
		struct gsock *g = container_of(at, struct gsock, node);

		if (g->port == port && g->state == GSOCK_LISTEN)
			return g;
	}
	return NULL;
}

struct gsock *gsock_new(struct sockets *s, enum gsock_state state,
			uint32_t port, uint32_t peer_port)
{
	struct gsock *g = need_zeroed(1, sizeof(*g));

	g->owner = s;
	g->state = state;
	g->port = port;
	g->peer_port = peer_port;
	g->peer_cid = PACKET_HOST_CID;
	g->buf_alloc = s->buf_alloc;
	g->write_size = PACKET_PAYLOAD_MAX;
	g->packet_max = PACKET_PAYLOAD_MAX;
	g->type = VIRTIO_VSOCK_TYPE_STREAM;
	list_init(&g->ready);
	list_init(&g->touched);
	list_init(&g->accept);
	list_init(&g->unread);
	list_append(bucket(s, port, peer_port), &g->node);
	s->count++;
	return g;
}

void gsock_free(struct gsock *g)
{
	struct list *unread;

	while ((unread = list_take(&g->unread)))
		free(unread);
	list_remove(&g->node);
	list_remove(&g->ready);
	list_remove(&g->touched);
	list_remove(&g->accept);
	g->owner->count--;
	lengths_free(&g->messages);
	free(g);
}

void gsock_mark_ready(struct gsock *g)
{
	if (list_empty(&g->ready) && g->state == GSOCK_OPEN && !g->done &&
	    (source_left(&g->out) || g->shut_after))
		list_append(&g->owner->ready, &g->ready);
}

struct packet gsock_packet(struct gsock *g, uint16_t op)
{
	return (struct packet){
		.src_cid = g->owner->cid,
		.dst_cid = g->peer_cid,
		.src_port = g->port,
		.dst_port = g->peer_port,
		.type = g->type,
		.op = op,
		.buf_alloc = g->buf_alloc,
		.fwd_cnt = g->fwd_cnt,
	};
}

/* The most that the daemon may ever have sent so far: a buffer that shrinks
 * takes back nothing of what an earlier packet granted. */
void gsock_announce(struct gsock *g)
{
	uint64_t limit = g->rx_total - g->rx_bytes + g->buf_alloc;

	g->last_fwd_cnt = g->fwd_cnt;
	if (limit > g->rx_limit)
		g->rx_limit = limit;
}

void gsock_emit(struct gsock *g, uint16_t op, uint32_t flags, bool reply)
{
	struct packet p = gsock_packet(g, op);

	p.flags = flags;
	if (g->state != GSOCK_RAW)
		gsock_announce(g);
	driver_send(&g->owner->driver, &p, reply);
}
