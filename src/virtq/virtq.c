/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Ordering. The guest stores an entry, then avail->idx with a release; our
 * acquire load of avail->idx is its partner. We store used elements, then
 * used->idx with a release; the guest's barrier after reading used->idx is
 * its partner.
 *
 * Two places are store-then-load on both sides, where only sequential
 * consistency keeps both from missing each other:
 *  - we store used->idx, then load what the guest asks for (used_event or
 *    avail->flags); the guest stores what it asks for, then loads used->idx;
 *  - we store what we ask for (avail_event or used->flags), then load
 *    avail->idx; the guest stores avail->idx, then loads what we ask for.
 *
 * Indexes run freely through 16 bits and are compared by subtraction.
 *
 * Chains leave in the order in which they came, so that those in flight are
 * the available entries [next_avail - in_flight, next_avail), and no list of
 * them is kept.
 */
#include "virtq/virtq.h"

#include <errno.h>
#include "base/bytes.h"
#include "base/check.h"

#define VANISHED "guest memory vanished"

/* Offsets in 16-bit words, the same in the avail and the used ring. */
enum { FLAGS = 0, INDEX = 1, RING = 2 };

struct parts {
	const uint8_t *desc;
	uint16_t *avail;
	uint16_t *used;
};

static uint16_t *used_event(const struct virtq *q)
{
	return q->avail + RING + q->setup.size;
}

static uint16_t *avail_event(const struct virtq *q)
{
	return q->used + RING + 4 * (size_t)q->setup.size;
}

static struct vring_used_elem *used_element(const struct virtq *q, uint16_t i)
{
	void *ring = q->used + RING;

	return (struct vring_used_elem *)ring + (i & q->mask);
}

static bool aligned(const void *p, uintptr_t to)
{
	return !((uintptr_t)p & (to - 1));
}

/* Finds the three parts; alignment is that of virtio 1.3, 2.7. */
static int locate(const struct virtq_setup *s, const struct memory *m,
		  struct parts *p, const char **why)
{
	size_t avail_bytes = layout_avail_bytes(s->size, s->event_idx);
	size_t used_bytes = layout_used_bytes(s->size, s->event_idx);

	p->desc = memory_at_user(m, s->desc, layout_desc_bytes(s->size));
	p->avail = memory_at_user(m, s->avail, avail_bytes);
	p->used = memory_at_user(m, s->used, used_bytes);
	if (!p->desc || !p->avail || !p->used) {
		*why = "ring outside guest memory";
		return -EFAULT;
	}
	if (!aligned(p->desc, VRING_DESC_ALIGN_SIZE) ||
	    !aligned(p->avail, VRING_AVAIL_ALIGN_SIZE) ||
	    !aligned(p->used, VRING_USED_ALIGN_SIZE)) {
		*why = "ring address misaligned";
		return -EINVAL;
	}
	return 0;
}

static void ask_for_kicks(struct virtq *q)
{
	layout_store(q->used + FLAGS, 0, __ATOMIC_SEQ_CST);
	if (q->setup.event_idx)
		layout_store(avail_event(q), q->next_avail, __ATOMIC_SEQ_CST);
}

/* Takes over a reference on M. */
static void attach(struct virtq *q, const struct parts *p, struct memory *m)
{
	memory_put(q->memory);
	q->memory = m;
	q->avail = p->avail;
	q->used = p->used;
	q->source = (struct chain_source){
		.table = p->desc,
		.size = q->setup.size,
		.rule = q->setup.rule,
		.memory = m,
	};
}

int virtq_start(struct virtq *q, const struct virtq_setup *setup,
		struct memory *memory, const char **why)
{
	struct parts parts;
	int rc;

	/* 16 bits hold no power of two beyond VIRTQ_SIZE_MAX. */
	if (!is_power_of_two(setup->size)) {
		*why = "queue size not a power of two up to 32768";
		return -EINVAL;
	}
	rc = locate(setup, memory, &parts, why);
	if (rc)
		return rc;
	memory_get(memory);
	virtq_stop(q);
	*q = (struct virtq){
		.setup = *setup,
		.mask = (uint16_t)(setup->size - 1),
		.next_avail = setup->base,
		.seen_avail = setup->base,
		.live = true,
		.call_anyway = true,
	};
	attach(q, &parts, memory);
	q->published = layout_load(q->used + INDEX, __ATOMIC_RELAXED);
	q->next_used = q->published;
	ask_for_kicks(q);
	return 0;
}

