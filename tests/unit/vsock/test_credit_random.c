/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Random traffic against a peer that keeps every packet in a list: what we may
 * send is never more than it has room for, in bytes or packets, and all is
 * there again when it has consumed all.
 */
#include "base/check.h"
#include "suite.h"
#include "vsock/credit.h"

#define PACKETS_MAX 65536
#define STEPS 8000

/* The peer. Counts are of all time, not modulo anything. */
static struct {
	uint32_t buf_alloc;
	uint64_t sent, consumed, told;
	uint64_t end[PACKETS_MAX]; /* of each packet not told as consumed */
	unsigned first, count;
} peer;

static struct credit credit;
static uint64_t seed;
static uint32_t base; /* both sides' counters at the beginning */

static uint32_t below(uint32_t n)
{
	return suite_random(&seed) % n;
}

static uint32_t limit_of(uint32_t buf_alloc)
{
	uint32_t limit = buf_alloc / CREDIT_BYTES_PER_PACKET;

	return limit ? limit : 1;
}

static void peer_tells(uint64_t fwd, uint32_t buf_alloc, bool honest)
{
	bool taken = credit_from_peer(&credit, buf_alloc, base + (uint32_t)fwd);

	ck_assert(taken == honest);
}

static void forget_consumed(void)
{
	while (peer.count && peer.end[peer.first] <= peer.told) {
		peer.first = (peer.first + 1) % PACKETS_MAX;
		peer.count--;
	}
}

static void send_one(uint32_t most)
{
	uint32_t room = credit_room(&credit);

	if (!room)
		return;
	room = room < most ? room : most;
	credit_sent(&credit, 1 + below(room));
	peer.sent = peer.told + (credit.tx_cnt - base - (uint32_t)peer.told);
	peer.end[(peer.first + peer.count++) % PACKETS_MAX] = peer.sent;
	ck_assert_uint_lt(peer.count, PACKETS_MAX);
	ck_assert_uint_le(peer.sent - peer.told, peer.buf_alloc);
	ck_assert_uint_le(peer.count, limit_of(peer.buf_alloc));
}

static void consume(void)
{
	uint64_t unread = peer.sent - peer.consumed;

	if (unread)
		peer.consumed += 1 + below((uint32_t)unread);
}

static void tell(void)
{
	peer.told = peer.consumed;
	peer_tells(peer.told, peer.buf_alloc, true);
	forget_consumed();
}

static void resize(uint32_t most)
{
	peer.buf_alloc = below(4) ? 1 + below(most) : 0;
	peer_tells(peer.told, peer.buf_alloc, true);
}

static void check_room(void)
{
	uint64_t under_way = peer.sent - peer.told;
	uint32_t room = under_way < peer.buf_alloc
				? peer.buf_alloc - (uint32_t)under_way
				: 0;

	ck_assert_uint_ge(credit.packets, peer.count);
	ck_assert_uint_eq(credit_room(&credit),
			  credit_packets(&credit) ? room : 0);
}

static void begin(uint32_t from, uint32_t buf_alloc)
{
	credit_init(&credit, 1);
	base = from;
	credit.peer_fwd_cnt = from;
	credit.tx_cnt = from;
	peer.buf_alloc = buf_alloc;
	peer.sent = peer.consumed = peer.told = 0;
	peer.first = peer.count = 0;
	peer_tells(0, buf_alloc, true);
}

static void expect_all_back(void)
{
	peer.consumed = peer.sent;
	tell();
	ck_assert_uint_eq(credit_packets(&credit), limit_of(peer.buf_alloc));
	ck_assert_uint_eq(credit_room(&credit), peer.buf_alloc);
}

static const struct {
	uint32_t base, buf_alloc, most; /* bytes a packet */
} walks[] = {
	{ 0, 256 * 1024, 65536 },
	{ 0u - 3000000, 256 * 1024, 4096 },
	{ 0u - 50000, 256 * 1024, 129 },
	{ 7, 640 * 7, 200 },
	{ 0u - 1000, 640 * 8, 50 },
	{ 0u - 1000, 640 * 17, 50 },
	{ 0u - 9999, 1, 1 },
	{ 5, 128, 64 },
	{ 0u - 100000, 1 << 20, 300 },
	{ 1u << 31, 100000, 1000 },
};

