/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Three guests that keep to the rules of their rings and to no others. They
 * send whole packets of any kind at any time and offer receive buffers of any
 * shape. At the other end are host programs, or each other: two of the guests
 * are served by one worker's loop, the third by another's. See play.h for what
 * is compared.
 */
#include "base/check.h"
#include "fuzz/play.h"
#include "fuzz/records.h"

enum op {
	TURN,
	REST,
	SET_UP,
	OFFER,
	PACKET,
	DATA,
	DATA_TOO,
	CREDIT,
	CALL,
	ACCEPT,
	WRITE,
	READ,
	LEAVE,
	TIME,
	CONNECT,
	SERVE,
	STREAM,
	OPS
};

const unsigned records_ops = OPS;

static const uint32_t lengths[] = {
	1, 16, 100, 1000, 4096, 20000, 44000, 65000
};
static const uint32_t buffers[] = { 45, 64, 100, 300, 1024, 3776, 4096, 8192 };
static const uint32_t credits[] = { 65536, 131072,   4096, 1000,
				    16384, 1u << 31, 640,  0 };

static uint32_t length_of(uint16_t d)
{
	return d & 0x8000 ? 1u + d % 1024 : lengths[d % ARRAY_SIZE(lengths)];
}

static struct end *end_of(const struct record *r)
{
	return &play_guest(r->a % PLAY_VMS, FRONT_EVENT_IDX)
			->ends[r->b % PLAY_ENDS];
}

/* Most packets say the truth about credit. */
static void describe(struct play_packet *p, const struct record *r)
{
	static const int32_t offs[] = { -1000, -1, 1, 1000, 70000 };
	unsigned lie = r->e >> 4 & 15, strange = r->e >> 12;

	p->buf_alloc = credits[r->e & 7];
	if (lie >= 11)
		p->fwd_off = offs[lie - 11];
	p->flags = r->e >> 8 & 3;
	p->shape = (r->c >> 4) % DRIVER_SHAPES;
	if (strange >= 10)
		p->strange = (uint8_t)(strange - 9);
}

static void packet(const struct record *r)
{
	struct end *end = end_of(r);
	struct play_packet p = { .op = r->c & 15 };

	describe(&p, r);
	if (p.op == VIRTIO_VSOCK_OP_RW)
		p.len = length_of(r->d);
	packet_post(end, &p);
}

static void data(const struct record *r)
{
	struct end *end = end_of(r);
	struct play_packet p = {
		.op = VIRTIO_VSOCK_OP_RW,
		.len = length_of(r->d),
		.buf_alloc = end->said_alloc,
		.flags = r->c & 3,
		.shape = (r->c >> 4) % DRIVER_SHAPES,
	};

	packet_post(end, &p);
}

static void credit(const struct record *r)
{
	struct end *end = end_of(r);
	struct play_packet p = {
		.op = r->c & 1 ? VIRTIO_VSOCK_OP_CREDIT_REQUEST
			       : VIRTIO_VSOCK_OP_CREDIT_UPDATE,
		.buf_alloc = credits[r->e & 7],
	};

	packet_post(end, &p);
}

static void offer(const struct record *r)
{
	struct guest_play *guest = play_guest(r->a % PLAY_VMS, FRONT_EVENT_IDX);

	packets_offer(guest, r->b % DRIVER_SHAPES,
		      r->d & 0x8000 ? 45u + r->d % 4096
				    : buffers[r->d % ARRAY_SIZE(buffers)],
		      1 + r->c % DRIVER_CHAINS);
}

static void leave(const struct record *r)
{
	struct end *end = end_of(r);

	if (r->c % 4 == 3)
		program_close(end);
	else
		program_shut(end, r->c % 4);
}

static void take_time(const struct record *r)
{
	static const uint16_t ms[] = { 1, 5, 21, 100, 1000, 2001, 8001 };

	play_pass_ms(ms[r->a % ARRAY_SIZE(ms)]);
}

static void rest(void)
{
	stage_rest();
	packets_collect();
	truth_check();
}

static void answer(struct end *end, uint32_t buf_alloc)
{
	const struct play_packet p = {
		.op = VIRTIO_VSOCK_OP_RESPONSE,
		.buf_alloc = buf_alloc,
	};

	if (end && end->asked)
		packet_post(end, &p);
}

/* All steps that make an open connection. */
static void establish(const struct record *r)
{
	struct end *end = end_of(r);
	struct end *partner = play_partner(end);
	const struct play_packet p = {
		.op = VIRTIO_VSOCK_OP_REQUEST,
		.buf_alloc = credits[r->e & 7],
	};

	if (partner)
		play_guest(partner->vm, FRONT_EVENT_IDX);
	if (is_called(end))
		program_call(end);
	else
		packet_post(end, &p);
	rest();
	answer(end, credits[r->e & 7]);
	answer(partner, credits[r->e >> 3 & 7]);
	rest();
	if (end->index < PLAY_CALLED)
		program_accept(end);
}

/* Every guest accepts what it was asked for. */
static void serve(void)
{
	for (unsigned i = 0; i < PLAY_VMS; i++)
		for (unsigned e = 0; e < PLAY_ENDS; e++)
			if (play.guests[i].front.fd >= 0)
				answer(&play.guests[i].ends[e], credits[0]);
}

static void turn(const struct record *r)
{
	for (unsigned n = 1 + r->a % 4; n; n--) {
		stage_turn();
		packets_collect();
	}
}

/* A stream to a program that reads it, which makes a connection greedy. Mostly
 * it is short, as long ones take their time. */
static void stream(const struct record *r)
{
	struct end *end = end_of(r);
	const struct play_packet p = {
		.op = VIRTIO_VSOCK_OP_RW,
		.len = lengths[ARRAY_SIZE(lengths) - 1],
		.buf_alloc = end->said_alloc,
	};
	unsigned n = 1 + (r->c % 16 ? r->c % 4 : r->d % 128);

	for (; n && end->open; n--) {
		packet_post(end, &p);
		stage_turn();
		packets_collect();
		program_receive(end, UINT16_MAX);
	}
}

static void use_programs(const struct record *r)
{
	struct end *end = end_of(r);

	if (r->op == CALL && is_called(end))
		program_call(end);
	else if (r->op == ACCEPT && end->index < PLAY_CALLED)
		program_accept(end);
	else if (r->op == WRITE)
		program_send(end, length_of(r->d));
	else if (r->op == READ)
		program_receive(end, length_of(r->d));
	else if (r->op == LEAVE)
		leave(r);
}

static void act(const struct record *r)
{
	switch (r->op) {
	case TURN:
		turn(r);
		break;
	case REST:
		rest();
		break;
	case SET_UP:
		play_guest(r->a % PLAY_VMS, r->b);
		break;
	case OFFER:
		offer(r);
		break;
	case PACKET:
		packet(r);
		break;
	case DATA:
	case DATA_TOO:
		data(r);
		break;
	case CREDIT:
		credit(r);
		break;
	case TIME:
		take_time(r);
		break;
	case CONNECT:
		establish(r);
		break;
	case SERVE:
		serve();
		break;
	case STREAM:
		stream(r);
		break;
	default:
		use_programs(r);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t places[] = { 0, 0, 1 };
	struct fuzz_input in = { bytes, size };
	struct record r;

	if (!stage.nvms)
		stage_open(PLAY_VMS, 2, places, 262144);
	play_begin();
	for (unsigned n = 0; n < RECORDS_MAX && record_next(&in, &r); n++) {
		r.op %= OPS;
		act(&r);
	}
	truth_finish();
	play_end();
	return 0;
}
