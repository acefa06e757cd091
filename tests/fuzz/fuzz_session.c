/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One VM whose front end, guest and host programs do what they like, in any
 * order and in the middle of traffic: valid requests with some field changed;
 * rings that start, stop, move and lose their memory; descriptors that are
 * rewritten while the daemon has them. Beside it lives a VM that does nothing
 * wrong, and must not notice.
 *
 * This finds wild accesses (by the sanitizers), broken assertions, a loop that
 * does not come to rest, descriptors and memory that are left behind, and a
 * neighbour whose bytes do not come through.
 */
#include "base/check.h"
#include "base/fd.h"
#include "fuzz/session.h"

static struct session session;

static void take_time(const struct record *r)
{
	static const uint16_t ms[] = { 1, 5, 10, 20, 100, 1000, 2001, 8001 };

	stage_pass_ms(r->a == 255 ? 60001 : ms[r->a % ARRAY_SIZE(ms)]);
}

static void turns(struct session *s, const struct record *r)
{
	if (r->a % 8 == 7) {
		stage_rest();
		return;
	}
	for (unsigned n = 1 + r->a % 8; n; n--)
		stage_turn();
	if (r->b % 8 == 7)
		neighbour_check(&s->neighbour, 1 + r->c);
}

/* The one front end, or a second one that comes beside it. */
static struct front *front_of(struct session *s, const struct record *r)
{
	return &s->fronts[(r->b & 0x80) == 0x80 && r->c >= 0xc0];
}

enum op {
	TURNS,
	REST,
	SET_UP,
	SAY,
	SAY_TOO, /* twice, as half of all steps should be these */
	STOP,
	BYTES,
	LEAVE,
	HEAR,
	OFFER,
	SEND,
	SEND_TOO,
	RESPOND,
	TAMPER,
	TAMPER_RING,
	OFFER_EVENT,
	SHRINK,
	KNOCK,
	ANSWER,
	PROGRAM,
	PROGRAM_TOO,
	TIME,
	OPS
};

const unsigned records_ops = OPS;

static void speak(struct session *s, const struct record *r)
{
	struct front *front = front_of(s, r);

	if (r->op == SET_UP)
		session_set_up(s, front, r);
	else if (r->op == STOP)
		session_stop(front, r);
	else if (r->op == BYTES)
		front_say_bytes(front, r, 1 + r->a % sizeof(*r));
	else if (r->op == LEAVE)
		front_close(front);
	else if (r->op == HEAR)
		front_hear(front);
	else
		session_say(front, r);
}

static void act(struct session *s, const struct record *r)
{
	switch (r->op) {
	case OFFER:
		session_offer(s, r);
		break;
	case SEND:
	case SEND_TOO:
		session_send(s, r);
		break;
	case RESPOND:
		session_respond(s);
		break;
	case TAMPER:
		session_tamper(s, r);
		break;
	case TAMPER_RING:
		session_tamper_ring(s, r);
		break;
	case OFFER_EVENT:
		session_offer_event(s, r);
		break;
	case SHRINK:
		session_shrink(s, r);
		break;
	case KNOCK:
		session_knock(s, r);
		break;
	case ANSWER:
		session_accept(s, r);
		break;
	case PROGRAM:
	case PROGRAM_TOO:
		session_program(s, r);
		break;
	case TIME:
		take_time(r);
		break;
	default:
		speak(s, r);
	}
}

static void begin(struct session *s)
{
	static const uint8_t places[] = { 0, 0 };

	if (!stage.nvms) {
		stage_open(2, 1, places, 65536);
		session_open_descriptors();
	}
	stage_begin();
	memset(s, 0, sizeof(*s));
	s->vm = &stage.vms[0];
	for (unsigned i = 0; i < SESSION_PROGRAMS; i++)
		s->programs[i] = -1;
	for (unsigned i = 0; i < 2; i++)
		front_open(&s->fronts[i], s->vm);
	driver_init(&s->driver, s->vm->ram, 0, 0);
	neighbour_open(&s->neighbour, &stage.vms[1]);
}

static void end(struct session *s)
{
	stage_rest();
	neighbour_check(&s->neighbour, 100);
	for (unsigned i = 0; i < 2; i++)
		front_close(&s->fronts[i]);
	stage_rest();
	neighbour_check(&s->neighbour, 100);
	neighbour_close(&s->neighbour);
	for (unsigned i = 0; i < SESSION_PROGRAMS; i++)
		fd_close(&s->programs[i]);
	stage_end();
	session_empty_descriptors();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct session *s = &session;
	struct record r;

	begin(s);
	for (unsigned n = 0; n < RECORDS_MAX && record_next(&in, &r); n++) {
		r.op %= OPS;
		if (r.op == TURNS)
			turns(s, &r);
		else if (r.op == REST)
			stage_rest();
		else
			act(s, &r);
	}
	end(s);
	return 0;
}
