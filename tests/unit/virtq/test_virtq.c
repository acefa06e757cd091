/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device's half of a split queue: sizes, addresses, order, and a driver
 * that breaks the rules. Indexes have 16 bits and wrap at 65,536, not at the
 * ring's size: every size is driven across that place, and many a test begins
 * just before it.
 *
 * A queue that breaks must stay broken and must not write one byte more to
 * rings that may be somebody else's now: the whole area of the rings is
 * compared. Where its memory vanishes, the reads of zeros that follow break
 * other rules, and the first cause has to be the one that is told.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include "base/check.h"
#include "suite.h"
#include "unit/virtq/queue_fixture.h"
#include "virtq/virtq.h"

static const struct {
	uint16_t size;
	int rc;
} sizes[] = {
	{ 0, -EINVAL },	    { 1, 0 },		{ 2, 0 },
	{ 3, -EINVAL },	    { 4, 0 },		{ 8, 0 },
	{ 16, 0 },	    { 32, 0 },		{ 64, 0 },
	{ 127, -EINVAL },   { 128, 0 },		{ 256, 0 },
	{ 512, 0 },	    { 1024, 0 },	{ 2048, 0 },
	{ 4096, 0 },	    { 8192, 0 },	{ 16384, 0 },
	{ 32768, 0 },	    { 32769, -EINVAL }, { 49152, -EINVAL },
	{ 65535, -EINVAL },
};

/* One whole ring: all made available, all taken, all given back, in an order
 * that begins at FIRST. The used index must not move before it is published. */
static void lap(uint16_t size, uint16_t first)
{
	uint32_t head;
	uint32_t len;

	for (uint16_t i = 0; i < size; i++)
		ring_add(&driver, (uint16_t)(first + i) % size);
	ck_assert_uint_eq(virtq_look(&q), size);
	for (uint16_t i = 0; i < size; i++) {
		ck_assert_int_eq(take(), 1);
		ck_assert_uint_eq(chain.head, (uint16_t)(first + i) % size);
		ck_assert_ptr_eq(iov[0].iov_base,
				 mapped_at(&guest, BUF + chain.head));
		virtq_give(&q, &chain, chain.head + 1u);
	}
	ck_assert_int_eq(take(), 0);
	ck_assert(!ring_used(&driver, &head, &len));
	ck_assert(virtq_publish(&q));
	for (uint16_t i = 0; i < size; i++) {
		ck_assert(ring_used(&driver, &head, &len));
		ck_assert_uint_eq(head, (uint16_t)(first + i) % size);
		ck_assert_uint_eq(len, head + 1);
	}
	ck_assert(!ring_used(&driver, &head, &len));
}

/* Every size, through the wrap of the index at 65536. */
START_TEST(every_size)
{
	uint16_t size = sizes[_i].size;
	uint16_t base = (uint16_t)(65536 - 2 * size - 1);

	ring_init(&driver, &guest, size ? size : 1, base, false);
	driver.setup.size = size;
	ck_assert_int_eq(virtq_start(&q, &driver.setup, guest.memory, &why),
			 sizes[_i].rc);
	ck_assert_int_eq(virtq_running(&q), !sizes[_i].rc);
	if (sizes[_i].rc)
		return;
	start(size, base, false);
	for (unsigned i = 0; i < 4; i++)
		lap(size, (uint16_t)(i * 5));
	ck_assert_uint_eq(virtq_stop(&q), (uint16_t)(base + 4 * size));
}
END_TEST

enum part { DESC, AVAIL, USED };

