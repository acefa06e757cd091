/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <unistd.h>

#include "base/check.h"
#include "fuzz/session.h"

static const uint32_t sizes[] = { 0,	1,     16,    100,   1000,
				  4096, 20000, 65000, 262144 };

uint32_t session_size(unsigned i)
{
	return sizes[i % ARRAY_SIZE(sizes)];
}

/* Chains are offered again and again, whether they came back or not. */
void session_offer(struct session *s, const struct record *r)
{
	static const uint32_t lens[] = { 45,   64,   100, 300, 1024,
					 4096, 8192, 44,  43,  0 };

	for (unsigned n = 1 + r->a % 8; n; n--) {
		s->driver.queue[DRIVER_RX].busy = 0;
		driver_offer(&s->driver, r->b % DRIVER_SHAPES,
			     r->c < 240 ? lens[r->c % 7] : lens[r->c % 10]);
	}
	driver_publish(&s->driver, DRIVER_RX);
	front_kick(&s->fronts[0], DRIVER_RX);
}

static void address(const struct session *s, const struct record *r,
		    struct virtio_vsock_hdr *hdr)
{
	unsigned port = r->b % STAGE_PORTS;

	hdr->src_cid = s->vm->config->guest_cid;
	hdr->dst_cid = r->b & 16 ? s->vm->config->guest_cid + 1 : 2;
	hdr->src_port = 1000 + port;
	hdr->dst_port = STAGE_PORT + port;
	hdr->type = port < STAGE_STREAMS ? VIRTIO_VSOCK_TYPE_STREAM
					 : VIRTIO_VSOCK_TYPE_SEQPACKET;
	if (r->b & 8) {
		hdr->src_port = 1000 + port % 2;
		hdr->dst_port = s->asked_port;
		hdr->type = s->asked_type;
	}
	if (r->b >= 0xf0)
		hdr->type = (uint16_t)(r->b >> 1);
	if (r->b >= 0xe0 && r->b < 0xf0)
		hdr->src_cid = r->d * 0x10001ull;
}

void session_send(struct session *s, const struct record *r)
{
	struct virtio_vsock_hdr hdr = { .len = 0 };
	uint32_t len = r->d % 16 ? session_size(r->d / 16) % 65521 : r->d;

	address(s, r, &hdr);
	hdr.op = r->a % 9;
	if (hdr.op != VIRTIO_VSOCK_OP_RW)
		len = r->a & 0x80 ? len : 0;
	hdr.len = r->c & 0x80 ? len + r->e : len;
	hdr.flags = r->c >> 3 & 3;
	hdr.buf_alloc = session_size(r->e);
	hdr.fwd_cnt = r->e >> 8;
	s->driver.queue[DRIVER_TX].busy = 0;
	driver_send(&s->driver, r->c % DRIVER_SHAPES, &hdr, r->d, len);
	driver_publish(&s->driver, DRIVER_TX);
	front_kick(&s->fronts[0], DRIVER_TX);
}

/* Answers the host programs that ask. The memory may be another one by now, so
 * nothing in it has to make sense. */
void session_respond(struct session *s)
{
	const uint16_t *used = driver_used(&s->driver, DRIVER_RX);
	const struct vring_used_elem *e = (const void *)(used + 2);
	struct virtio_vsock_hdr hdr, answer;
	unsigned i;

	for (i = 0; s->heard != used[1] && i < FRONT_ENTRIES; s->heard++, i++) {
		uint32_t chain = e[s->heard % FRONT_ENTRIES].id / 4;

		memcpy(&hdr,
		       s->vm->ram + STAGE_BUFFERS +
			       chain % DRIVER_CHAINS * STAGE_BUFFER,
		       sizeof(hdr));
		if (hdr.op != VIRTIO_VSOCK_OP_REQUEST)
			continue;
		s->asked_port = hdr.src_port;
		s->asked_type = hdr.type;
		answer = (struct virtio_vsock_hdr){
			.src_cid = hdr.dst_cid,
			.dst_cid = hdr.src_cid,
			.src_port = hdr.dst_port,
			.dst_port = hdr.src_port,
			.type = hdr.type,
			.op = VIRTIO_VSOCK_OP_RESPONSE,
			.buf_alloc = 65536,
		};
		s->driver.queue[DRIVER_TX].busy = 0;
		driver_send(&s->driver, DRIVER_LINUX, &answer, 0, 0);
	}
	driver_publish(&s->driver, DRIVER_TX);
	front_kick(&s->fronts[0], DRIVER_TX);
}

static void tamper_one(struct vring_desc *desc, const struct record *r)
{
	switch (r->c % 4) {
	case 0:
		desc->len = r->d & 0x8000 ? r->d & 0x7fffu : session_size(r->d);
		break;
	case 1:
		desc->flags = r->d % 8;
		break;
	case 2:
		desc->addr = (uint64_t)r->d << (r->e % 49);
		break;
	case 3:
		desc->next = r->d;
		break;
	}
}

/* Changes descriptors, which the daemon may have already: a few, or all of
 * them. */
void session_tamper(struct session *s, const struct record *r)
{
	struct vring_desc *desc = driver_desc(&s->driver, r->a % 3);
	unsigned n = r->e >> 8;

	if (r->c >= 0xf0) {
		memset(s->vm->ram + STAGE_TABLES + (r->d & 0x1fff), r->e, 16);
		return;
	}
	for (unsigned i = 0; i <= n && i < FRONT_ENTRIES; i++)
		tamper_one(&desc[(r->b + i) % FRONT_ENTRIES], r);
}

void session_tamper_ring(struct session *s, const struct record *r)
{
	uint16_t *avail = driver_avail(&s->driver, r->a % 3);

	switch (r->b % 4) {
	case 0:
		avail[0] = r->d;
		break;
	case 1:
		avail[1] = (uint16_t)(avail[1] + (r->d < 512 ? r->d : 0) -
				      r->e % 16);
		break;
	case 2:
		avail[2 + r->c % FRONT_ENTRIES] = r->d;
		break;
	case 3: /* used_event */
		avail[2 + FRONT_ENTRIES] = r->d;
		break;
	}
	front_kick(&s->fronts[0], r->a % 3);
}

/* Event buffers share the RX queue's memory, as nobody looks at their contents.
 * */
void session_offer_event(struct session *s, const struct record *r)
{
	struct vring_desc *desc = driver_desc(&s->driver, 2);
	uint16_t *avail = driver_avail(&s->driver, 2);

	desc[0] = (struct vring_desc){
		.addr = STAGE_BUFFERS,
		.len = r->d,
		.flags = r->a % 4 ? VRING_DESC_F_WRITE : r->b % 8,
	};
	avail[2 + avail[1] % FRONT_ENTRIES] = 0;
	avail[1]++;
	front_kick(&s->fronts[0], 2);
}

void session_shrink(struct session *s, const struct record *r)
{
	unsigned pages = r->a % 3 ? STAGE_RAM / 4096 : r->d % 128;

	fuzz_check(!ftruncate(s->vm->ram_fd, pages * 4096));
	fuzz_check(!ftruncate(s->vm->ram_fd, STAGE_RAM));
	if (pages * 4096 < STAGE_BYTES + sizeof(stage_bytes))
		memcpy(s->vm->ram + STAGE_BYTES, stage_bytes,
		       sizeof(stage_bytes));
}