int virtq_remap(struct virtq *q, struct memory *memory, const char **why)
{
	struct parts parts;
	int rc = locate(&q->setup, memory, &parts, why);

	debug_assert(q->memory && (!q->live || !q->in_flight));
	if (rc)
		return rc;
	attach(q, &parts, memory_get(memory));
	return 0;
}

/*
 * Entries that were peeked at and not used simply wait again. Entries that were
 * used early would be used twice by the next back end: the caller has to
 * prevent that (virtq_has_early()).
 */
uint16_t virtq_stop(struct virtq *q)
{
	memory_put(q->memory);
	q->memory = NULL;
	q->live = false;
	q->in_flight = 0;
	q->npeeked = 0;
	q->nearly = 0;
	return q->next_avail;
}

bool virtq_running(const struct virtq *q)
{
	return q->memory;
}

bool virtq_guest_index(const struct virtq_setup *setup,
		       const struct memory *memory, uint16_t *index)
{
	struct parts parts;
	const char *why;

	if (locate(setup, memory, &parts, &why) < 0)
		return false;
	*index = layout_load(parts.avail + INDEX, __ATOMIC_RELAXED);
	return true;
}

void virtq_break(struct virtq *q, const char *why)
{
	if (!q->broken)
		q->broken = memory_lost(q->memory) ? VANISHED : why;
	q->live = false;
}

void virtq_check_memory(struct virtq *q)
{
	if (unlikely(memory_lost(q->memory)))
		virtq_break(q, VANISHED);
}

const char *virtq_broken(const struct virtq *q)
{
	return q->broken;
}

/* ORDER is acquire, or sequentially consistent after a store (see above). */
static uint16_t look(struct virtq *q, int order)
{
	uint16_t waiting;

	if (unlikely(!q->live))
		return 0;
	q->seen_avail = layout_load(q->avail + INDEX, order);
	waiting = (uint16_t)(q->seen_avail - q->next_avail);
	virtq_check_memory(q);
	if (unlikely((uint32_t)waiting + q->in_flight > q->setup.size))
		virtq_break(q, "more entries available than the queue has");
	if (unlikely(waiting < q->npeeked))
		virtq_break(q, "entries that were available are not any more");
	return q->live ? waiting : 0;
}

uint16_t virtq_look(struct virtq *q)
{
	return look(q, __ATOMIC_ACQUIRE);
}

bool virtq_untouched(const struct virtq *q)
{
	return layout_load(q->avail + INDEX, __ATOMIC_RELAXED) == q->setup.base;
}

static uint16_t head_at(const struct virtq *q, uint16_t i)
{
	return layout_load(q->avail + RING + (i & q->mask), __ATOMIC_RELAXED);
}

/* The head that is read here is a hint for the cache only; nothing is decided
 * by it. */
static void prefetch_next(const struct virtq *q)
{
	uint16_t next = (uint16_t)(q->next_avail + 1);

	if (next != q->seen_avail)
		__builtin_prefetch(q->source.table +
				   DESC_BYTES * (head_at(q, next) & q->mask));
}

static_assert(VIRTQ_PEEK_MAX % 64 == 0 && 65536 % VIRTQ_PEEK_MAX == 0,
	      "bits that are found by an index that wraps");

static uint64_t *early_word(struct virtq *q, uint16_t index)
{
	return &q->early[index % VIRTQ_PEEK_MAX / 64];
}

static uint64_t early_bit(uint16_t index)
{
	return 1ull << index % 64;
}

/* The next entry was used early, so that only its head matters any more. */
static bool pass_early(struct virtq *q, struct chain *out)
{
	uint64_t *word = early_word(q, q->next_avail);

	if (!(*word & early_bit(q->next_avail)))
		return false;
	*word &= ~early_bit(q->next_avail);
	q->nearly--;
	*out = (struct chain){ .head = head_at(q, q->next_avail) & q->mask,
			       .index = q->next_avail,
			       .early = true };
	return true;
}

static int walk(struct virtq *q, uint16_t index, struct iovec *iov,
		unsigned max, struct chain *out)
{
	int rc = chain_walk(&q->source, head_at(q, index), iov, max, out);

	if (unlikely(rc == -EPROTO))
		virtq_break(q, q->source.fault);
	out->index = index;
	return rc;
}

int virtq_take(struct virtq *q, struct iovec *iov, unsigned max,
	       struct chain *out)
{
	int rc = 0;

	if (unlikely(!q->live))
		return 0;
	if (q->next_avail == q->seen_avail && !virtq_look(q))
		return q->live ? 0 : -EPROTO;
	prefetch_next(q);
	if (likely(!q->nearly) || !pass_early(q, out))
		rc = walk(q, q->next_avail, iov, max, out);
	if (unlikely(rc))
		return rc;
	if (q->npeeked)
		q->npeeked--;
	q->next_avail++;
	q->in_flight++;
	return 1;
}

