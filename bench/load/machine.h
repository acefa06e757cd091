/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A virtual machine without a guest in it: memory, a session with a device, and
 * the rings as Linux 6.12's driver runs them under QEMU. They have 128 entries,
 * EVENT_IDX and INDIRECT; receive buffers have 3,776 bytes in one descriptor
 * and are refilled when half of them are left; each packet that is sent is
 * kicked, if a kick is wanted; and both queues ask for interrupts again
 * whenever a queue was emptied. A thriftier driver, of another kernel, kicks for
 * several packets at once and asks for a TX interrupt only when it has to wait
 * for a free descriptor.
 *
 * One thread owns a machine, and blocks in machine_wait().
 */
#ifndef URING_VSOCK_BENCH_MACHINE_H
#define URING_VSOCK_BENCH_MACHINE_H

#include "frontend/packet.h"
#include "frontend/ring.h"
#include "frontend/vhost.h"

#define MACHINE_RING 128u
#define MACHINE_RX_BYTES 3776u
#define MACHINE_FRAGMENT 32768u

enum machine_shape {
	SHAPE_FRAGMENTS, /* payloads over 32 KiB in pieces, as since 6.12.117 */
	SHAPE_LINEAR,	 /* one descriptor, as before */
};

/* Guest memory of one packet to be sent. */
struct slot {
	struct slot *next; /* free ones, last in first out as kernels do */
	uint8_t *header;
	uint8_t *payload; /* PACKET_PAYLOAD_MAX bytes */
};

struct machine {
	uint64_t cid;
	enum machine_shape shape;
	bool wants_in_order; /* VIRTIO_F_IN_ORDER, where it is offered */
	bool wants_messages; /* SEQPACKET, which must be offered */
	struct ram ram;
	struct vhost vhost;
	struct ring rx;
	struct ring tx;
	int call_fd; /* both queues' interrupts */
	int epoll;   /* where their edges arrive, unread as in a guest */
	struct slot slots[MACHINE_RING];
	struct slot *free;
	uint8_t *rx_buffers;
	unsigned rx_posted;
	unsigned kick_after; /* 0: each packet is kicked; N: N of them together,
			      * and no TX interrupt but by machine_want_room() */
	bool corked;	     /* kicks wait for machine_uncork() */
	uint64_t wakeups;
	uint64_t sent;
	uint64_t received;
};

/* Makes memory and rings; connects to nobody. */
void machine_init(struct machine *m, uint64_t cid, enum machine_shape shape);
/* Negotiates with the device at PATH, a vhost-user socket or the kernel's own
 * device, and starts the rings. */
void machine_start(struct machine *m, const char *path);

/* A free slot or NULL. It is used up by machine_send(). */
struct slot *machine_slot(const struct machine *m);
/* Sends P with P->len bytes of the slot's payload, and kicks if that is wanted
 * and its turn. There must be a free slot. */
void machine_send(struct machine *m, const struct packet *p);
/* Packets that were sent and that no kick was due for. */
unsigned machine_unkicked(const struct machine *m);
/* Kicks for these, if that is wanted. */
void machine_kick(struct machine *m);

/* Between the first call and the second, the device is told of nothing. */
void machine_cork(struct machine *m);
void machine_uncork(struct machine *m);

/* Takes back what was sent. True if there was something. */
bool machine_reclaim(struct machine *m);
/* Asks for an interrupt when something that was sent can be taken back. True:
 * it can already. */
bool machine_want_room(struct machine *m);

/*
 * The next packet that was received: its payload, or NULL if there is none. It
 * is valid until machine_received_all(), which refills the ring and asks for
 * interrupts again. That returns true if more has come meanwhile.
 */
const uint8_t *machine_receive(struct machine *m, struct packet *p);
bool machine_received_all(struct machine *m);

/* Blocks until an interrupt comes. */
void machine_wait(struct machine *m);
/* The number of interrupts so far. Any thread may ask. */
uint64_t machine_interrupts(const struct machine *m);

#endif
