/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Flow control step by step, from every interesting place of the counters. */
#include "base/check.h"
#include "suite.h"
#include "vsock/credit.h"

enum step_kind {
	END,
	PEER,	 /* says: a = buf_alloc, b = fwd_cnt; is it honest? */
	SEND,	 /* a packet of a bytes */
	MANY,	 /* a packets of b bytes */
	SPLIT,	 /* the last packet went as two */
	ROOM,	 /* what may be sent: bytes */
	PACKETS, /* packets */
	RECEIVE, /* a bytes; was it granted? */
	FORWARD, /* a bytes */
	HELD,	 /* bytes */
	DUE,	 /* should the peer be told? */
	ANNOUNCE,
	PASS_ON, /* another receiver grants: a = buf_alloc, b = fwd_cnt */
	OFFER,	 /* a: buf_alloc */
	GRANT,	 /* the peer's view: bytes that it may still send */
};

struct step {
	enum step_kind kind;
	uint32_t a, b;
	uint32_t expected;
};

#define KIB 1024u
#define STEPS 32

/* clang-format off */
static const struct step flows[][STEPS] = {
	/* Room is what was announced less what is under way. */
	{ { ROOM, 0, 0, 0 },	      { PEER, 1000, 0, 1 },
	  { ROOM, 0, 0, 1000 },	      { SEND, 400, 0, 0 },
	  { PEER, 1000, 0, 1 },	      { ROOM, 0, 0, 0 }, /* one packet */
	  { PEER, 1000, 400, 1 },     { ROOM, 0, 0, 1000 },
	  { SEND, 1000, 0, 0 },	      { ROOM, 0, 0, 0 },
	  { PEER, 1000, 1400, 1 },    { ROOM, 0, 0, 1000 } },
	/* A packet that was split counts as two until both are consumed. */
	{ { PEER, 6400, 0, 1 },		{ SEND, 100, 0, 0 },
	  { PACKETS, 0, 0, 9 },		{ SPLIT, 0, 0, 0 },
	  { PACKETS, 0, 0, 8 },		{ ROOM, 0, 0, 6300 },
	  { PEER, 6400, 50, 1 },	{ PACKETS, 0, 0, 8 },
	  { PEER, 6400, 100, 1 },	{ PACKETS, 0, 0, 10 },
	  { SPLIT, 0, 0, 0 },		{ PACKETS, 0, 0, 10 } },
	/* A peer that shrinks its buffer is honoured, also below what is
	 * under way; it may grow again. */
	{ { PEER, 64 * KIB, 0, 1 },	{ SEND, 40 * KIB, 0, 0 },
	  { ROOM, 0, 0, 24 * KIB },	{ PEER, 40 * KIB, 0, 1 },
	  { ROOM, 0, 0, 0 },		{ PEER, 10 * KIB, 0, 1 },
	  { ROOM, 0, 0, 0 },		{ PEER, 10 * KIB, 35 * KIB, 1 },
	  { ROOM, 0, 0, 5 * KIB },	{ PEER, 0, 40 * KIB, 1 },
	  { ROOM, 0, 0, 0 },		{ PEER, 128 * KIB, 40 * KIB, 1 },
	  { ROOM, 0, 0, 128 * KIB } },
	/* An old fwd_cnt changes nothing, bytes never sent are a lie. */
	{ { PEER, 64 * KIB, 0, 1 },    { SEND, 1000, 0, 0 },
	  { SEND, 1000, 0, 0 },	       { PEER, 64 * KIB, 1500, 1 },
	  { PEER, 64 * KIB, 1000, 1 }, { ROOM, 0, 0, 64 * KIB - 500 },
	  { PEER, 64 * KIB, 2001, 0 }, { ROOM, 0, 0, 64 * KIB - 500 },
	  { PEER, 64 * KIB, 1500 + (1u << 31) - 1, 0 },
	  { PEER, 64 * KIB, 1500 + (1u << 31), 1 }, /* as old */
	  { ROOM, 0, 0, 64 * KIB - 500 },
	  { PEER, 64 * KIB, 2000, 1 }, { ROOM, 0, 0, 64 * KIB } },
	/* Nothing sent: whatever is acknowledged is a lie. */
	{ { PEER, 64 * KIB, 1, 0 }, { PEER, 64 * KIB, 0, 1 } },
	/* Packets: 6400 / 640 of them. */
	{ { PEER, 6400, 0, 1 },	   { PACKETS, 0, 0, 10 },
	  { MANY, 9, 10, 0 },	   { PACKETS, 0, 0, 1 },
	  { ROOM, 0, 0, 6310 },	   { SEND, 10, 0, 0 },
	  { PACKETS, 0, 0, 0 },	   { ROOM, 0, 0, 0 },
	  { PEER, 6400, 9, 1 },	   { PACKETS, 0, 0, 0 }, /* half of one */
	  { PEER, 6400, 10, 1 },   { PACKETS, 0, 0, 1 },
	  { ROOM, 0, 0, 6310 },	   { PEER, 6400, 100, 1 },
	  { PACKETS, 0, 0, 10 },   { ROOM, 0, 0, 6400 } },
	/* However small the buffer, one packet may go. */
	{ { PEER, 639, 0, 1 },	{ PACKETS, 0, 0, 1 },  { ROOM, 0, 0, 639 },
	  { SEND, 1, 0, 0 },	{ PACKETS, 0, 0, 0 },  { ROOM, 0, 0, 0 },
	  { PEER, 639, 1, 1 },	{ ROOM, 0, 0, 639 },   { PEER, 1, 1, 1 },
	  { ROOM, 0, 0, 1 },	{ PEER, 1279, 1, 1 },  { PACKETS, 0, 0, 1 },
	  { PEER, 1280, 1, 1 }, { PACKETS, 0, 0, 2 } },
	/* A buffer that shrinks takes packets away, growth gives some. */
	{ { PEER, 6400, 0, 1 }, { MANY, 5, 10, 0 },	{ PACKETS, 0, 0, 5 },
	  { PEER, 3200, 0, 1 }, { PACKETS, 0, 0, 0 },	{ PEER, 1, 0, 1 },
	  { PACKETS, 0, 0, 0 }, { PEER, 64000, 0, 1 },	{ PACKETS, 0, 0, 95 },
	  { MANY, 95, 1, 0 },	{ PACKETS, 0, 0, 0 },	{ ROOM, 0, 0, 0 },
	  { PEER, 64000, 145, 1 }, { PACKETS, 0, 0, 100 } },
	/* More than 2 GiB under way. */
	{ { PEER, UINT32_MAX, 0, 1 },
	  { MANY, 3, 1u << 30, 0 },
	  { PEER, UINT32_MAX, 1, 1 },
	  { PACKETS, 0, 0, UINT32_MAX / 640 - 3 },
	  { ROOM, 0, 0, UINT32_MAX - (3u << 30) + 1 },
	  { PEER, UINT32_MAX, 3u << 30, 1 },
	  { PACKETS, 0, 0, UINT32_MAX / 640 } },
	/* What is received stays in the window of 256 KiB. */
	{ { RECEIVE, 256 * KIB + 1, 0, 0 }, { HELD, 0, 0, 0 },
	  { RECEIVE, 256 * KIB, 0, 1 },	    { HELD, 0, 0, 256 * KIB },
	  { RECEIVE, 0, 0, 1 },		    { RECEIVE, 1, 0, 0 },
	  { RECEIVE, UINT32_MAX, 0, 0 },    { FORWARD, 100, 0, 0 },
	  { RECEIVE, 1, 0, 0 }, /* not told yet */ { ANNOUNCE, 0, 0, 0 },
	  { HELD, 0, 0, 256 * KIB - 100 },  { RECEIVE, 101, 0, 0 },
	  { RECEIVE, 100, 0, 1 },	    { FORWARD, 256 * KIB, 0, 0 },
	  { HELD, 0, 0, 0 } },
	/* Told when half is used, by the smaller buffer (ours). */
	{ { PEER, 1024 * KIB, 0, 1 },	 { RECEIVE, 128 * KIB - 1, 0, 1 },
	  { FORWARD, 128 * KIB - 1, 0, 0 }, { DUE, 0, 0, 0 },
	  { RECEIVE, 1, 0, 1 },		 { DUE, 0, 0, 1 },
	  { ANNOUNCE, 0, 0, 0 },	 { DUE, 0, 0, 0 },
	  { GRANT, 0, 0, 256 * KIB - 1 }, { FORWARD, 1, 0, 0 },
	  { DUE, 0, 0, 0 } },
	/* The peer's is the smaller. */
	{ { PEER, 64 * KIB, 0, 1 },	   { RECEIVE, 32 * KIB - 1, 0, 1 },
	  { FORWARD, 32 * KIB - 1, 0, 0 }, { DUE, 0, 0, 0 },
	  { RECEIVE, 1, 0, 1 },		   { DUE, 0, 0, 1 } },
	/* Not for a few bytes while the host program is slow. */
	{ { PEER, 256 * KIB, 0, 1 },	{ RECEIVE, 256 * KIB, 0, 1 },
	  { DUE, 0, 0, 0 },		{ FORWARD, 64 * KIB - 1, 0, 0 },
	  { DUE, 0, 0, 0 },		{ FORWARD, 1, 0, 0 },
	  { DUE, 0, 0, 1 } },
	/* What another receiver grants is the limit; it is never taken back. */
	{ { PASS_ON, 300 * KIB, 0, 0 }, { ANNOUNCE, 0, 0, 0 },		{ RECEIVE, 300 * KIB, 0, 1 },
	  { RECEIVE, 1, 0, 0 },
	  { PASS_ON, 300 * KIB, 100 * KIB, 0 }, { ANNOUNCE, 0, 0, 0 }, { HELD, 0, 0, 200 * KIB },
	  { RECEIVE, 100 * KIB + 1, 0, 0 },	{ RECEIVE, 50 * KIB, 0, 1 },
	  { PASS_ON, KIB, 100 * KIB, 0 }, { ANNOUNCE, 0, 0, 0 },	{ RECEIVE, 50 * KIB + 1, 0, 0 },
	  { RECEIVE, 50 * KIB, 0, 1 },		{ RECEIVE, 1, 0, 0 },
	  { PASS_ON, KIB, 400 * KIB, 0 }, { ANNOUNCE, 0, 0, 0 },	{ HELD, 0, 0, 0 },
	  { RECEIVE, KIB, 0, 1 },
	  { PASS_ON, KIB, 300 * KIB, 0 }, { ANNOUNCE, 0, 0, 0 },	{ HELD, 0, 0, KIB },
	  { PASS_ON, KIB, 500 * KIB, 0 }, { ANNOUNCE, 0, 0, 0 },	{ HELD, 0, 0, KIB },
	  { PASS_ON, UINT32_MAX, 401 * KIB, 0 }, { ANNOUNCE, 0, 0, 0 }, { RECEIVE, 1u << 31, 0, 1 } },
	/* A smaller offer shrinks the buffer as bytes leave it, no faster. */
	{ { RECEIVE, 100 * KIB, 0, 1 },	{ OFFER, 64 * KIB, 0, 0 },
	  { GRANT, 0, 0, 156 * KIB },	{ ANNOUNCE, 0, 0, 0 },
	  { GRANT, 0, 0, 156 * KIB },	{ FORWARD, 100 * KIB, 0, 0 },
	  { ANNOUNCE, 0, 0, 0 },	{ GRANT, 0, 0, 156 * KIB },
	  { RECEIVE, 150 * KIB, 0, 1 },	{ FORWARD, 150 * KIB, 0, 0 },
	  { RECEIVE, 6 * KIB + 1, 0, 0 }, { DUE, 0, 0, 1 },
	  { ANNOUNCE, 0, 0, 0 },	{ GRANT, 0, 0, 64 * KIB },
	  { RECEIVE, 64 * KIB + 1, 0, 0 },
	  /* A greater one needs what is due by the smaller. */
	  { OFFER, 256 * KIB, 0, 0 },	{ RECEIVE, 32 * KIB, 0, 1 },
	  { RECEIVE, 32 * KIB + 1, 0, 0 },
	  { PEER, 256 * KIB, 0, 1 },	{ DUE, 0, 0, 0 },
	  { FORWARD, 32 * KIB, 0, 0 },	{ DUE, 0, 0, 1 },
	  { ANNOUNCE, 0, 0, 0 },	{ GRANT, 0, 0, 256 * KIB },
	  { RECEIVE, 256 * KIB, 0, 1 },	{ RECEIVE, 1, 0, 0 } },
	/* A window of one byte. */
	{ { PEER, 1, 0, 1 },	 { DUE, 0, 0, 0 },	{ RECEIVE, 1, 0, 1 },
	  { DUE, 0, 0, 0 },	 { FORWARD, 1, 0, 0 },	{ DUE, 0, 0, 1 },
	  { ANNOUNCE, 0, 0, 0 }, { DUE, 0, 0, 0 } },
};
/* clang-format on */

