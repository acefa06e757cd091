/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Packets that no guest's kernel sends: messages that never end, or that are
 * longer than the whole credit. They are made one by one, past the socket layer
 * of frontend/, which only records what comes back.
 */
#include "system/hand.h"

/* Waits while the ring is full: a packet must be sent in its place, or not at
 * all. */
void hand_send(struct hand *h, uint16_t op, uint32_t flags, const void *bytes,
	       uint32_t length)
{
	struct packet p = gsock_packet(h->g, op);

	p.flags = flags;
	p.len = length;
	drive_until(&h->scene->world,
		    driver_send_raw(&h->scene->guest.sockets.driver, &p, bytes,
				    length));
}

void hand_open(struct hand *h, struct scene *s)
{
	const char *uds = s->daemon.uds[0];
	int listener = host_listen_seqpacket(uds, PORT, 8);

	h->scene = s;
	h->g = gsock_raw(&s->guest.sockets, HAND_PORT, PORT);
	h->g->type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	hand_send(h, VIRTIO_VSOCK_OP_REQUEST, 0, NULL, 0);
	drive_until(&s->world, h->g->packets);
	ck_assert_uint_eq(h->g->last.op, VIRTIO_VSOCK_OP_RESPONSE);
	drive_until(&s->world,
		    host_accept_seqpacket(&h->host, &s->world, listener));
	host_unlisten(uds, PORT, listener);
}

void hand_expect_reset(struct hand *h)
{
	drive_until(&h->scene->world, h->g->last.op == VIRTIO_VSOCK_OP_RST);
	ck_assert_uint_eq(h->g->last.type, VIRTIO_VSOCK_TYPE_SEQPACKET);
}

/* A REQUEST that is refused serves as a question with a quick answer. */
void scene_flush(struct scene *s)
{
	struct gsock *g = gsock_connect(&s->guest.sockets, 9);

	drive_until(&s->world, g->refused);
	gsock_close(g);
}

void scene_open_with_keys(struct scene *s, int engine, const char *keys)
{
	struct guest_config config = guest_defaults(DAEMON_CID);
	struct daemon_config d = { .vm_keys = keys };

	scene_daemon(s, engine, &d);
	guest_boot(&s->guest, &config, &s->world, s->daemon.socket[0]);
}
