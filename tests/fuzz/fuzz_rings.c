/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A split ring between a driver that does anything and src/virtq, against a
 * model that knows every byte that the device may write. After each step the
 * used ring is as the model has it, and at the end nothing else in the ring's
 * memory has changed. Each chain that is taken is the one that the available
 * ring names, as walker.h reads it.
 *
 * The device's side keeps to the contract of virtq.h: chains are given back in
 * the order in which they were taken.
 */
#include <errno.h>
#include <unistd.h>

#include "base/check.h"
#include "fuzz/fuzz.h"
#include "fuzz/regions.h"
#include "fuzz/walker.h"
#include "virtq/virtq.h"

#define SIZE_MAX_LOG 9 /* of a ring: more entries than can be peeked at */
#define DESC_AT 0
#define AVAIL_AT 8192
#define USED_AT 10240
#define RING_BYTES 16384
#define EARLY (2 * VIRTQ_PEEK_MAX)

/* What the ring's memory must be, in the driver's byte order. */
union shadow {
	uint8_t bytes[RING_BYTES];
	struct {
		struct vring_desc desc[AVAIL_AT / DESC_BYTES];
		uint16_t avail[(USED_AT - AVAIL_AT) / 2];
		uint16_t used[(RING_BYTES - USED_AT) / 2];
	};
};

static union shadow shadow;
static struct regions regions;
static struct virtq q;
static struct iovec iov[VIRTQ_CHAIN_MAX];
static struct virtq_setup setup;
static struct memory *current; /* the map that the queue is on */

/* What the device's side has done; indexes run freely through 16 bits. */
static struct {
	bool running, live;
	uint16_t next_avail, seen;
	uint16_t next_used, published;
	uint16_t npeeked, nearly;
	bool early[EARLY]; /* by index: waiting entries that were used early */
	struct chain flight[1 << SIZE_MAX_LOG];
	unsigned in_flight;
	unsigned fresh; /* how many of those were taken since the last give */
	bool call_anyway;
	struct virtq_batch batch; /* with IN_ORDER: not written yet */
} m;

/* ---- The driver. ---- */

static void poke(size_t at, const void *bytes, size_t n)
{
	memcpy(shadow.bytes + at, bytes, n);
	regions_put(&regions, regions.region[0].guest_addr + at, bytes, n);
}

static void poke_u16(size_t at, uint16_t value)
{
	value = htole16(value);
	poke(at, &value, sizeof(value));
}

static uint16_t avail_at(unsigned i)
{
	return le16toh(shadow.avail[i]);
}

static uint16_t head_at(uint16_t index)
{
	return avail_at(2u + index % setup.size);
}

static void driver_describe(struct fuzz_input *in)
{
	unsigned i = (unsigned)fuzz_u8(in) % setup.size;
	struct vring_desc desc = walker_desc(&regions, in);

	poke(DESC_AT + DESC_BYTES * (size_t)i, &desc, sizeof(desc));
}

static void driver_table(struct fuzz_input *in)
{
	uint64_t at = regions_address(&regions, in);
	uint64_t start = regions.region[0].guest_addr;

	for (unsigned n = fuzz_below(in, 8); n; n--, at += DESC_BYTES) {
		struct vring_desc desc = walker_desc(&regions, in);

		/* Bytes of the ring itself are written through poke() alone. */
		if (at - start >= RING_BYTES && start - at >= DESC_BYTES)
			regions_put(&regions, at, &desc, sizeof(desc));
	}
}

static void driver_offer(struct fuzz_input *in)
{
	uint16_t index = avail_at(1);

	for (unsigned n = 1 + fuzz_below(in, 16); n; n--) {
		uint16_t head = fuzz_u8(in);

		poke_u16(AVAIL_AT + 4 + 2 * (size_t)(index++ % setup.size),
			 head == UINT8_MAX ? UINT16_MAX : head);
	}
	poke_u16(AVAIL_AT + 2, index);
}