START_TEST(any_peer)
{
	for (seed = 1; seed <= 2; seed++) {
		begin(walks[_i].base, walks[_i].buf_alloc);
		for (unsigned i = 0; i < STEPS; i++) {
			uint32_t dice = below(100);

			if (dice < 70)
				send_one(walks[_i].most);
			else if (dice < 84)
				consume();
			else if (dice < 95)
				tell();
			else if (dice < 97)
				resize(2 * walks[_i].buf_alloc);
			else if (dice < 99)
				peer_tells(peer.sent + 1 + below(1u << 30),
					   peer.buf_alloc, false);
			else if (peer.told)
				peer_tells(peer.told - 1 -
						   below((uint32_t)peer.told),
					   peer.buf_alloc, true);
			check_room();
		}
		peer.buf_alloc = walks[_i].buf_alloc;
		expect_all_back();
	}
}
END_TEST

/*
 * While the buffer keeps its size, the marks lose sight of no more packets
 * than one of them covers: a peer that consumes part by part is used well.
 */
START_TEST(marks_are_precise)
{
	uint32_t limit = limit_of(walks[_i].buf_alloc);
	uint32_t blur = limit / CREDIT_MARKS + CREDIT_MARKS;

	if (limit < CREDIT_MARKS)
		blur = 0;
	seed = 99;
	begin(walks[_i].base, walks[_i].buf_alloc);
	for (unsigned i = 0; i < STEPS; i++) {
		send_one(walks[_i].most);
		if (!below(40)) {
			consume();
			tell();
		}
		ck_assert_uint_le(credit.packets - peer.count, blur);
	}
	expect_all_back();
}
END_TEST

/* The other direction: a sender that knows what the last packet told it. */
static struct {
	uint32_t buf_alloc, fwd_cnt, tx_cnt;
	uint32_t own; /* buffer, which newer kernels also keep to */
} sender;

static uint32_t sender_room(void)
{
	uint32_t window = sender.own < sender.buf_alloc ? sender.own
							: sender.buf_alloc;
	uint32_t used = sender.tx_cnt - sender.fwd_cnt;

	return used < window ? window - used : 0;
}

/* What was granted stays granted: a kernel that subtracts without a look
 * would have no limit. */
static void announce(void)
{
	uint32_t edge = sender.fwd_cnt + sender.buf_alloc;

	credit_announce(&credit);
	sender.buf_alloc = credit.buf_alloc;
	sender.fwd_cnt = credit.fwd_cnt;
	ck_assert_int_ge((int32_t)(sender.fwd_cnt + sender.buf_alloc - edge),
			 0);
	ck_assert_int_ge((int32_t)(edge - sender.tx_cnt), 0);
}

static void announce_if_due(void)
{
	if (credit_update_due(&credit))
		announce();
}

static void receive_one(uint32_t most)
{
	uint32_t n = sender_room();

	if (!n)
		return;
	n = 1 + below(n < most ? n : most);
	sender.tx_cnt += n;
	ck_assert(credit_received(&credit, n));
}

static void forward_some(void)
{
	if (credit_held(&credit))
		credit_forwarded(&credit, 1 + below(credit_held(&credit)));
	announce_if_due();
}

/* A sender that waits for room has it when all that it sent is gone. */
static void expect_room(void)
{
	credit_forwarded(&credit, credit_held(&credit));
	announce_if_due();
	ck_assert_uint_gt(sender_room(), 0);
}

START_TEST(any_offers)
{
	uint32_t grant = walks[_i].buf_alloc;

	for (seed = 1; seed <= 2; seed++) {
		credit_init(&credit, grant);
		sender.buf_alloc = grant;
		sender.own = 1 + below(2 * grant);
		sender.tx_cnt = sender.fwd_cnt = 0;
		ck_assert(credit_from_peer(&credit, sender.own, 0));
		for (unsigned i = 0; i < STEPS; i++) {
			uint32_t dice = below(100);

			if (dice < 60)
				receive_one(walks[_i].most);
			else if (dice < 85)
				forward_some();
			else if (dice < 90)
				credit_offer(&credit, 1 + below(grant));
			else if (dice < 95)
				announce();
			else
				expect_room();
		}
		ck_assert_uint_gt(sender.tx_cnt, grant / 2);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("credit_random");
	TCase *c = tcase_create("credit_random");

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, any_peer, 0, ARRAY_SIZE(walks));
	tcase_add_loop_test(c, marks_are_precise, 0, ARRAY_SIZE(walks));
	tcase_add_loop_test(c, any_offers, 0, ARRAY_SIZE(walks));
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
