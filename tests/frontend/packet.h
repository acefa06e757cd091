/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The vsock header (virtio 1.3, 5.10.6) in the host's byte order. Fields may
 * have any value, as hostile guests use this too.
 */
#ifndef URING_VSOCK_FRONTEND_PACKET_H
#define URING_VSOCK_FRONTEND_PACKET_H

#include <linux/virtio_vsock.h>

#include "frontend/basics.h"

#define PACKET_HEADER 44u
#define PACKET_HOST_CID 2u
#define PACKET_PAYLOAD_MAX 65536u

enum {
	SHUT_RCV = VIRTIO_VSOCK_SHUTDOWN_RCV,
	SHUT_SEND = VIRTIO_VSOCK_SHUTDOWN_SEND,
	SHUT_BOTH = SHUT_RCV | SHUT_SEND
};

struct packet {
	uint64_t src_cid;
	uint64_t dst_cid;
	uint32_t src_port;
	uint32_t dst_port;
	uint32_t len;
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t buf_alloc;
	uint32_t fwd_cnt;
};

void packet_encode(const struct packet *p, uint8_t out[PACKET_HEADER]);
void packet_decode(const uint8_t in[PACKET_HEADER], struct packet *p);
const char *packet_op_name(uint16_t op);
/* For messages: writes "RW 2:5000 -> 3:1024 len 17 ..." to TEXT. */
const char *packet_text(const struct packet *p, char text[128]);

#endif