/* Makes a chain of one descriptor that is as it should be, and offers it once
 * or more. Otherwise most chains would break the queue. */
static void driver_offer_good(struct fuzz_input *in)
{
	unsigned choice = fuzz_u8(in);
	struct vring_desc desc = {
		.addr = htole64(regions.region[0].guest_addr + choice),
		.len = htole32(1u + fuzz_u8(in)),
		.flags = htole16(choice & 1 ? VRING_DESC_F_WRITE : 0),
	};
	uint16_t head = (uint16_t)(choice % setup.size);
	uint16_t index = avail_at(1);

	poke(DESC_AT + DESC_BYTES * (size_t)head, &desc, sizeof(desc));
	for (unsigned n = 1 + fuzz_below(in, 3); n; n--)
		poke_u16(AVAIL_AT + 4 + 2 * (size_t)(index++ % setup.size),
			 head);
	poke_u16(AVAIL_AT + 2, index);
}

/* Offers as many chains as the ring has entries, all the same. */
static void driver_flood(struct fuzz_input *in)
{
	unsigned head = fuzz_u8(in);

	for (unsigned i = 0; i < setup.size; i++)
		poke_u16(AVAIL_AT + 4 + 2 * i, (uint16_t)head);
	poke_u16(AVAIL_AT + 2,
		 (uint16_t)(m.next_avail + setup.size - m.in_flight));
}

static void driver_ask(struct fuzz_input *in)
{
	unsigned kind = fuzz_below(in, 5);

	if (kind == 4 && !m.running)
		poke_u16(USED_AT + 2, fuzz_u16(in));
	else if (kind == 0)
		poke_u16(AVAIL_AT, fuzz_u16(in));
	else if (kind == 1)
		poke_u16(AVAIL_AT + 2, fuzz_u16(in));
	else if (kind == 2)
		poke_u16(AVAIL_AT + 4 + 2 * (size_t)setup.size, fuzz_u16(in));
	else
		poke_u16(AVAIL_AT + 4 + 2 * (size_t)setup.size,
			 (uint16_t)(m.published + fuzz_below(in, 8)));
}

/* ---- The model of the device. ---- */

static void used_u16(unsigned i, uint16_t value)
{
	shadow.used[i] = htole16(value);
}

static void model_ask_for_kicks(void)
{
	used_u16(0, 0);
	if (setup.event_idx)
		used_u16(2 + 4u * setup.size, m.next_avail);
}

/* How many chains wait; 0 if they are too many, or fewer than before. */
static uint16_t model_look(void)
{
	uint16_t waiting;

	if (!m.live)
		return 0;
	m.seen = avail_at(1);
	waiting = (uint16_t)(m.seen - m.next_avail);
	if (waiting + m.in_flight > setup.size || waiting < m.npeeked)
		m.live = false;
	return m.live ? waiting : 0;
}

static bool model_wants_call(uint16_t old)
{
	uint16_t event = avail_at(2u + setup.size);

	if (setup.notify_on_empty && !m.in_flight && !model_look())
		return m.live;
	if (!setup.event_idx)
		return !(avail_at(0) & VRING_AVAIL_F_NO_INTERRUPT);
	for (uint16_t i = old; i != m.published; i++)
		if (i == event)
			return true;
	return false;
}

/* ---- The device: each step is done twice and compared. ---- */

static void check_state(void)
{
	size_t bytes = layout_used_bytes(setup.size, true);
	const uint8_t *used =
		regions_byte(&regions, regions.region[0].guest_addr + USED_AT);

	fuzz_check(virtq_running(&q) == m.running);
	fuzz_check((virtq_broken(&q) == NULL) == (m.live || !m.running));
	fuzz_check(!memcmp(used, shadow.used, bytes));
	fuzz_check(virtq_has_early(&q) == (m.live && m.nearly));
	if (m.live)
		fuzz_check(virtq_unpublished(&q) ==
			   (uint16_t)(m.next_used - m.published));
}

