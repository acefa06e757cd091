/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The pieces of one receive buffer follow each other in the RAM without a gap,
 * so that its bytes are read in one run whatever its shape is.
 */
#include "fuzz/driver.h"

#define PER_CHAIN (FRONT_ENTRIES / DRIVER_CHAINS)
#define CRUMBS 8u
#define TX_ROOM 0x200u	/* for each chain: header and a little payload, */
#define TX_TABLE 0x100u /* then its table */
#define RX_TABLE 0x100u

struct pieces {
	struct vring_desc list[CRUMBS];
	unsigned n;
};

void driver_init(struct driver *d, uint8_t *ram, unsigned how, uint16_t base)
{
	*d = (struct driver){ .ram = ram, .in_order = how & FRONT_IN_ORDER };
	for (unsigned i = 0; i < 2; i++) {
		d->queue[i].avail = d->queue[i].given = base;
		d->queue[i].used = driver_used(d, i)[1];
	}
}

struct vring_desc *driver_desc(struct driver *d, unsigned queue)
{
	return (struct vring_desc *)(void *)(d->ram + queue * FRONT_QUEUE);
}

uint16_t *driver_avail(struct driver *d, unsigned queue)
{
	return (uint16_t *)(void *)(d->ram + queue * FRONT_QUEUE + FRONT_AVAIL);
}

uint16_t *driver_used(struct driver *d, unsigned queue)
{
	return (uint16_t *)(void *)(d->ram + queue * FRONT_QUEUE + FRONT_USED);
}

static void add_piece(struct pieces *p, uint32_t at, uint32_t len,
		      uint16_t flags)
{
	if (!len)
		return;
	p->list[p->n++] = (struct vring_desc){
		.addr = at,
		.len = len,
		.flags = flags,
	};
}

/* Cuts [AT, AT + LEN) into up to MAX pieces, of which the first one has FIRST
 * bytes. */
static void add_run(struct pieces *p, uint32_t at, uint32_t len, uint32_t first,
		    unsigned max, uint16_t flags)
{
	uint32_t n;

	while (len && max--) {
		n = max && first < len ? first : len;
		add_piece(p, at, n, flags);
		at += n;
		len -= n;
	}
}

static void lay(struct vring_desc *to, const struct pieces *p, uint16_t first)
{
	for (unsigned i = 0; i < p->n; i++) {
		to[i] = p->list[i];
		if (i + 1 == p->n)
			continue;
		to[i].flags |= VRING_DESC_F_NEXT;
		to[i].next = (uint16_t)(first + i + 1);
	}
}

static int free_chain(const struct driver_queue *q)
{
	for (unsigned i = 0; i < DRIVER_CHAINS; i++) {
		unsigned chain = (q->avail + i) % DRIVER_CHAINS;

		if (!(q->busy >> chain & 1))
			return (int)chain;
	}
	return -1;
}

/* Makes the pieces P the descriptors of CHAIN, in the queue's own table or in
 * one at TABLE. */
static void enter(struct driver *d, unsigned queue, int chain,
		  const struct pieces *p, uint32_t table)
{
	struct driver_queue *q = &d->queue[queue];
	uint16_t head = (uint16_t)((unsigned)chain * PER_CHAIN);
	struct vring_desc *desc = driver_desc(d, queue) + head;

	if (table) {
		lay((struct vring_desc *)(void *)(d->ram + table), p, 0);
		*desc = (struct vring_desc){
			.addr = table,
			.len = p->n * (uint32_t)sizeof(*desc),
			.flags = VRING_DESC_F_INDIRECT,
		};
	} else {
		lay(desc, p, head);
	}
	q->busy |= 1u << chain;
	q->heads[q->avail % FRONT_ENTRIES] = head;
	driver_avail(d, queue)[2 + q->avail % FRONT_ENTRIES] = head;
	q->avail++;
}

static void shape_buffer(struct pieces *p, enum driver_shape shape, uint32_t at,
			 uint32_t len)
{
	const uint16_t flags = VRING_DESC_F_WRITE;

	if (shape == DRIVER_WHOLE)
		add_run(p, at, len, len, 1, flags);
	else if (shape == DRIVER_CUT)
		add_run(p, at, len, 27, 3, flags);
	else if (shape == DRIVER_CRUMBS)
		add_run(p, at, len, 13, CRUMBS, flags);
	else
		add_run(p, at, len, DRIVER_HEADER, 2, flags);
}