static const struct {
	enum part part;
	uint64_t user;
	int rc;
} places[] = {
	{ DESC, USER_BASE, 0 },
	{ DESC, USER_BASE + 16, 0 },
	{ DESC, USER_BASE + 8, -EINVAL },
	{ DESC, USER_BASE + 1, -EINVAL },
	{ AVAIL, USER_BASE + 2, 0 },
	{ AVAIL, USER_BASE + 1, -EINVAL },
	{ USED, USER_BASE + 4, 0 },
	{ USED, USER_BASE + 2, -EINVAL },
	{ USED, USER_BASE + 1, -EINVAL },
	/* The last place that fits, and the first that does not (size 8). */
	{ DESC, USER_BASE + SECOND_END - 128, 0 },
	{ DESC, USER_BASE + SECOND_END - 112, -EFAULT },
	{ AVAIL, USER_BASE + SECOND_END - 22, 0 },
	{ AVAIL, USER_BASE + SECOND_END - 20, -EFAULT },
	{ USED, USER_BASE + SECOND_END - 72, 0 },
	{ USED, USER_BASE + SECOND_END - 68, -EFAULT },
	/* Across two regions, nowhere, around zero. */
	{ DESC, USER_BASE + FIRST_END - 16, -EFAULT },
	{ AVAIL, USER_BASE + FIRST_END - 2, -EFAULT },
	{ USED, USER_BASE + FIRST_END - 4, -EFAULT },
	{ DESC, 0, -EFAULT },
	{ AVAIL, UINT64_MAX - 1, -EFAULT },
	{ USED, UINT64_MAX - 3, -EFAULT },
};

START_TEST(ring_addresses)
{
	struct virtq_setup s;

	ring_init(&driver, &guest, 8, 0, true);
	s = driver.setup;
	switch (places[_i].part) {
	case DESC:
		s.desc = places[_i].user;
		break;
	case AVAIL:
		s.avail = places[_i].user;
		break;
	case USED:
		s.used = places[_i].user;
		break;
	}
	ck_assert_int_eq(virtq_start(&q, &s, guest.memory, &why),
			 places[_i].rc);
	if (places[_i].rc)
		ck_assert_str_eq(why, places[_i].rc == -EFAULT
					      ? "ring outside guest memory"
					      : "ring address misaligned");
	ck_assert_int_eq(virtq_start(&q, &s, NULL, &why), -EFAULT);
}
END_TEST

START_TEST(a_failed_start_changes_nothing)
{
	struct virtq_setup s;

	start(8, 0, false);
	s = driver.setup;
	s.desc = 0;
	ck_assert_int_eq(virtq_start(&q, &s, guest.memory, &why), -EFAULT);
	ck_assert(virtq_running(&q));
	one();
}
END_TEST

static const struct {
	uint16_t jump;
	uint16_t taken; /* and still in flight */
	bool breaks;
} jumps[] = {
	{ 8, 0, false }, { 9, 0, true }, { 65535, 0, true }, { 32768, 0, true },
	{ 5, 3, false }, { 6, 3, true }, { 0, 8, false },    { 1, 8, true },
};

/* Entries that are in flight count: no more than SIZE are the device's. */
START_TEST(available_beyond_the_size)
{
	start(8, 65533, false);
	for (unsigned i = 0; i < jumps[_i].taken; i++) {
		ring_add(&driver, (uint16_t)i);
		ck_assert_int_eq(take(), 1);
	}
	ring_set_avail_index(&driver,
			     (uint16_t)(driver.next_avail + jumps[_i].jump));
	ck_assert_uint_eq(virtq_look(&q),
			  jumps[_i].breaks ? 0 : jumps[_i].jump);
	ck_assert_int_eq(virtq_broken(&q) != NULL, jumps[_i].breaks);
}
END_TEST

START_TEST(take_sees_the_jump)
{
	start(8, 0, false);
	ring_set_avail_index(&driver, 9);
	ck_assert_int_eq(take(), -EPROTO);
	ck_assert_int_eq(take(), 0);
	ck_assert_str_eq(virtq_broken(&q),
			 "more entries available than the queue has");
}
END_TEST