static struct credit credit;

/* Counters as they are after BASE bytes each way. */
static void begin(uint32_t base)
{
	credit_init(&credit, 256 * KIB);
	credit.peer_fwd_cnt = base;
	credit.tx_cnt = base;
	credit.fwd_cnt = base;
	credit.announced = base;
	credit.rx_cnt = base;
	credit.limit = base + credit.buf_alloc;
}

static uint32_t send_many(uint32_t n, uint32_t len)
{
	while (n--) {
		ck_assert_uint_gt(credit_packets(&credit), 0);
		ck_assert_uint_ge(credit_room(&credit), len);
		credit_sent(&credit, len);
	}
	return 0;
}

static uint32_t perform(const struct step *s, uint32_t base)
{
	switch (s->kind) {
	case PEER:
		return credit_from_peer(&credit, s->a, base + s->b);
	case SEND:
		return send_many(1, s->a);
	case MANY:
		return send_many(s->a, s->b);
	case SPLIT:
		credit_split(&credit);
		return 0;
	case ROOM:
		return credit_room(&credit);
	case PACKETS:
		return credit_packets(&credit);
	case RECEIVE:
		return credit_received(&credit, s->a);
	case FORWARD:
		credit_forwarded(&credit, s->a);
		return 0;
	case HELD:
		return credit_held(&credit);
	case DUE:
		return credit_update_due(&credit);
	case ANNOUNCE:
		credit_announce(&credit);
		return 0;
	case PASS_ON:
		credit_pass_on(&credit, s->a, base + s->b);
		return 0;
	case OFFER:
		credit_offer(&credit, s->a);
		return 0;
	case GRANT:
		return credit.buf_alloc - (credit.rx_cnt - credit.announced);
	case END:
		break;
	}
	return 0;
}

