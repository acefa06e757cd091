/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Headers byte for byte, and what the gate does not let through. */
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "suite.h"
#include "vsock/packet.h"

/* Every field different, every byte of it too. */
static const uint8_t bytes[PACKET_HEADER_SIZE] = {
	0x11, 0x12, 0x13, 0x14, 0, 0, 0, 0, /* src_cid */
	0x21, 0x22, 0x23, 0x24, 0, 0, 0, 0, /* dst_cid */
	0x31, 0x32, 0x33, 0x34,		    /* src_port */
	0x41, 0x42, 0x43, 0x44,		    /* dst_port */
	0x51, 0x52, 0x53, 0x54,		    /* len */
	0x61, 0x62,			    /* type */
	0x05, 0x00,			    /* op: RW */
	0x71, 0x72, 0x73, 0x74,		    /* flags */
	0x81, 0x82, 0x83, 0x84,		    /* buf_alloc */
	0x91, 0x92, 0x93, 0x94,		    /* fwd_cnt */
};
#define OP_AT 30

static const struct packet packet = {
	.op = PACKET_RW,
	.type = 0x6261,
	.src_cid = 0x14131211,
	.dst_cid = 0x24232221,
	.src_port = 0x34333231,
	.dst_port = 0x44434241,
	.len = 0x54535251,
	.flags = 0x74737271,
	.buf_alloc = 0x84838281,
	.fwd_cnt = 0x94939291,
};

static void expect_fields(const struct packet *p)
{
	ck_assert_uint_eq(p->type, packet.type);
	ck_assert_uint_eq(p->src_cid, packet.src_cid);
	ck_assert_uint_eq(p->dst_cid, packet.dst_cid);
	ck_assert_uint_eq(p->src_port, packet.src_port);
	ck_assert_uint_eq(p->dst_port, packet.dst_port);
	ck_assert_uint_eq(p->len, packet.len);
	ck_assert_uint_eq(p->flags, packet.flags);
	ck_assert_uint_eq(p->buf_alloc, packet.buf_alloc);
	ck_assert_uint_eq(p->fwd_cnt, packet.fwd_cnt);
}

START_TEST(parses_each_field)
{
	struct packet p;

	ck_assert_int_eq(packet_parse(bytes, &p), 0);
	ck_assert_int_eq(p.op, PACKET_RW);
	expect_fields(&p);
}
END_TEST

START_TEST(builds_each_field)
{
	uint8_t out[PACKET_HEADER_SIZE + 1];

	memset(out, 0xee, sizeof(out));
	packet_build(&packet, out);
	ck_assert_mem_eq(out, bytes, sizeof(bytes));
	ck_assert_uint_eq(out[PACKET_HEADER_SIZE], 0xee);
}
END_TEST

/* virtio 1.3, 5.10.6: enum virtio_vsock_op. */
static const struct {
	enum packet_op op;
	uint8_t wire;
} ops[] = {
	{ PACKET_REQUEST, 1 },
	{ PACKET_RESPONSE, 2 },
	{ PACKET_RST, 3 },
	{ PACKET_SHUTDOWN, 4 },
	{ PACKET_RW, 5 },
	{ PACKET_CREDIT_UPDATE, 6 },
	{ PACKET_CREDIT_REQUEST, 7 },
};

START_TEST(operations_there_and_back)
{
	uint8_t in[PACKET_HEADER_SIZE], out[PACKET_HEADER_SIZE];
	struct packet p;

	memcpy(in, bytes, sizeof(in));
	in[OP_AT] = ops[_i].wire;
	ck_assert_int_eq(packet_parse(in, &p), 0);
	ck_assert_int_eq(p.op, ops[_i].op);
	packet_build(&p, out);
	ck_assert_mem_eq(out, in, sizeof(in));
}
END_TEST

/* One byte that makes the header bad; all else can still be answered. */
static const struct {
	unsigned at;
	uint8_t value;
} bad[] = {
	{ OP_AT, 0 },	  { OP_AT, 8 },	       { OP_AT, 0x85 }, { OP_AT, 0xff },
	{ OP_AT + 1, 1 }, { OP_AT + 1, 0x80 }, { 4, 1 },	{ 7, 0x80 },
	{ 12, 1 },	  { 15, 0x80 },
};

START_TEST(refuses_but_tells_whom_to_answer)
{
	uint8_t in[PACKET_HEADER_SIZE];
	struct packet p;

	memcpy(in, bytes, sizeof(in));
	in[bad[_i].at] = bad[_i].value;
	ck_assert_int_eq(packet_parse(in, &p), -EBADMSG);
	ck_assert_int_lt(p.op, PACKET_OPS);
	ck_assert_int_ne(p.op, PACKET_RST); /* or it would not be answered */
	expect_fields(&p);
}
END_TEST

/* Nothing may answer it, however wrong it is. */
START_TEST(a_bad_rst_is_still_one)
{
	uint8_t in[PACKET_HEADER_SIZE];
	struct packet p;

	memcpy(in, bytes, sizeof(in));
	in[OP_AT] = 3;
	in[4] = 1;
	ck_assert_int_eq(packet_parse(in, &p), -EBADMSG);
	ck_assert_int_eq(p.op, PACKET_RST);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("packet");
	TCase *c = tcase_create("packet");

	tcase_add_test(c, parses_each_field);
	tcase_add_test(c, builds_each_field);
	tcase_add_loop_test(c, operations_there_and_back, 0, ARRAY_SIZE(ops));
	tcase_add_loop_test(c, refuses_but_tells_whom_to_answer, 0,
			    ARRAY_SIZE(bad));
	tcase_add_test(c, a_bad_rst_is_still_one);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
