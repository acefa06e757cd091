/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Entries that are used before their turn. */
#include <string.h>

#include "base/check.h"
#include "suite.h"
#include "unit/virtq/queue_fixture.h"
#include "virtq/virtq.h"

#define SIZE 8
#define BASE 65533 /* the index wraps */
#define ROUNDS 20000

static void add(unsigned n)
{
	while (n--)
		ring_add(&driver, (uint16_t)(driver.next_avail % SIZE));
}

static int peek(void)
{
	return virtq_peek(&q, iov, VIRTQ_CHAIN_MAX, &chain);
}

/* Takes and gives the next entry, which is HEAD and was used early or not. */
static void take_and_give(uint16_t head, bool early)
{
	ck_assert_int_eq(take(), 1);
	ck_assert_uint_eq(chain.head, head);
	ck_assert_int_eq(chain.early, early);
	ck_assert_uint_eq(chain.nread + chain.nwrite, !early);
	virtq_give(&q, &chain, 0);
}

START_TEST(entries_are_peeked_at_once_and_stay)
{
	start(SIZE, BASE, false);
	add(3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(peek(), 1);
		ck_assert_uint_eq(chain.head, (BASE + i) % SIZE);
		ck_assert_uint_eq(virtq_last_peeked(&q), (uint16_t)(BASE + i));
	}
	ck_assert_int_eq(peek(), 0);
	ck_assert(!virtq_has_early(&q));
	ck_assert_uint_eq(virtq_look(&q), 3);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(virtq_peeked(&q, (uint16_t)(BASE + i)));
		take_and_give((uint16_t)(BASE + i) % SIZE, false);
		ck_assert(!virtq_peeked(&q, (uint16_t)(BASE + i)));
	}
	add(1);
	ck_assert_int_eq(peek(), 1);
	ck_assert_uint_eq(chain.head, (BASE + 3u) % SIZE);
}
END_TEST

/* They are given back in their turn, and the ring may be full meanwhile. */
START_TEST(what_was_used_early_is_passed_in_its_turn)
{
	uint32_t head, len;

	start(SIZE, BASE, false);
	add(SIZE);
	for (unsigned i = 0; i < SIZE; i++) {
		ck_assert_int_eq(peek(), 1);
		if (i % 3 == 1)
			virtq_use_early(&q);
	}
	ck_assert(virtq_has_early(&q));
	virtq_publish(&q);
	ck_assert(!ring_used(&driver, &head, &len));
	for (unsigned i = 0; i < SIZE; i++)
		take_and_give((uint16_t)(BASE + i) % SIZE, i % 3 == 1);
	ck_assert(!virtq_has_early(&q));
	ck_assert_int_eq(take(), 0);
	ck_assert_ptr_null(virtq_broken(&q));
	virtq_publish(&q);
	for (unsigned i = 0; i < SIZE; i++) {
		ck_assert(ring_used(&driver, &head, &len));
		ck_assert_uint_eq(head, (BASE + i) % SIZE);
	}
}
END_TEST

START_TEST(a_long_ring_is_peeked_at_as_far_as_is_remembered)
{
	start(1024, 0, false);
	for (uint16_t i = 0; i < 1000; i++)
		ring_add(&driver, i);
	for (unsigned i = 0; i < VIRTQ_PEEK_MAX; i++) {
		ck_assert_int_eq(peek(), 1);
		virtq_use_early(&q);
	}
	ck_assert_int_eq(peek(), 0);
	take_and_give(0, true);
	ck_assert_int_eq(peek(), 1);
	ck_assert_uint_eq(chain.head, VIRTQ_PEEK_MAX);
	ck_assert_int_eq(peek(), 0);
	for (unsigned i = 1; i < VIRTQ_PEEK_MAX; i++)
		take_and_give((uint16_t)i, true);
	take_and_give(VIRTQ_PEEK_MAX, false);
}
END_TEST

START_TEST(a_broken_chain_breaks_the_queue)
{
	start(SIZE, 0, false);
	ring_add(&driver, SIZE);
	ck_assert_int_lt(peek(), 0);
	ck_assert_ptr_nonnull(virtq_broken(&q));
	ck_assert(!virtq_has_early(&q));
	ck_assert_int_eq(peek(), 0);
}
END_TEST

START_TEST(what_was_peeked_at_must_stay_available)
{
	start(SIZE, 0, false);
	add(3);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(peek(), 1);
	ring_set_avail_index(&driver, 2);
	ck_assert_uint_eq(virtq_look(&q), 2);
	ring_set_avail_index(&driver, 1);
	ck_assert_uint_eq(virtq_look(&q), 0);
	ck_assert_ptr_nonnull(virtq_broken(&q));
}
END_TEST

/* A head that the guest changes after its use is still one of the ring's. */
START_TEST(a_head_that_changes_stays_in_the_ring)
{
	start(SIZE, 0, false);
	ring_add(&driver, 3);
	ck_assert_int_eq(peek(), 1);
	virtq_use_early(&q);
	driver.avail[2] = 0xffff;
	take_and_give(SIZE - 1, true);
}
END_TEST

START_TEST(a_start_forgets)
{
	start(SIZE, 0, false);
	add(2);
	ck_assert_int_eq(peek(), 1);
	virtq_use_early(&q);
	ck_assert_uint_eq(virtq_stop(&q), 0);
	ck_assert(!virtq_has_early(&q));
	ck_assert_int_eq(virtq_start(&q, &driver.setup, guest.memory, &why), 0);
	take_and_give(0, false);
	ck_assert_int_eq(peek(), 1);
	ck_assert_uint_eq(chain.head, 1);
}
END_TEST

/* Against a model: which entries were used early, by their index. */
START_TEST(any_order_of_calls)
{
	bool early[65536] = { false };
	uint64_t seed = 77;
	uint16_t next = BASE, peeked = BASE;

	start(SIZE, BASE, false);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint16_t waiting = (uint16_t)(driver.next_avail - next);

		switch (suite_random(&seed) % 4) {
		case 0:
			add(suite_random(&seed) % (SIZE + 1u - waiting));
			break;
		case 1:
			ck_assert_int_eq(take(), waiting > 0);
			if (!waiting)
				break;
			ck_assert_uint_eq(chain.head, next % SIZE);
			ck_assert_int_eq(chain.early, early[next]);
			early[next] = false;
			virtq_give(&q, &chain, 0);
			peeked = peeked == next ? (uint16_t)(next + 1) : peeked;
			next++;
			break;
		default:
			ck_assert_int_eq(peek(), peeked != driver.next_avail);
			if (peeked == driver.next_avail)
				break;
			ck_assert_uint_eq(chain.head, peeked % SIZE);
			early[peeked] = suite_random(&seed) % 2;
			if (early[peeked++])
				virtq_use_early(&q);
		}
	}
	ck_assert_ptr_null(virtq_broken(&q));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		entries_are_peeked_at_once_and_stay,
		what_was_used_early_is_passed_in_its_turn,
		a_long_ring_is_peeked_at_as_far_as_is_remembered,
		a_broken_chain_breaks_the_queue,
		what_was_peeked_at_must_stay_available,
		a_head_that_changes_stays_in_the_ring,
		a_start_forgets,
		any_order_of_calls,
	};
	Suite *suite = suite_create("virtq_peek");
	TCase *tc = tcase_create("early");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
