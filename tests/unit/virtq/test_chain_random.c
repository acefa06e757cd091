/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Rings of random content, from fixed seeds, against a slow walker that is
 * written from the specification alone. Both must agree on every chain: taken
 * or refused, and byte for byte where its buffers are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/check.h"
#include "suite.h"
#include "unit/virtq/virtq_fixture.h"
#include "virtq/virtq.h"

#define SIZE 64
#define TABLES (FIRST_END - 512) /* indirect ones, across two regions */
#define ROUNDS 3000

static struct guest guest;
static struct ring ring;
static struct virtq q;
static struct iovec iov[VIRTQ_CHAIN_MAX];
static uint64_t state;

static void set_up(void)
{
	guest_open(&guest);
}

static void tear_down(void)
{
	virtq_stop(&q);
	guest_close(&guest);
}

/* The same numbers on every machine (xorshift64*). */
static uint64_t draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1d;
}

static uint64_t below(uint64_t n)
{
	return draw() % n;
}

static bool one_in(unsigned n)
{
	return !below(n);
}

/* Mostly inside, often at the edges, sometimes anywhere. */
static uint64_t random_address(void)
{
	static const uint64_t near[] = { 0,
					 FIRST_END,
					 SECOND_END,
					 FAR_AT,
					 FAR_AT + 1024 * KIB,
					 HUGE_AT,
					 HUGE_AT + HUGE_SIZE };

	if (one_in(80))
		return draw();
	if (one_in(8))
		return near[below(ARRAY_SIZE(near))] + below(64) - 32;
	return one_in(3) ? FIRST_END - below(4096) : below(SECOND_END - 8192);
}

static uint32_t random_length(void)
{
	if (one_in(80))
		return one_in(2) ? (uint32_t)draw() : (uint32_t)HUGE_SIZE;
	return one_in(8) ? 0 : (uint32_t)below(8192);
}

/* A descriptor of a table of COUNT, most often one that is well made. */
static struct vring_desc random_desc(unsigned i, unsigned count, bool write)
{
	uint16_t next = (uint16_t)(one_in(60) ? draw() : (i + 1) % count);
	struct vring_desc d = { random_address(), random_length(), 0, next };

	if (write != one_in(60))
		d.flags |= VRING_DESC_F_WRITE;
	if (!one_in(4) && i + 1 < count)
		d.flags |= VRING_DESC_F_NEXT;
	if (one_in(8)) {
		d.addr = TABLES + 16 * below(32) + (one_in(4) ? below(16) : 0);
		d.len = (uint32_t)(16 * below(16) +
				   (one_in(30) ? below(16) : 0));
		d.flags |= VRING_DESC_F_INDIRECT;
		if (!one_in(20))
			d.flags &= (uint16_t)~VRING_DESC_F_NEXT;
	}
	if (one_in(60))
		d.flags = (uint16_t)draw();
	d.addr = htole64(d.addr);
	d.len = htole32(d.len);
	d.flags = htole16(d.flags);
	d.next = htole16(d.next);
	return d;
}

static void put_bytes(uint64_t gpa, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		memcpy(guest_at(&guest, gpa + i), (const uint8_t *)bytes + i,
		       1);
}

/* Tables turn from reading to writing once, or they would seldom be good. */
static void random_ring(void)
{
	uint64_t turn = below(SIZE);
	bool write = one_in(2);

	for (unsigned i = 0; i < SIZE; i++)
		ring.desc[i] = random_desc(i, SIZE, i >= turn);
	for (unsigned i = 0; i < 48; i++) {
		struct vring_desc d = random_desc(i % 16, 16, write);

		if (!one_in(20))
			d.flags &= htole16((uint16_t)~VRING_DESC_F_INDIRECT);
		put_bytes(TABLES + 16 * i, &d, sizeof(d));
	}
}

/* ---- The slow walker: a list of [address, length, direction]. ---- */

struct piece {
	uint64_t addr;
	uint32_t len;
	bool write;
};

static struct piece pieces[4096];
static unsigned npieces;
static unsigned visited;

static bool byte_is_mapped(uint64_t gpa)
{
	for (unsigned i = 0; i < REGIONS; i++)
		if (gpa >= guest_regions()[i].guest_addr &&
		    gpa <= guest_regions()[i].guest_addr +
				    (guest_regions()[i].size - 1))
			return true;
	return false;
}

/* Regions are larger than a page and begin and end at multiples of one. */
static bool all_mapped(uint64_t gpa, uint64_t len)
{
	if (gpa + (len - 1) < gpa || !byte_is_mapped(gpa + (len - 1)))
		return false;
	for (uint64_t i = 0; i < len; i += 4096)
		if (!byte_is_mapped(gpa + i))
			return false;
	return true;
}

static struct vring_desc read_desc(uint64_t gpa)
{
	struct vring_desc d;

	for (unsigned i = 0; i < sizeof(d); i++)
		memcpy((uint8_t *)&d + i, guest_at(&guest, gpa + i), 1);
	d.addr = le64toh(d.addr);
	d.len = le32toh(d.len);
	d.flags = le16toh(d.flags);
	d.next = le16toh(d.next);
	return d;
}

static bool add_piece(const struct vring_desc *d)
{
	bool write = d->flags & VRING_DESC_F_WRITE;

	if (++visited > 1024)
		return false;
	if (!d->len)
		return true;
	if (!write && npieces && pieces[npieces - 1].write)
		return false;
	pieces[npieces++] = (struct piece){ d->addr, d->len, write };
	return all_mapped(d->addr, d->len);
}

