/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The kernel's struct is the header as it is on the wire, little-endian without
 * holes; the asserts tie our own numbers to the kernel's. There is no operation
 * 0: when 1 is taken from it, it becomes a very large number, and is refused
 * with all other unknown operations.
 *
 * CIDs have 64 bits on the wire, the upper half of which is reserved and zero
 * (virtio 1.3, 5.10.4), and 32 everywhere else.
 */
#include "vsock/packet.h"

#include <errno.h>
#include <linux/virtio_vsock.h>

#include "base/bytes.h"
#include "base/check.h"

static_assert(sizeof(struct virtio_vsock_hdr) == PACKET_HEADER_SIZE,
	      "the header of virtio 1.3, 5.10.6");
static_assert(PACKET_NO_RECEIVE == VIRTIO_VSOCK_SHUTDOWN_RCV &&
		      PACKET_NO_SEND == VIRTIO_VSOCK_SHUTDOWN_SEND,
	      "the flags of virtio 1.3, 5.10.6.5");
static_assert(PACKET_END_OF_MESSAGE == VIRTIO_VSOCK_SEQ_EOM &&
		      PACKET_END_OF_RECORD == VIRTIO_VSOCK_SEQ_EOR,
	      "the flags of virtio 1.3, 5.10.6.6");

/* The operations are 1 to 7 on the wire, in the order of the enum. */
static_assert(VIRTIO_VSOCK_OP_REQUEST == PACKET_REQUEST + 1 &&
		      VIRTIO_VSOCK_OP_CREDIT_REQUEST ==
			      PACKET_CREDIT_REQUEST + 1,
	      "packet_parse() subtracts one, packet_build() adds it");

/* All fields are filled in even if the header is wrong, so that it can be
 * answered by RST. An unknown operation becomes one that is answered by RST. */
int packet_parse(const void *bytes, struct packet *out)
{
	struct virtio_vsock_hdr hdr;
	uint64_t src_cid, dst_cid;
	unsigned op;

	memcpy(&hdr, bytes, sizeof(hdr));
	src_cid = le64toh(hdr.src_cid);
	dst_cid = le64toh(hdr.dst_cid);
	op = le16toh(hdr.op) - 1u;
	*out = (struct packet){
		.op = op < PACKET_OPS ? (enum packet_op)op : PACKET_RW,
		.type = le16toh(hdr.type),
		.src_cid = (uint32_t)src_cid,
		.dst_cid = (uint32_t)dst_cid,
		.src_port = le32toh(hdr.src_port),
		.dst_port = le32toh(hdr.dst_port),
		.len = le32toh(hdr.len),
		.flags = le32toh(hdr.flags),
		.buf_alloc = le32toh(hdr.buf_alloc),
		.fwd_cnt = le32toh(hdr.fwd_cnt),
	};
	if (op >= PACKET_OPS || src_cid >> 32 || dst_cid >> 32)
		return -EBADMSG;
	return 0;
}

void packet_build(const struct packet *packet, void *bytes)
{
	struct virtio_vsock_hdr hdr = {
		.src_cid = htole64(packet->src_cid),
		.dst_cid = htole64(packet->dst_cid),
		.src_port = htole32(packet->src_port),
		.dst_port = htole32(packet->dst_port),
		.len = htole32(packet->len),
		.type = htole16(packet->type),
		.op = htole16((uint16_t)(packet->op + 1)),
		.flags = htole32(packet->flags),
		.buf_alloc = htole32(packet->buf_alloc),
		.fwd_cnt = htole32(packet->fwd_cnt),
	};

	memcpy(bytes, &hdr, sizeof(hdr));
}