bool driver_offer(struct driver *d, enum driver_shape shape, uint32_t len)
{
	struct driver_queue *q = &d->queue[DRIVER_RX];
	struct pieces p = { .n = 0 };
	int chain = free_chain(q);
	uint32_t at, table;

	if (chain < 0)
		return false;
	at = STAGE_BUFFERS + (uint32_t)chain * STAGE_BUFFER;
	table = STAGE_TABLES + (uint32_t)chain * RX_TABLE;
	shape_buffer(&p, shape, at, len);
	enter(d, DRIVER_RX, chain, &p, shape >= DRIVER_INDIRECT ? table : 0);
	q->room[chain] = len;
	return true;
}

/* The header at AT, and behind it the part of the payload that was copied
 * there. */
static void shape_packet(struct pieces *p, enum driver_shape shape, uint32_t at,
			 uint32_t copied, uint32_t payload, uint32_t len)
{
	if (shape == DRIVER_WHOLE)
		add_run(p, at, DRIVER_HEADER + copied, 256, 1, 0);
	else if (shape == DRIVER_CUT)
		add_run(p, at, DRIVER_HEADER + copied, 27, 2, 0);
	else if (shape == DRIVER_CRUMBS)
		add_run(p, at, DRIVER_HEADER + copied, 13, 5, 0);
	else
		add_run(p, at, DRIVER_HEADER + copied, DRIVER_HEADER, 2, 0);
	add_run(p, payload + copied, len - copied, (len - copied) / 2 + 1, 2,
		0);
}

bool driver_send(struct driver *d, enum driver_shape shape,
		 const struct virtio_vsock_hdr *hdr, uint32_t at, uint32_t len)
{
	int chain = free_chain(&d->queue[DRIVER_TX]);
	uint32_t header, payload = STAGE_BYTES + at, copied = 0;
	struct pieces p = { .n = 0 };

	if (chain < 0)
		return false;
	header = STAGE_HEADERS + (uint32_t)chain * TX_ROOM;
	if (shape == DRIVER_WHOLE || shape == DRIVER_CUT)
		copied = len < 100 ? len : 100;
	memcpy(d->ram + header, hdr, DRIVER_HEADER);
	memcpy(d->ram + header + DRIVER_HEADER, d->ram + payload, copied);
	shape_packet(&p, shape, header, copied, payload, len);
	enter(d, DRIVER_TX, chain, &p,
	      shape >= DRIVER_INDIRECT ? header + TX_TABLE : 0);
	return true;
}

void driver_publish(struct driver *d, unsigned queue)
{
	__atomic_store_n(&driver_avail(d, queue)[1], d->queue[queue].avail,
			 __ATOMIC_RELEASE);
}

/* The chains before a batch's last one were written in full (virtio 1.3,
 * 2.7.9). */
static uint32_t take_of_batch(struct driver *d, unsigned queue,
			      const struct vring_used_elem *e, uint16_t head)
{
	struct driver_queue *q = &d->queue[queue];

	if (!q->batch) {
		q->batch = true;
		q->batch_id = e->id;
		q->batch_len = e->len;
	}
	if (q->batch_id != head)
		return queue == DRIVER_RX ? q->room[head / PER_CHAIN] : 0;
	q->batch = false;
	return q->batch_len;
}

int driver_take(struct driver *d, unsigned queue, uint32_t *len)
{
	struct driver_queue *q = &d->queue[queue];
	uint16_t *used = driver_used(d, queue);
	const struct vring_used_elem *e =
		(const struct vring_used_elem *)(const void *)(used + 2) +
		q->used % FRONT_ENTRIES;
	uint16_t head = q->heads[q->given % FRONT_ENTRIES];

	if (__atomic_load_n(&used[1], __ATOMIC_ACQUIRE) == q->used) {
		fuzz_check(!q->batch);
		return -1;
	}
	fuzz_check(q->busy >> head / PER_CHAIN & 1);
	if (d->in_order) {
		*len = take_of_batch(d, queue, e, head);
	} else {
		fuzz_check(e->id == head);
		*len = e->len;
	}
	q->given++;
	q->used++;
	q->busy &= ~(1u << head / PER_CHAIN);
	return head / PER_CHAIN;
}

void driver_read(const struct driver *d, int chain, uint32_t skip, void *to,
		 uint32_t n)
{
	fuzz_check(skip + n <= d->queue[DRIVER_RX].room[chain]);
	memcpy(to,
	       d->ram + STAGE_BUFFERS + (uint32_t)chain * STAGE_BUFFER + skip,
	       n);
}