static void forget(void)
{
	m.in_flight = 0;
	m.fresh = 0;
	m.npeeked = 0;
	m.nearly = 0;
	m.batch.open = false;
	memset(m.early, 0, sizeof(m.early));
}

/* The set-up is mostly as it should be; WRONG says what is not. */
static void read_setup(struct fuzz_input *in, struct virtq_setup *s,
		       unsigned *wrong)
{
	uint64_t start = regions.region[0].user_addr;
	unsigned features = fuzz_u8(in);
	unsigned log = fuzz_below(in, SIZE_MAX_LOG + 1);
	uint16_t base = fuzz_u16(in);

	*s = (struct virtq_setup){
		.size = (uint16_t)(1u << log),
		.desc = start + DESC_AT,
		.avail = start + AVAIL_AT,
		.used = start + USED_AT,
		.base = base,
		.event_idx = features & 1,
		.notify_on_empty = features & 2,
		.in_order = features & 4,
		.rule = walker_rule(in),
	};
	*wrong = features / 8 % 32;
	if (*wrong == 1)
		s->desc += 8;
	else if (*wrong == 2)
		s->avail += 1;
	else if (*wrong == 3)
		s->used += 2;
	else if (*wrong == 4)
		s->used += 1ull << 40;
	else if (*wrong == 5)
		s->size = (uint16_t)(s->size + s->size / 2 - (s->size < 2));
	else
		*wrong = 0;
}

static void device_start(struct fuzz_input *in)
{
	struct virtq_setup s;
	const char *why = NULL;
	unsigned wrong;
	int rc;

	read_setup(in, &s, &wrong);
	rc = virtq_start(&q, &s, current, &why);
	fuzz_check((rc == 0) == !wrong && (rc == 0) == (why == NULL));
	if (rc) {
		fuzz_check(rc == (wrong == 4 ? -EFAULT : -EINVAL));
		return;
	}
	setup = s;
	forget();
	m.running = m.live = m.call_anyway = true;
	m.next_avail = m.seen = s.base;
	m.published = m.next_used = le16toh(shadow.used[1]);
	model_ask_for_kicks();
}

static void device_stop(void)
{
	fuzz_check(virtq_stop(&q) == m.next_avail);
	m.running = m.live = false;
	q.broken = NULL; /* virtq_start() sets it again */
	forget();
}

/* The chain at INDEX is what the model's walk has found, or it breaks the
 * queue. */
static void check_chain(int rc, uint16_t index, unsigned room,
			const struct chain *c)
{
	uint16_t head = head_at(index);
	bool good = walker_walk(&regions, shadow.desc, setup.size, head,
				setup.rule);

	if (rc == -ENOBUFS) {
		fuzz_check(room < VIRTQ_CHAIN_MAX);
		return;
	}
	fuzz_check(rc == (good ? 1 : -EPROTO));
	if (!good) {
		m.live = false;
		return;
	}
	fuzz_check(c->head == head && c->index == index && !c->early);
	walker_check(&regions, current, c, room);
	walker_compare(&regions, current, c);
}

static unsigned read_room(struct fuzz_input *in)
{
	unsigned room = fuzz_u8(in);

	return room & 1 ? room / 2 : VIRTQ_CHAIN_MAX;
}

static void device_take(struct fuzz_input *in)
{
	unsigned room = read_room(in);
	struct chain c;
	int rc = virtq_take(&q, iov, room, &c);
	uint16_t index = m.next_avail;

	if (!m.live || (m.seen == index && !model_look())) {
		fuzz_check(rc == 0 || (rc == -EPROTO && !m.live));
		return;
	}
	if (m.early[index % EARLY]) {
		fuzz_check(rc == 1 && c.early && !c.nread && !c.nwrite);
		fuzz_check(c.head == head_at(index) % setup.size);
		m.early[index % EARLY] = false;
		m.nearly--;
	} else {
		check_chain(rc, index, room, &c);
	}
	if (rc != 1)
		return;
	fuzz_check(c.index == index);
	m.flight[m.in_flight++] = c;
	m.fresh++;
	m.next_avail++;
	if (m.npeeked)
		m.npeeked--;
}