/* The same from 0, and with the wrap at every place of the flow. */
static const uint32_t bases[] = {
	0,
	UINT32_MAX,
	UINT32_MAX - 9,
	UINT32_MAX - 1000,
	0u - 2000,
	0u - 35 * KIB,
	0u - 64 * KIB,
	0u - 128 * KIB,
	0u - 256 * KIB,
	1u << 31,
	(1u << 31) - 1000,
};

START_TEST(flows_as_written)
{
	const struct step *s;

	for (unsigned i = 0; i < ARRAY_SIZE(bases); i++) {
		begin(bases[i]);
		for (s = flows[_i]; s < flows[_i] + STEPS && s->kind; s++) {
			uint32_t got = perform(s, bases[i]);

			ck_assert_msg(got == s->expected,
				      "flow %d from %u, step %ld: %u not %u",
				      _i, bases[i], (long)(s - flows[_i]), got,
				      s->expected);
		}
	}
}
END_TEST

/*
 * Whatever the window, a peer that fills it and whose bytes were all passed on
 * has at least half of it again: it cannot wait for ever.
 */
static void stream_through(uint32_t window, uint32_t other, uint64_t *seed)
{
	uint32_t grant, n, updates = 0, rounds = 60;

	credit_init(&credit, window);
	ck_assert(credit_from_peer(&credit, other, 0));
	if (other < window)
		window = other;
	while (rounds--) {
		grant = window - (credit.rx_cnt - credit.announced);
		n = 1 + suite_random(seed) % grant;
		ck_assert(credit_received(&credit, n));
		while (credit_held(&credit)) {
			n = 1 + suite_random(seed) % credit_held(&credit);
			credit_forwarded(&credit, n);
			if (!credit_update_due(&credit))
				continue;
			ck_assert_uint_ge(credit.fwd_cnt - credit.announced,
					  window / 4);
			credit_announce(&credit);
			updates++;
		}
		grant = window - (credit.rx_cnt - credit.announced);
		ck_assert_uint_gt(grant, 0);
		ck_assert_uint_ge(grant, window / 2);
	}
	ck_assert_uint_gt(updates, 10);
}

START_TEST(no_window_dead_locks)
{
	uint64_t seed = 1;
	uint32_t window, other;

	for (window = 1; window <= 300; window++) {
		stream_through(window, window, &seed);
		stream_through(window, 256 * KIB, &seed);
		stream_through(256 * KIB, window, &seed);
	}
	for (unsigned i = 0; i < 500; i++) {
		window = 1 + suite_random(&seed) % (1024 * KIB);
		other = 1 + suite_random(&seed) % (1024 * KIB);
		stream_through(window, other, &seed);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("credit");
	TCase *c = tcase_create("credit");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, flows_as_written, 0, ARRAY_SIZE(flows));
	tcase_add_test(c, no_window_dead_locks);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