bool virtq_take_buffer(struct virtq *q, struct iovec *segment,
		       struct chain *out)
{
	uint16_t head;

	if (unlikely(q->next_avail == q->seen_avail || !q->live || q->npeeked))
		return false;
	prefetch_next(q);
	head = head_at(q, q->next_avail);
	if (unlikely(!chain_walk_buffer(&q->source, head, segment, out)))
		return false;
	out->index = q->next_avail++;
	q->in_flight++;
	return true;
}

int virtq_peek(struct virtq *q, struct iovec *iov, unsigned max,
	       struct chain *out)
{
	int rc;

	if (virtq_look(q) <= q->npeeked || q->npeeked == VIRTQ_PEEK_MAX)
		return 0;
	rc = walk(q, (uint16_t)(q->next_avail + q->npeeked), iov, max, out);
	if (unlikely(rc))
		return rc;
	q->npeeked++;
	return 1;
}

void virtq_use_early(struct virtq *q)
{
	uint16_t index = virtq_last_peeked(q);

	debug_assert(q->npeeked);
	*early_word(q, index) |= early_bit(index);
	q->nearly++;
}

void virtq_untake(struct virtq *q, uint16_t n)
{
	if (unlikely(!q->live))
		return;
	debug_assert(n <= q->in_flight && !q->npeeked);
	q->next_avail = (uint16_t)(q->next_avail - n);
	q->in_flight = (uint16_t)(q->in_flight - n);
}

static void end_batch(struct virtq *q)
{
	const struct virtq_batch *b = &q->batch;

	if (b->open)
		layout_used(used_element(q, b->at), b->head, b->len);
	q->batch.open = false;
}

/* A batch goes on behind a chain that was written in full. */
static void extend_batch(struct virtq *q, const struct chain *chain,
			 uint32_t len)
{
	if (q->batch.open && q->batch.len < q->batch.room)
		end_batch(q);
	q->batch = (struct virtq_batch){
		.at = q->batch.open ? q->batch.at : q->next_used,
		.head = chain->head,
		.len = len,
		.room = chain->write_bytes,
		.open = true,
	};
}

void virtq_give(struct virtq *q, const struct chain *chain, uint32_t len)
{
	if (unlikely(!q->live))
		return;
	debug_assert(q->in_flight && virtq_gives_next(q, chain));
	if (unlikely(q->setup.in_order))
		extend_batch(q, chain, len);
	else
		layout_used(used_element(q, q->next_used), chain->head, len);
	q->next_used++;
	q->in_flight--;
}

/* Finds out whether the guest wants to be called, which may take a look at its
 * index: virtio 1.3, 2.7.7.2; for notify-on-empty its legacy clause 6.3. */
static bool decide_call(struct virtq *q, uint16_t old)
{
	uint16_t event;

	if (q->setup.notify_on_empty && !q->in_flight && !virtq_look(q))
		return q->live;
	if (!q->setup.event_idx)
		return !(layout_load(q->avail + FLAGS, __ATOMIC_SEQ_CST) &
			 VRING_AVAIL_F_NO_INTERRUPT);
	/* Does the event lie among the elements published since OLD? */
	event = layout_load(used_event(q), __ATOMIC_SEQ_CST);
	return (uint16_t)(q->published - 1 - event) <
	       (uint16_t)(q->published - old);
}

bool virtq_publish(struct virtq *q)
{
	uint16_t old = q->published;
	bool unsure = q->call_anyway;

	if (!q->live || old == q->next_used)
		return false;
	q->call_anyway = false;
	end_batch(q);
	q->published = q->next_used;
	layout_store(q->used + INDEX, q->published, __ATOMIC_SEQ_CST);
	return decide_call(q, old) || unsure;
}

/* The store is relaxed, as nothing depends on it: a guest that does not see it
 * yet kicks once more for nothing. */
void virtq_kicks_off(struct virtq *q)
{
	/* With EVENT_IDX an avail_event that stays behind says the same. */
	if (q->live && !q->setup.event_idx)
		layout_store(q->used + FLAGS, VRING_USED_F_NO_NOTIFY,
			     __ATOMIC_RELAXED);
}

bool virtq_kicks_on(struct virtq *q)
{
	if (!q->live)
		return false;
	ask_for_kicks(q);
	return look(q, __ATOMIC_SEQ_CST) != 0;
}