/* The rest of the ring is untouched once it broke; a new start heals it. */
START_TEST(broken_is_sticky)
{
	static uint8_t before[1024 * KIB];
	void *rings = guest_at(&guest, FAR_AT);

	start(8, 0, false);
	ring_add(&driver, 0);
	ring_add(&driver, 1);
	ring_desc(&driver, 1, SECOND_END, 1, 0, 0);
	ck_assert_int_eq(take(), 1);
	ck_assert_int_eq(virtq_take(&q, iov, 8, &(struct chain){ 0 }), -EPROTO);
	ck_assert_str_eq(virtq_broken(&q), CHAIN_UNMAPPED("buffer"));
	ck_assert_uint_eq(q.source.fault_index, 1);
	virtq_break(&q, "later");
	ck_assert_str_eq(virtq_broken(&q), CHAIN_UNMAPPED("buffer"));
	memcpy(before, rings, sizeof(before));
	virtq_give(&q, &chain, 0);
	virtq_untake(&q, 1);
	virtq_kicks_off(&q);
	ck_assert(!virtq_kicks_on(&q));
	ck_assert(!virtq_publish(&q));
	ck_assert_uint_eq(virtq_look(&q), 0);
	ck_assert_int_eq(take(), 0);
	ck_assert_int_eq(memcmp(before, rings, sizeof(before)), 0);
	ck_assert(virtq_running(&q));
	ck_assert_uint_eq(virtq_stop(&q), 1);
	ck_assert_ptr_nonnull(virtq_broken(&q));
	start(8, 0, false);
	ck_assert_ptr_null(virtq_broken(&q));
	one();
}
END_TEST

START_TEST(never_started)
{
	struct virtq idle = { 0 };

	ck_assert(!virtq_running(&idle));
	ck_assert_ptr_null(virtq_broken(&idle));
	ck_assert_uint_eq(virtq_look(&idle), 0);
	ck_assert_int_eq(virtq_take(&idle, iov, 1, &chain), 0);
	virtq_give(&idle, &chain, 0);
	ck_assert(!virtq_publish(&idle));
	virtq_kicks_off(&idle);
	ck_assert(!virtq_kicks_on(&idle));
	ck_assert_uint_eq(virtq_stop(&idle), 0);
}
END_TEST

/* The caller's lack, not the driver's fault: the chain is still the next
 * one. */
START_TEST(too_little_room)
{
	start(8, 0, false);
	ring_desc(&driver, 0, BUF, 4, VRING_DESC_F_NEXT, 1);
	ring_add(&driver, 0);
	ck_assert_int_eq(virtq_take(&q, iov, 1, &chain), -ENOBUFS);
	ck_assert_ptr_null(virtq_broken(&q));
	ck_assert_int_eq(virtq_take(&q, iov, 2, &chain), 1);
	ck_assert_uint_eq(chain.nread, 2);
}
END_TEST

/* Takes the next N chains, one after the other. */
static void take_into(struct chain *chains, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ck_assert_int_eq(take(), 1);
		chains[i] = chain;
	}
}

START_TEST(untaken_come_again)
{
	struct chain taken[5];

	start(8, 65534, false);
	for (uint16_t i = 0; i < 6; i++)
		ring_add(&driver, i);
	take_into(taken, 5);
	virtq_untake(&q, 3);
	ck_assert_uint_eq(virtq_look(&q), 4);
	virtq_give(&q, &taken[0], 44);
	virtq_give(&q, &taken[1], 45);
	virtq_publish(&q);
	for (uint16_t i = 2; i < 6; i++) {
		ck_assert_int_eq(take(), 1);
		ck_assert_uint_eq(chain.head, i);
	}
	ck_assert_int_eq(take(), 0);
	virtq_untake(&q, 4);
	ck_assert_uint_eq(virtq_stop(&q), 0);
}
END_TEST

