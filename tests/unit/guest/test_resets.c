/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* RSTs for packets of no connection: in order, bounded, never for an RST. */
#include <string.h>

#include "base/check.h"
#include "guest/resets.h"
#include "suite.h"
#include "vsock/packet.h"

#define GUEST_CID 9u

static struct resets resets;

/* Packet I is like no other, so that its RST can be told from others, and has in
 * it everything that an RST must not take over. */
static struct packet packet_number(uint32_t i)
{
	return (struct packet){
		.op = PACKET_RW,
		.type = (uint16_t)(i % 3),
		.src_cid = 1234, /* whatever the guest claims */
		.dst_cid = i * 7,
		.src_port = i * 3,
		.dst_port = i * 5,
		.len = 100,
		.flags = 3,
		.buf_alloc = 5,
		.fwd_cnt = 6,
	};
}

static void owe(uint32_t i)
{
	struct packet p = packet_number(i);

	resets_add(&resets, &p);
}

static void expect(uint32_t i)
{
	const struct packet wanted = {
		.op = PACKET_RST,
		.type = (uint16_t)(i % 3),
		.src_cid = i * 7,
		.dst_cid = GUEST_CID,
		.src_port = i * 5,
		.dst_port = i * 3,
	};
	struct packet p;

	memset(&p, 0xee, sizeof(p));
	ck_assert(resets_take(&resets, GUEST_CID, &p));
	ck_assert_int_eq(p.op, wanted.op);
	ck_assert_uint_eq(p.type, wanted.type);
	ck_assert_uint_eq(p.src_cid, wanted.src_cid);
	ck_assert_uint_eq(p.dst_cid, wanted.dst_cid);
	ck_assert_uint_eq(p.src_port, wanted.src_port);
	ck_assert_uint_eq(p.dst_port, wanted.dst_port);
	ck_assert_uint_eq(p.len, 0);
	ck_assert_uint_eq(p.flags, 0);
	ck_assert_uint_eq(p.buf_alloc, 0);
	ck_assert_uint_eq(p.fwd_cnt, 0);
}

static void expect_none(void)
{
	struct packet p;

	ck_assert(!resets_take(&resets, GUEST_CID, &p));
	ck_assert_uint_eq(resets.count, 0);
	ck_assert_ptr_null(resets.ring);
}

static void set_up(void)
{
	resets_init(&resets);
}

static void tear_down(void)
{
	resets_free(&resets);
	expect_none();
}

START_TEST(every_operation_but_rst)
{
	for (int op = 0; op < PACKET_OPS; op++) {
		struct packet p = packet_number(1);

		p.op = (enum packet_op)op;
		resets_add(&resets, &p);
		if (p.op != PACKET_RST)
			expect(1);
		expect_none();
	}
}
END_TEST

START_TEST(first_come_first_served)
{
	uint32_t in = 0, out = 0;
	uint64_t seed = 11;

	for (unsigned round = 0; round < 12; round++) {
		uint32_t n = suite_random(&seed) % 1500;

		while (n-- && !resets_full(&resets))
			owe(in++);
		n = suite_random(&seed) % 1500;
		while (n-- && out < in)
			expect(out++);
		ck_assert_uint_eq(resets.count, in - out);
	}
	while (out < in)
		expect(out++);
	expect_none();
}
END_TEST

START_TEST(more_than_the_bound_is_dropped)
{
	for (uint32_t i = 0; i < RESETS_MAX; i++) {
		ck_assert(!resets_full(&resets));
		owe(i);
	}
	ck_assert(resets_full(&resets));
	owe(5000);
	ck_assert_uint_eq(resets.count, RESETS_MAX);
	expect(0);
	ck_assert(!resets_full(&resets));
	owe(RESETS_MAX);
	for (uint32_t i = 1; i <= RESETS_MAX; i++)
		expect(i);
	expect_none();
}
END_TEST

START_TEST(freed_while_some_are_owed)
{
	owe(1);
	owe(2);
	expect(1);
	resets_free(&resets);
	expect_none();
	owe(3);
	expect(3);
}
END_TEST

/* The queue may begin anywhere in its ring. */
START_TEST(a_request_drops_what_is_owed_to_its_addresses)
{
	struct packet request = packet_number(11);

	request.op = PACKET_REQUEST;
	request.type = 7; /* of any type */
	owe(0);
	for (uint32_t i = 0; i < RESETS_MAX + 5; i++) {
		owe(10);
		expect(i ? 14 : 0);
		owe(11);
		owe(12);
		owe(11);
		owe(13);
		owe(11);
		resets_drop(&resets, &request);
		expect(10);
		expect(12);
		owe(14);
		expect(13);
	}
	expect(14);
	expect_none();
}
END_TEST

START_TEST(all_three_addresses_must_be_the_requests)
{
	for (unsigned i = 0; i < 4; i++) {
		struct packet request = packet_number(20);

		owe(20);
		request.dst_cid += i == 1;
		request.dst_port += i == 2;
		request.src_port += i == 3;
		resets_drop(&resets, &request);
		if (i)
			expect(20);
		expect_none();
	}
}
END_TEST

START_TEST(a_full_queue_has_room_again)
{
	struct packet request = packet_number(5);

	for (uint32_t i = 0; i < RESETS_MAX; i++)
		owe(i);
	resets_drop(&resets, &request);
	ck_assert(!resets_full(&resets));
	owe(RESETS_MAX);
	for (uint32_t i = 0; i <= RESETS_MAX; i++) {
		if (i != 5)
			expect(i);
	}
	expect_none();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resets");
	TCase *c = tcase_create("resets");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, every_operation_but_rst);
	tcase_add_test(c, first_come_first_served);
	tcase_add_test(c, more_than_the_bound_is_dropped);
	tcase_add_test(c, freed_while_some_are_owed);
	tcase_add_test(c, a_request_drops_what_is_owed_to_its_addresses);
	tcase_add_test(c, all_three_addresses_must_be_the_requests);
	tcase_add_test(c, a_full_queue_has_room_again);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