/* Calls itself once at most, for an indirect table. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static bool reference_table(uint64_t table, uint32_t entries, uint32_t i,
			    bool nested)
{
	for (uint32_t steps = 0; steps < entries && i < entries; steps++) {
		struct vring_desc d = read_desc(table + 16 * i);

		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (nested || d.flags & VRING_DESC_F_NEXT || !d.len ||
			    d.len % 16 || !all_mapped(d.addr, d.len))
				return false;
			return reference_table(d.addr, d.len / 16, 0, true);
		}
		if (!add_piece(&d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		i = d.next;
	}
	return false;
}

static bool reference_walk(uint16_t head)
{
	uint64_t total = 0;

	npieces = 0;
	visited = 0;
	if (!reference_table(FAR_AT, SIZE, head, false))
		return false;
	for (unsigned i = 0; i < npieces; i++)
		total += pieces[i].len;
	return total <= UINT32_MAX;
}

/* ---- The comparison. ---- */

/* Each piece is covered by segments in its order, at the right addresses. */
static void compare(const struct chain *c)
{
	unsigned s = 0;
	uint64_t bytes[2] = { 0, 0 };

	for (unsigned i = 0; i < npieces; i++) {
		uint64_t done = 0;

		while (done < pieces[i].len) {
			ck_assert_uint_lt(s, c->nread + c->nwrite);
			ck_assert_int_eq(s >= c->nread, pieces[i].write);
			ck_assert_uint_gt(iov[s].iov_len, 0);
			ck_assert_ptr_eq(iov[s].iov_base,
					 mapped_at(&guest,
						   pieces[i].addr + done));
			ck_assert_ptr_nonnull(memory_at_user(
				guest.memory, USER_BASE + pieces[i].addr + done,
				iov[s].iov_len));
			done += iov[s++].iov_len;
		}
		ck_assert_uint_eq(done, pieces[i].len);
		bytes[pieces[i].write] += done;
	}
	ck_assert_uint_eq(s, c->nread + c->nwrite);
	ck_assert_uint_eq(c->read_bytes, bytes[0]);
	ck_assert_uint_eq(c->write_bytes, bytes[1]);
}

/* Takes HEAD; true if the chain was good. */
static bool round_of(uint16_t head)
{
	struct chain c;
	bool good = reference_walk(head);
	int rc;

	ring_add(&ring, head);
	rc = virtq_take(&q, iov, ARRAY_SIZE(iov), &c);
	ck_assert_msg(rc == (good ? 1 : -EPROTO), "head %u: %d, %s", head, rc,
		      virtq_broken(&q));
	if (!good)
		return false;
	ck_assert_uint_eq(c.head, head);
	compare(&c);
	virtq_give(&q, &c, 0);
	virtq_publish(&q);
	return true;
}

START_TEST(agrees_with_the_specification)
{
	const char *why;
	unsigned good = 0;
	unsigned long_ones = 0;

	state = 0x9e3779b97f4a7c15 * (uint64_t)(_i + 1);
	ring_init(&ring, &guest, SIZE, 0, false);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint16_t head = (uint16_t)(one_in(100) ? draw() : below(SIZE));

		random_ring();
		ring.setup.base = ring.next_avail;
		ck_assert_int_eq(
			virtq_start(&q, &ring.setup, guest.memory, &why), 0);
		while (round_of(head)) {
			good++;
			long_ones += npieces > 3;
			head = (uint16_t)below(SIZE);
		}
	}
	/* The generator is worth its time only if both outcomes are common. */
	ck_assert_uint_gt(good, ROUNDS / 2);
	ck_assert_uint_gt(long_ones, ROUNDS / 20);
}
END_TEST

static bool inside_a_region(const struct iovec *v)
{
	for (unsigned i = 0; i < REGIONS; i++) {
		const struct memory_region *r = &guest_regions()[i];
		uintptr_t start = (uintptr_t)mapped_at(&guest, r->guest_addr);
		uintptr_t offset = (uintptr_t)v->iov_base - start;

		if (offset < r->size && v->iov_len &&
		    v->iov_len <= r->size - offset)
			return true;
	}
	return false;
}

/* Nothing is well made; nothing but a broken queue may come of it. */
START_TEST(noise)
{
	const char *why;
	struct chain c;

	state = 0xd1342543de82ef95 * (uint64_t)(_i + 1);
	ring_init(&ring, &guest, SIZE, 0, _i & 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (uint64_t at = 0; at < 8192; at += 8) {
			uint64_t word = one_in(2) ? draw() : below(65536);

			put_bytes(FAR_AT + at, &word, sizeof(word));
		}
		for (unsigned i = 0; i < SIZE + 3; i++)
			ring.avail[i] = (uint16_t)below(one_in(2) ? 80 : 65536);
		ring.setup.base = (uint16_t)below(80);
		ck_assert_int_eq(
			virtq_start(&q, &ring.setup, guest.memory, &why), 0);
		for (unsigned i = 0; i < 2 * SIZE; i++) {
			if (virtq_take(&q, iov, ARRAY_SIZE(iov), &c) != 1)
				break;
			for (unsigned s = 0; s < c.nread + c.nwrite; s++)
				ck_assert(inside_a_region(&iov[s]));
			virtq_give(&q, &c, c.write_bytes);
			if (one_in(3))
				virtq_publish(&q);
		}
		virtq_publish(&q);
		virtq_kicks_on(&q);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("chain_random");
	TCase *c = tcase_create("chain_random");

	tcase_set_timeout(c, 120);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, agrees_with_the_specification, 0, 8);
	tcase_add_loop_test(c, noise, 0, 4);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
