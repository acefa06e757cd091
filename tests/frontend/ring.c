/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Descriptors are chained through a private list (next, length) and never
 * through what is in guest memory, as in Linux's driver: a device that writes
 * to the descriptors, or a test that breaks them, does not confuse this side.
 * The tokens say which chains the device has, so that a chain that is used
 * twice, or was never offered, is found at once. So is a chain that is used
 * before those that were offered earlier, which this device promises not to do,
 * whether IN_ORDER was negotiated or not.
 */
#include "frontend/ring.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	need(fd >= 0, "eventfd");
	return fd;
}

void ring_init(struct ring *r, struct ram *ram, uint16_t size, bool event_idx,
	       unsigned table_len)
{
	size_t entries = size;

	*r = (struct ring){
		.ram = ram,
		.size = size,
		.event_idx = event_idx,
		.table_len = table_len,
		.desc = ram_alloc(ram, 16 * entries, 16),
		.avail = ram_alloc(ram, 6 + 2 * entries, 2),
		.used = ram_alloc(ram, 6 + 8 * entries, 4),
		.kick_fd = new_eventfd(),
		.call_fd = new_eventfd(),
		.err_fd = new_eventfd(),
		.next = need_zeroed(entries, sizeof(uint16_t)),
		.length = need_zeroed(entries, sizeof(uint16_t)),
		.tokens = need_zeroed(entries, sizeof(void *)),
		.heads = need_zeroed(entries, sizeof(uint16_t)),
		.room = need_zeroed(entries, sizeof(uint32_t)),
	};
	if (table_len)
		r->tables = ram_alloc(ram, 16 * entries * table_len, 16);
	ring_reset(r, 0);
}

void ring_free(struct ring *r)
{
	if (!r->size)
		return;
	close(r->kick_fd);
	close(r->call_fd);
	close(r->err_fd);
	free(r->next);
	free(r->length);
	free(r->tokens);
	free(r->heads);
	free(r->room);
	*r = (struct ring){ .kick_fd = -1, .call_fd = -1, .err_fd = -1 };
}

void ring_reset(struct ring *r, uint16_t base)
{
	memset(r->desc, 0, 16u * r->size);
	memset(r->avail, 0, 6 + 2u * r->size);
	memset(r->used, 0, 6 + 8u * r->size);
	memset(r->tokens, 0, sizeof(void *) * r->size);
	for (unsigned i = 0; i < r->size; i++)
		r->next[i] = (uint16_t)((i + 1) % r->size);
	r->free_head = 0;
	r->free_count = r->size;
	r->avail_idx = r->kicked_idx = r->last_used = base;
	r->batch_open = false;
	r->avail->idx = htole16(base);
	r->used->idx = htole16(base);
	if (r->event_idx)
		r->avail->ring[r->size] = htole16(base);
}

static struct vring_desc describe(const struct ring *r,
				  const struct ring_segment *s, bool write)
{
	return (struct vring_desc){
		.addr = htole64(ram_guest_addr(r->ram, s->at)),
		.len = htole32(s->len),
		.flags = htole16(write ? VRING_DESC_F_WRITE : 0),
	};
}

/* Writes the segments FROM to COUNT into HEAD's table; returns the descriptor
 * that points to it. */
static struct vring_desc fill_table(const struct ring *r, uint16_t head,
				    const struct ring_segment *segments,
				    unsigned from, unsigned count,
				    unsigned nout)
{
	struct vring_desc *table = r->tables + (size_t)head * r->table_len;
	unsigned n = count - from;

	if (n > r->table_len)
		die("a chain of %u does not fit a table of %u", n,
		    r->table_len);
	for (unsigned i = 0; i < n; i++) {
		table[i] = describe(r, &segments[from + i], from + i >= nout);
		if (i + 1 == n)
			break;
		table[i].flags |= htole16(VRING_DESC_F_NEXT);
		table[i].next = htole16((uint16_t)(i + 1));
	}
	return (struct vring_desc){
		.addr = htole64(ram_guest_addr(r->ram, table)),
		.len = htole32(16 * n),
		.flags = htole16(VRING_DESC_F_INDIRECT),
	};
}

/* How many of COUNT segments get a descriptor in the ring itself. */
static unsigned direct_part(enum ring_mode mode, unsigned count)
{
	if (mode == RING_INDIRECT && count > 1)
		return 0;
	if (mode == RING_MIXED && count > 1)
		return 1;
	return count;
}

bool ring_add(struct ring *r, const struct ring_segment *segments,
	      unsigned nout, unsigned nin, enum ring_mode mode, void *token)
{
	unsigned count = nout + nin;
	unsigned direct = direct_part(mode, count);
	unsigned slots = direct + (direct < count ? 1 : 0);
	uint16_t head = r->free_head, at = head;

	if (slots > r->free_count)
		return false;
	for (unsigned i = 0; i < slots; i++) {
		struct vring_desc d;

		if (i < direct)
			d = describe(r, &segments[i], i >= nout);
		else
			d = fill_table(r, head, segments, i, count, nout);
		if (i + 1 < slots) {
			d.flags |= htole16(VRING_DESC_F_NEXT);
			d.next = htole16(r->next[at]);
		}
		r->desc[at] = d;
		r->free_head = r->next[at];
		at = r->next[at];
	}
	r->free_count = (uint16_t)(r->free_count - slots);
	r->tokens[head] = token;
	r->length[head] = (uint16_t)slots;
	r->room[head] = 0;
	for (unsigned i = nout; i < count; i++)
		r->room[head] += segments[i].len;
	r->avail->ring[r->avail_idx & (r->size - 1)] = htole16(head);
	r->heads[r->avail_idx & (r->size - 1)] = head;
	r->avail_idx++;
	/* pairs with the device's acquire of avail->idx */
	__atomic_store_n(&r->avail->idx, htole16(r->avail_idx),
			 __ATOMIC_RELEASE);
	return true;
}