/* Whatever the heads are; and what is given is seen when it is published. */
START_TEST(given_in_the_order_of_taking)
{
	static const uint16_t order[] = { 3, 0, 2, 1 };
	struct chain taken[4];
	uint32_t head;
	uint32_t len;

	start(4, 65534, false);
	for (unsigned i = 0; i < 4; i++)
		ring_add(&driver, order[i]);
	take_into(taken, 4);
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < 4; k++)
			ck_assert_int_eq(virtq_gives_next(&q, &taken[k]),
					 k == i);
		virtq_give(&q, &taken[i], 100u + order[i]);
		ck_assert_uint_eq(ring_used_index(&driver),
				  (uint16_t)(65534 + (i & 2)));
		if (i & 1)
			virtq_publish(&q);
	}
	for (unsigned i = 0; i < 4; i++) {
		ck_assert(ring_used(&driver, &head, &len));
		ck_assert_uint_eq(head, order[i]);
		ck_assert_uint_eq(len, 100u + order[i]);
	}
}
END_TEST

#ifdef DEBUG_ASSERTIONS
START_TEST(giving_out_of_order_aborts)
{
	struct chain taken[2];

	start(4, 0, false);
	ring_add(&driver, 0);
	ring_add(&driver, 1);
	take_into(taken, 2);
	virtq_give(&q, &taken[1], 0);
}
END_TEST
#endif

/*
 * VIRTIO_F_IN_ORDER: the lengths that are written to chains of 64 bytes, whose
 * heads are 7, 6, 5 and so on, and the used elements that the driver finds, by
 * place. PUBLISH shows what was given so far. 99 stands for an element that was
 * not written.
 */
#define PUBLISH UINT32_MAX
static const struct {
	uint32_t lengths[9];
	unsigned n;
	uint32_t heads[8];
	uint32_t lens[8];
} batches[] = {
	{ { 64 }, 1, { 7 }, { 64 } },
	{ { 64, 64, 64 }, 3, { 5, 99, 99 }, { 64, 99, 99 } },
	{ { 64, 64, 45 }, 3, { 5, 99, 99 }, { 45, 99, 99 } },
	{ { 45, 45, 45 }, 3, { 7, 6, 5 }, { 45, 45, 45 } },
	{ { 64, 45, 64, 64 }, 4, { 6, 99, 4, 99 }, { 45, 99, 64, 99 } },
	{ { 64, PUBLISH, 64, 64 }, 4, { 7, 5, 99 }, { 64, 64, 99 } },
	{ { 64, 45, PUBLISH, 64 }, 4, { 6, 99, 5 }, { 45, 99, 64 } },
};

static void start_in_order(void)
{
	ring_init(&driver, &guest, 8, 65534, false);
	for (unsigned i = 0; i < 8; i++)
		ring_desc(&driver, i, BUF + 64 * i, 64, VRING_DESC_F_WRITE, 0);
	driver.setup.in_order = true;
	ck_assert_int_eq(virtq_start(&q, &driver.setup, guest.memory, &why), 0);
	memset(driver.used + 2, 99, 8 * sizeof(struct vring_used_elem));
}

START_TEST(one_element_for_a_batch)
{
	uint32_t unwritten, head, len;
	uint16_t given = 0;

	start_in_order();
	memset(&unwritten, 99, sizeof(unwritten));
	for (uint16_t i = 0; i < 8; i++)
		ring_add(&driver, (uint16_t)(7 - i));
	for (unsigned i = 0; i < batches[_i].n; i++) {
		if (batches[_i].lengths[i] == PUBLISH) {
			virtq_publish(&q);
			continue;
		}
		ck_assert_int_eq(take(), 1);
		virtq_give(&q, &chain, batches[_i].lengths[i]);
		given++;
	}
	virtq_publish(&q);
	ck_assert_uint_eq(ring_used_index(&driver), (uint16_t)(65534 + given));
	for (unsigned i = 0; i < given; i++) {
		uint32_t expected = batches[_i].heads[i];

		ck_assert(ring_used(&driver, &head, &len));
		ck_assert_uint_eq(head, expected == 99 ? unwritten : expected);
		ck_assert_uint_eq(len, expected == 99 ? unwritten
						      : batches[_i].lens[i]);
	}
}
END_TEST