static void device_peek(struct fuzz_input *in)
{
	unsigned room = read_room(in);
	struct chain c;
	int rc = virtq_peek(&q, iov, room, &c);
	uint16_t waiting = model_look();
	uint16_t index = (uint16_t)(m.next_avail + m.npeeked);

	if (waiting <= m.npeeked || m.npeeked == VIRTQ_PEEK_MAX) {
		fuzz_check(rc == 0);
		return;
	}
	check_chain(rc, index, room, &c);
	if (rc != 1)
		return;
	m.npeeked++;
	fuzz_check(virtq_last_peeked(&q) == index);
	fuzz_check(virtq_peeked(&q, index));
	fuzz_check(!virtq_peeked(&q, (uint16_t)(index + 1)));
}

static void device_use_early(void)
{
	uint16_t index = (uint16_t)(m.next_avail + m.npeeked - 1);

	if (!m.live || !m.npeeked || m.early[index % EARLY])
		return;
	virtq_use_early(&q);
	m.early[index % EARLY] = true;
	m.nearly++;
}

static void model_element(uint16_t at, uint16_t head, uint32_t len)
{
	unsigned i = 2 + 4u * (at % setup.size);

	memcpy(&shadow.used[i], &(uint32_t){ htole32(head) }, 4);
	memcpy(&shadow.used[i + 2], &(uint32_t){ htole32(len) }, 4);
}

static void model_end_batch(void)
{
	if (m.batch.open)
		model_element(m.batch.at, m.batch.head, m.batch.len);
	m.batch.open = false;
}

/* Writes an element for each chain, or one for a batch whose other chains are
 * full. */
static void model_give(const struct chain *c, uint32_t len)
{
	if (!setup.in_order) {
		model_element(m.next_used, c->head, len);
		return;
	}
	if (m.batch.open && m.batch.len != m.batch.room)
		model_end_batch();
	if (!m.batch.open)
		m.batch.at = m.next_used;
	m.batch.open = true;
	m.batch.head = c->head;
	m.batch.len = len;
	m.batch.room = c->write_bytes;
}

static void device_give(struct fuzz_input *in)
{
	struct chain *c = &m.flight[0];
	unsigned choice = fuzz_u8(in);
	uint32_t len;

	if (!m.in_flight)
		return;
	for (unsigned i = 0; m.live && i < m.in_flight; i++)
		fuzz_check(virtq_gives_next(&q, &m.flight[i]) == !i);
	len = choice & 1       ? c->write_bytes
	      : c->write_bytes ? fuzz_u32(in) % c->write_bytes
			       : 0;
	virtq_give(&q, c, len);
	if (!m.live)
		return;
	model_give(c, len);
	m.next_used++;
	m.in_flight--;
	m.fresh -= m.fresh > m.in_flight;
	memmove(c, c + 1, m.in_flight * sizeof(*c));
}

/* A chain that was used early and then taken does not wait again: it was used.
 * */
static void device_untake(struct fuzz_input *in)
{
	unsigned n = fuzz_below(in, 4);

	if (m.npeeked || n > m.fresh)
		return;
	for (unsigned i = 0; i < n; i++)
		if (m.flight[m.in_flight - 1 - i].early)
			return;
	virtq_untake(&q, (uint16_t)n);
	if (!m.live)
		return;
	m.in_flight -= n;
	m.fresh -= n;
	m.next_avail = (uint16_t)(m.next_avail - n);
}

static void device_publish(void)
{
	bool calls = virtq_publish(&q);
	uint16_t old = m.published;
	bool unsure = m.call_anyway;

	if (!m.live || old == m.next_used) {
		fuzz_check(!calls);
		return;
	}
	m.call_anyway = false;
	model_end_batch();
	m.published = m.next_used;
	used_u16(1, m.published);
	fuzz_check(calls == (model_wants_call(old) || unsure));
}