static bool kick_wanted(struct ring *r)
{
	uint16_t *avail_event = (uint16_t *)&r->used->ring[r->size];
	uint16_t old = r->kicked_idx;

	/* pairs with the device's barrier between arming and looking again */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!r->event_idx)
		return !(le16toh(__atomic_load_n(&r->used->flags,
						 __ATOMIC_RELAXED)) &
			 VRING_USED_F_NO_NOTIFY);
	return vring_need_event(
		le16toh(__atomic_load_n(avail_event, __ATOMIC_RELAXED)),
		r->avail_idx, old);
}

void ring_kick(struct ring *r)
{
	uint64_t one = 1;

	if (r->kicked_idx == r->avail_idx)
		return;
	if (kick_wanted(r)) {
		r->kicks++;
		if (write(r->kick_fd, &one, sizeof(one)) != sizeof(one))
			die("kick");
	}
	r->kicked_idx = r->avail_idx;
}

void ring_set_avail(struct ring *r, uint16_t idx)
{
	uint64_t one = 1;

	r->avail_idx = r->kicked_idx = idx;
	__atomic_store_n(&r->avail->idx, htole16(idx), __ATOMIC_RELEASE);
	if (write(r->kick_fd, &one, sizeof(one)) != sizeof(one))
		die("kick");
}

void ring_offer(struct ring *r, uint16_t head)
{
	r->avail->ring[r->avail_idx & (r->size - 1)] = htole16(head);
	r->heads[r->avail_idx & (r->size - 1)] = head;
	ring_set_avail(r, (uint16_t)(r->avail_idx + 1));
}

bool ring_failed(struct ring *r)
{
	uint64_t count;

	return read(r->err_fd, &count, sizeof(count)) == sizeof(count);
}

uint16_t ring_in_flight(const struct ring *r)
{
	return (uint16_t)(r->avail_idx - r->last_used);
}

uint16_t ring_waiting(const struct ring *r)
{
	/* pairs with the device's release of used->idx */
	uint16_t idx =
		le16toh(__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE));

	return (uint16_t)(idx - r->last_used);
}

static void release_chain(struct ring *r, uint16_t head)
{
	uint16_t last = head;

	for (unsigned i = 1; i < r->length[head]; i++)
		last = r->next[last];
	r->next[last] = r->free_head;
	r->free_head = head;
	r->free_count = (uint16_t)(r->free_count + r->length[head]);
	r->tokens[head] = NULL;
}

/* The head of the chain that was offered N entries after the oldest one in
 * flight. */
static uint16_t head_behind(const struct ring *r, uint16_t n)
{
	return r->heads[(uint16_t)(r->last_used + n) & (r->size - 1)];
}

static struct vring_used_elem read_element(const struct ring *r)
{
	const struct vring_used_elem *e =
		&r->used->ring[r->last_used & (r->size - 1)];

	return (struct vring_used_elem){ le32toh(e->id), le32toh(e->len) };
}

/* A batch begins: its element names the last of the chains that were used. */
static void open_batch(struct ring *r)
{
	uint16_t n = 0, waiting = ring_waiting(r);

	r->last = read_element(r);
	while (n < waiting && head_behind(r, n) != r->last.id)
		n++;
	if (n == waiting)
		die("the device ends a batch of up to %u with chain %u, which "
		    "is not among them",
		    waiting, r->last.id);
	r->batch_open = true;
}

/* The next chain of a batch. All but the last one were written in full. */
static struct vring_used_elem next_of_batch(struct ring *r)
{
	uint16_t head = head_behind(r, 0);

	if (!r->batch_open)
		open_batch(r);
	if (head != r->last.id)
		return (struct vring_used_elem){ head, r->room[head] };
	r->batch_open = false;
	return r->last;
}

void *ring_take(struct ring *r, uint32_t *len)
{
	struct vring_used_elem e;
	void *token;

	if (!ring_waiting(r))
		return NULL;
	if (ring_waiting(r) > ring_in_flight(r))
		die("the device used %u of %u chains in flight",
		    ring_waiting(r), ring_in_flight(r));
	e = r->in_order ? next_of_batch(r) : read_element(r);
	if (e.id >= r->size || !r->tokens[e.id])
		die("the device used chain %u, which it does not have", e.id);
	if (!r->any_order && e.id != head_behind(r, 0))
		die("the device used chain %u before chain %u, which was "
		    "offered earlier",
		    e.id, head_behind(r, 0));
	token = r->tokens[e.id];
	release_chain(r, (uint16_t)e.id);
	r->last_used++;
	*len = e.len;
	return token;
}

void ring_calls_off(struct ring *r)
{
	if (!r->event_idx)
		__atomic_store_n(&r->avail->flags,
				 htole16(VRING_AVAIL_F_NO_INTERRUPT),
				 __ATOMIC_RELAXED);
}

bool ring_calls_on(struct ring *r)
{
	if (r->event_idx)
		__atomic_store_n(&r->avail->ring[r->size],
				 htole16(r->last_used), __ATOMIC_RELAXED);
	else
		__atomic_store_n(&r->avail->flags, 0, __ATOMIC_RELAXED);
	/* pairs with the device's barrier between using and asking */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return ring_waiting(r) != 0;
}

bool ring_called(struct ring *r)
{
	uint64_t count;

	if (read(r->call_fd, &count, sizeof(count)) != sizeof(count))
		return false;
	r->calls += count;
	return true;
}