/* A chain of one buffer of so many BYTES, by the queue's rule. */
static const struct {
	struct chain_rule rule;
	uint32_t bytes;
	uint16_t flags;
	const char *fault; /* NULL: it is taken */
} rules[] = {
	{ { CHAIN_ANY, 0 }, 0, 0, NULL },
	{ { CHAIN_ANY, 100 }, 1, VRING_DESC_F_WRITE, NULL },
	{ { CHAIN_TO_READ, 0 }, 0, 0, NULL },
	{ { CHAIN_TO_READ, 0 }, 64, 0, NULL },
	{ { CHAIN_TO_READ, 0 },
	  64,
	  VRING_DESC_F_WRITE,
	  "a writable buffer in a queue of readable ones" },
	{ { CHAIN_TO_READ, 5 },
	  4,
	  0,
	  "a buffer that is too small for its queue" },
	{ { CHAIN_TO_WRITE, 45 }, 45, VRING_DESC_F_WRITE, NULL },
	{ { CHAIN_TO_WRITE, 45 },
	  44,
	  VRING_DESC_F_WRITE,
	  "a buffer that is too small for its queue" },
	{ { CHAIN_TO_WRITE, 45 },
	  0,
	  VRING_DESC_F_WRITE,
	  "a buffer that is too small for its queue" },
	{ { CHAIN_TO_WRITE, 45 },
	  45,
	  0,
	  "a readable buffer in a queue of writable ones" },
	{ { CHAIN_TO_WRITE, 0 }, 0, VRING_DESC_F_WRITE, NULL },
};

/* One gate for each look at a chain: virtq_take() and virtq_peek(). */
START_TEST(chains_are_what_the_queue_is_for)
{
	const char *fault = rules[_i].fault;

	for (unsigned peek = 0; peek < 2; peek++) {
		ring_init(&driver, &guest, 8, 0, false);
		ring_desc(&driver, 0, BUF, rules[_i].bytes, rules[_i].flags, 0);
		driver.setup.rule = rules[_i].rule;
		ck_assert_int_eq(
			virtq_start(&q, &driver.setup, guest.memory, &why), 0);
		ring_add(&driver, 0);
		ck_assert_int_eq(peek ? virtq_peek(&q, iov, VIRTQ_CHAIN_MAX,
						   &chain)
				      : take(),
				 fault ? -EPROTO : 1);
		ck_assert_pstr_eq(virtq_broken(&q), fault);
	}
}
END_TEST

/* The quick way takes a buffer as drivers make it, whose entry is known to be
 * there and whose region was hit before. It leaves all others to virtq_take(). */
START_TEST(the_usual_buffer_is_taken_quickly)
{
	struct iovec segment;

	ring_init(&driver, &guest, 8, 65534, false);
	for (unsigned i = 0; i < 8; i++)
		ring_desc(&driver, (uint16_t)i, BUF + 100 * i, 100,
			  VRING_DESC_F_WRITE | (i == 5 ? VRING_DESC_F_NEXT : 0),
			  0);
	driver.setup.rule = (struct chain_rule){ CHAIN_TO_WRITE, 45 };
	ck_assert_int_eq(virtq_start(&q, &driver.setup, guest.memory, &why), 0);
	for (uint16_t i = 0; i < 6; i++)
		ring_add(&driver, i);
	ck_assert(!virtq_take_buffer(&q, &segment, &chain));
	ck_assert_uint_eq(virtq_look(&q), 6);
	ck_assert(!virtq_take_buffer(&q, &segment, &chain));
	ck_assert_int_eq(take(), 1);
	for (uint16_t i = 1; i < 5; i++) {
		ck_assert(virtq_take_buffer(&q, &segment, &chain));
		ck_assert_uint_eq(chain.head, i);
		ck_assert_uint_eq(chain.index, (uint16_t)(65534 + i));
		ck_assert_uint_eq(chain.nwrite, 1);
		ck_assert_uint_eq(chain.write_bytes, 100);
		ck_assert_ptr_eq(segment.iov_base,
				 mapped_at(&guest, BUF + 100 * i));
		ck_assert_uint_eq(segment.iov_len, 100);
	}
	ck_assert(!virtq_take_buffer(&q, &segment, &chain));
	ck_assert_uint_eq(q.in_flight, 5);
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.write_bytes, 200);
	virtq_break(&q, "test");
	ck_assert(!virtq_take_buffer(&q, &segment, &chain));
}
END_TEST

