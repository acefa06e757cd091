/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/neighbour.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

#define GUEST_PORT 1000u
#define BUFFER 2048u
#define CREDIT 65536u
#define LINE "CONNECT 1000\n"
#define FLOW 17u
#define ROUNDS 64
#define HOW (FRONT_EVENT_IDX | FRONT_NO_EVENTS)

static void offer(struct neighbour *n)
{
	while (driver_offer(&n->driver, DRIVER_LINUX, BUFFER))
		continue;
	driver_publish(&n->driver, DRIVER_RX);
	front_kick(&n->front, DRIVER_RX);
}

static void send_packet(struct neighbour *n, uint16_t op, uint32_t len)
{
	struct virtio_vsock_hdr hdr = {
		.src_cid = n->front.vm->config->guest_cid,
		.dst_cid = 2,
		.src_port = GUEST_PORT,
		.dst_port = n->host_port,
		.len = len,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = CREDIT,
		.fwd_cnt = n->got,
	};

	fuzz_check(driver_send(&n->driver, DRIVER_LINUX, &hdr,
			       stage_at(FLOW, n->sent), len));
	driver_publish(&n->driver, DRIVER_TX);
	front_kick(&n->front, DRIVER_TX);
	n->sent += len;
}

static void expect_bytes(const uint8_t *bytes, uint64_t pos, uint32_t len)
{
	fuzz_check(!memcmp(bytes, stage_bytes + stage_at(FLOW, pos), len));
}

/* Handles what has come: a REQUEST, or what the program wrote. */
static void receive(struct neighbour *n)
{
	struct virtio_vsock_hdr hdr;
	uint8_t bytes[BUFFER];
	uint32_t len;
	int chain;

	while ((chain = driver_take(&n->driver, DRIVER_RX, &len)) >= 0) {
		fuzz_check(len >= DRIVER_HEADER && len <= BUFFER);
		driver_read(&n->driver, chain, 0, &hdr, DRIVER_HEADER);
		fuzz_check(len == DRIVER_HEADER + hdr.len);
		if (hdr.src_cid !=
		    2) /* the other guest may ask for a connection */
			continue;
		fuzz_check(hdr.dst_port == GUEST_PORT);
		fuzz_check(hdr.op != VIRTIO_VSOCK_OP_RST &&
			   hdr.op != VIRTIO_VSOCK_OP_SHUTDOWN);
		if (hdr.op == VIRTIO_VSOCK_OP_REQUEST)
			n->host_port = hdr.src_port;
		driver_read(&n->driver, chain, DRIVER_HEADER, bytes, hdr.len);
		expect_bytes(bytes, n->got, hdr.len);
		n->got += hdr.len;
	}
	while (driver_take(&n->driver, DRIVER_TX, &len) >= 0)
		fuzz_check(!len);
}

static void expect_program_reads(struct neighbour *n, uint64_t pos,
				 uint32_t len)
{
	uint8_t bytes[4096];

	fuzz_check(len <= sizeof(bytes));
	fuzz_check(recv(n->program, bytes, sizeof(bytes), MSG_DONTWAIT) ==
		   (ssize_t)len);
	expect_bytes(bytes, pos, len);
}

void neighbour_open(struct neighbour *n, struct stage_vm *vm)
{
	char answer[32];

	*n = (struct neighbour){ .program = stage_knock(vm, false) };
	front_open(&n->front, vm);
	fuzz_check(n->front.fd >= 0 && n->program >= 0);
	front_set_up(&n->front, HOW, 0);
	driver_init(&n->driver, vm->ram, HOW, 0);
	offer(n);
	stage_rest();
	fuzz_check(write(n->program, LINE, strlen(LINE)) > 0);
	stage_rest();
	receive(n);
	fuzz_check(n->host_port);
	send_packet(n, VIRTIO_VSOCK_OP_RESPONSE, 0);
	stage_rest();
	fuzz_check(recv(n->program, answer, sizeof(answer), MSG_DONTWAIT) > 3);
}

/* The other guest may have used up the buffers. */
void neighbour_check(struct neighbour *n, uint32_t len)
{
	uint32_t due = n->got + len, sent = n->sent;

	send_packet(n, VIRTIO_VSOCK_OP_RW, len);
	fuzz_check(write(n->program, stage_bytes + stage_at(FLOW, n->got),
			 len) == (ssize_t)len);
	for (unsigned i = 0; i < ROUNDS && n->got < due; i++) {
		stage_rest();
		receive(n);
		offer(n);
	}
	fuzz_check(n->got == due);
	expect_program_reads(n, sent, len);
}

void neighbour_close(struct neighbour *n)
{
	front_close(&n->front);
	fd_close(&n->program);
}
