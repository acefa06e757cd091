/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The header of virtio 1.3, 5.10.6, written a second time. It shares nothing
 * with src/vsock/packet.c: a field that is in the same wrong place on both
 * sides would look right.
 */
#include "frontend/packet.h"

#include <stdio.h>

void packet_encode(const struct packet *p, uint8_t out[PACKET_HEADER])
{
	put_le64(out, p->src_cid);
	put_le64(out + 8, p->dst_cid);
	put_le32(out + 16, p->src_port);
	put_le32(out + 20, p->dst_port);
	put_le32(out + 24, p->len);
	put_le16(out + 28, p->type);
	put_le16(out + 30, p->op);
	put_le32(out + 32, p->flags);
	put_le32(out + 36, p->buf_alloc);
	put_le32(out + 40, p->fwd_cnt);
}

void packet_decode(const uint8_t in[PACKET_HEADER], struct packet *p)
{
	*p = (struct packet){
		.src_cid = get_le64(in),
		.dst_cid = get_le64(in + 8),
		.src_port = get_le32(in + 16),
		.dst_port = get_le32(in + 20),
		.len = get_le32(in + 24),
		.type = get_le16(in + 28),
		.op = get_le16(in + 30),
		.flags = get_le32(in + 32),
		.buf_alloc = get_le32(in + 36),
		.fwd_cnt = get_le32(in + 40),
	};
}

const char *packet_op_name(uint16_t op)
{
	static const char *const names[] = {
		[VIRTIO_VSOCK_OP_INVALID] = "INVALID",
		[VIRTIO_VSOCK_OP_REQUEST] = "REQUEST",
		[VIRTIO_VSOCK_OP_RESPONSE] = "RESPONSE",
		[VIRTIO_VSOCK_OP_RST] = "RST",
		[VIRTIO_VSOCK_OP_SHUTDOWN] = "SHUTDOWN",
		[VIRTIO_VSOCK_OP_RW] = "RW",
		[VIRTIO_VSOCK_OP_CREDIT_UPDATE] = "CREDIT_UPDATE",
		[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = "CREDIT_REQUEST",
	};

	return op < ARRAY_SIZE(names) ? names[op] : "?";
}

const char *packet_text(const struct packet *p, char text[128])
{
	snprintf(text, 128,
		 "%s %llu:%u -> %llu:%u len %u flags %u credit %u/%u",
		 packet_op_name(p->op), (unsigned long long)p->src_cid,
		 p->src_port, (unsigned long long)p->dst_cid, p->dst_port,
		 p->len, p->flags, p->fwd_cnt, p->buf_alloc);
	return text;
}