/* The used index comes from the ring and may differ from the base. */
START_TEST(starts_at_the_ring_s_used_index)
{
	uint32_t head;
	uint32_t len;

	start(8, 100, false);
	layout_store(&driver.used[1], 65535, __ATOMIC_SEQ_CST);
	driver.last_used = 65535;
	ck_assert_int_eq(virtq_start(&q, &driver.setup, guest.memory, &why), 0);
	one();
	one();
	ck_assert_uint_eq(ring_used_index(&driver), 1);
	ck_assert(ring_used(&driver, &head, &len));
	ck_assert(ring_used(&driver, &head, &len));
}
END_TEST

/* Nothing is written after the stop, and what was pinned goes. */
START_TEST(stop_lets_go)
{
	static uint8_t before[1024 * KIB];
	void *rings = guest_at(&guest, FAR_AT);
	unsigned mapped = mappings_of("memfd:guest");

	start(8, 0, true);
	ring_add(&driver, 0);
	ck_assert_int_eq(take(), 1);
	memory_put(guest.memory);
	guest.memory = NULL;
	ck_assert_uint_eq(mappings_of("memfd:guest"), mapped);
	memcpy(before, rings, sizeof(before));
	ck_assert_uint_eq(virtq_stop(&q), 1);
	ck_assert_uint_eq(mappings_of("memfd:guest"), mapped - REGIONS);
	ck_assert(!virtq_running(&q));
	virtq_give(&q, 0, 0);
	ck_assert(!virtq_publish(&q));
	virtq_kicks_off(&q);
	ck_assert(!virtq_kicks_on(&q));
	ck_assert_int_eq(take(), 0);
	ck_assert_uint_eq(virtq_stop(&q), 1);
	ck_assert_int_eq(memcmp(before, rings, sizeof(before)), 0);
}
END_TEST

/* Rings lie in region 2: a map without it is refused, and the queue keeps the
 * map that it has. */
START_TEST(where_the_guest_stands_after_a_stop)
{
	struct virtq_setup elsewhere;
	uint16_t index = 1;

	start(8, 65535, false);
	ring_add(&driver, 0);
	ring_add(&driver, 1);
	virtq_stop(&q);
	ck_assert(virtq_guest_index(&driver.setup, guest.memory, &index));
	ck_assert_uint_eq(index, 1);
	ring_set_avail_index(&driver, 65535);
	ck_assert(virtq_guest_index(&driver.setup, guest.memory, &index));
	ck_assert_uint_eq(index, 65535);
	elsewhere = driver.setup;
	elsewhere.avail = 16;
	ck_assert(!virtq_guest_index(&elsewhere, guest.memory, &index));
}
END_TEST

START_TEST(remap)
{
	const struct memory_region *r = guest_regions();
	int fds[REGIONS] = { guest.fd, guest.fd, guest.fd, guest.fd };
	struct memory *fresh = memory_new(r, fds, REGIONS, &why);
	struct memory *without = memory_remove(fresh, &r[2], &why);
	unsigned mapped = mappings_of("memfd:guest");

	start(8, 0, false);
	one();
	ck_assert_int_eq(virtq_remap(&q, without, &why), -EFAULT);
	ck_assert_str_eq(why, "ring outside guest memory");
	one();
	ck_assert_int_eq(virtq_remap(&q, fresh, &why), 0);
	memory_put(guest.memory);
	guest.memory = fresh;
	memory_put(without);
	ck_assert_uint_eq(mappings_of("memfd:guest"), mapped - REGIONS);
	ring_add(&driver, 3);
	ck_assert_int_eq(take(), 1);
	ck_assert_ptr_eq(iov[0].iov_base, mapped_at(&guest, BUF + 3));
	ck_assert_ptr_null(virtq_broken(&q));
}
END_TEST