static void device_kicks(struct fuzz_input *in)
{
	if (fuzz_u8(in) & 1) {
		virtq_kicks_off(&q);
		if (m.live && !setup.event_idx)
			used_u16(0, VRING_USED_F_NO_NOTIFY);
		return;
	}
	if (m.live)
		model_ask_for_kicks();
	fuzz_check(virtq_kicks_on(&q) == (model_look() != 0));
}

/* Moves to a map of the same regions elsewhere, or to a map without the ring.
 * */
static void device_remap(struct fuzz_input *in)
{
	struct memory *next = regions_again(&regions);
	const char *why = NULL;
	struct memory *less;

	if (m.running && (!m.live || !m.in_flight)) {
		less = memory_remove(next, &regions.region[0], &why);
		fuzz_check(less);
		if (fuzz_u8(in) & 1)
			fuzz_check(virtq_remap(&q, less, &why) == -EFAULT);
		memory_put(less);
		fuzz_check(virtq_remap(&q, next, &why) == 0);
		memory_put(current);
		current = memory_get(next);
	}
	memory_put(next);
}

/* The file behind the queue's memory is cut to nothing: the queue breaks when
 * it is looked at next. Nothing is known of its memory any more, so the input
 * ends. */
static void device_loses_memory(struct fuzz_input *in)
{
	const char *why = NULL;
	struct memory *next;
	struct chain c;
	int fd;

	if (!m.live || m.in_flight)
		return;
	next = regions_of_zeros(&regions, &fd);
	fuzz_check(virtq_remap(&q, next, &why) == 0);
	memory_put(next);
	fuzz_check(ftruncate(fd, 0) == 0);
	close(fd);
	if (fuzz_u8(in) & 1)
		fuzz_check(!virtq_kicks_on(&q));
	fuzz_check(!virtq_look(&q) && virtq_broken(&q));
	fuzz_check(virtq_take(&q, iov, VIRTQ_CHAIN_MAX, &c) == 0);
	fuzz_check(!virtq_publish(&q));
	in->left = 0;
	m.running = m.live = false;
}

static void step(struct fuzz_input *in)
{
	switch (fuzz_below(in, 20)) {
	case 0:
		driver_table(in);
		return;
	case 1:
		driver_describe(in);
		return;
	case 2:
		driver_offer(in);
		return;
	case 3:
		driver_ask(in);
		return;
	case 4:
		driver_flood(in);
		return;
	case 5:
		device_start(in);
		break;
	case 6:
		device_stop();
		break;
	case 7:
		device_remap(in);
		break;
	case 8:
		device_peek(in);
		break;
	case 9:
		device_use_early();
		break;
	case 10:
		device_give(in);
		break;
	case 11:
		device_untake(in);
		break;
	case 12:
		device_publish();
		break;
	case 13:
		device_kicks(in);
		break;
	case 14:
		fuzz_check(virtq_look(&q) == model_look());
		break;
	case 15:
		device_loses_memory(in);
		return;
	case 16:
		driver_offer_good(in);
		return;
	default:
		device_take(in);
	}
	check_state();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	uint8_t found[RING_BYTES];

	memset(&shadow, 0, sizeof(shadow));
	memset(&m, 0, sizeof(m));
	q = (struct virtq){ 0 };
	setup = (struct virtq_setup){ .size = 1 };
	regions_open(&regions, &in, RING_BYTES);
	/* So that what the device writes there is cleared as well. */
	poke(0, (uint8_t[RING_BYTES]){ 0 }, RING_BYTES);
	current = memory_get(regions.memory);
	while (in.left)
		step(&in);
	regions_get(&regions, regions.region[0].guest_addr, found,
		    sizeof(found));
	fuzz_check(!memcmp(found, shadow.bytes, sizeof(found)));
	virtq_stop(&q);
	memory_put(current);
	regions_close(&regions);
	return 0;
}