/* Another guest, in a file that shrinks. */
static struct virtq doomed;
static struct memory *doomed_memory;

/* Starts its queue with WAITING entries seen, then takes the file away. */
static void doom(uint16_t waiting)
{
	struct memory_region r = { 0, 16 * KIB, 0, 0 };
	struct virtq_setup s = { .size = 8, .avail = 4096, .used = 8192 };
	int fd = memfd_create("shrinks", MFD_CLOEXEC);
	uint16_t *avail;

	ck_assert_int_eq(ftruncate(fd, 16 * KIB), 0);
	doomed_memory = memory_add(NULL, &r, fd, &why);
	avail = memory_at_user(doomed_memory, s.avail, 4);
	ck_assert_int_eq(virtq_start(&doomed, &s, doomed_memory, &why), 0);
	layout_store(&avail[1], waiting, __ATOMIC_SEQ_CST);
	ck_assert_uint_eq(virtq_look(&doomed), waiting);
	ck_assert_int_eq(ftruncate(fd, 0), 0);
	close(fd);
}

START_TEST(memory_vanishes)
{
	start(8, 0, false);
	doom(0);
	ck_assert_int_eq(virtq_take(&doomed, iov, 8, &chain), -EPROTO);
	ck_assert_str_eq(virtq_broken(&doomed), "guest memory vanished");
	ck_assert(memory_lost(doomed_memory));
	one();
	ck_assert_ptr_null(virtq_broken(&q));
	virtq_stop(&doomed);
	memory_put(doomed_memory);
}
END_TEST

/* Zeros break some other rule first; the cause is named all the same. */
START_TEST(memory_vanished_under_a_chain)
{
	doom(4);
	ck_assert_int_eq(virtq_take(&doomed, iov, 8, &chain), 1);
	ck_assert_uint_eq(chain.nread + chain.nwrite, 0);
	virtq_break(&doomed, "packet too short");
	ck_assert_str_eq(virtq_broken(&doomed), "guest memory vanished");
	virtq_stop(&doomed);
	memory_put(doomed_memory);
}
END_TEST

static void add_setup_tests(Suite *suite)
{
	TCase *c = tcase_create("setup");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, every_size, 0, ARRAY_SIZE(sizes));
	tcase_add_loop_test(c, ring_addresses, 0, ARRAY_SIZE(places));
	tcase_add_test(c, a_failed_start_changes_nothing);
	tcase_add_test(c, never_started);
	tcase_add_test(c, starts_at_the_ring_s_used_index);
	tcase_add_test(c, stop_lets_go);
	tcase_add_test(c, remap);
	suite_add_tcase(suite, c);
}

static void add_chain_tests(Suite *suite)
{
	TCase *c = tcase_create("chains");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, available_beyond_the_size, 0, ARRAY_SIZE(jumps));
	tcase_add_test(c, take_sees_the_jump);
	tcase_add_test(c, broken_is_sticky);
	tcase_add_test(c, too_little_room);
	tcase_add_test(c, untaken_come_again);
	tcase_add_test(c, given_in_the_order_of_taking);
#ifdef DEBUG_ASSERTIONS
	tcase_add_test_raise_signal(c, giving_out_of_order_aborts, SIGABRT);
#endif
	tcase_add_loop_test(c, one_element_for_a_batch, 0, ARRAY_SIZE(batches));
	tcase_add_loop_test(c, chains_are_what_the_queue_is_for, 0,
			    ARRAY_SIZE(rules));
	tcase_add_test(c, the_usual_buffer_is_taken_quickly);
	tcase_add_test(c, where_the_guest_stands_after_a_stop);
	tcase_add_test(c, memory_vanishes);
	tcase_add_test(c, memory_vanished_under_a_chain);
	suite_add_tcase(suite, c);
}

int main(void)
{
	Suite *suite = suite_create("virtq");

	add_setup_tests(suite);
	add_chain_tests(suite);
	return suite_run(suite);
}
