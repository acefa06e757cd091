/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Batches of sends and receives: done, and with their results, on return. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "suite.h"
#include "unit/ring/ring_fixture.h"

#define PAIRS RING_BATCH_MAX

/* A socket of ours, its peer, and an operation on it. */
struct place {
	struct eye eye;
	int pair[2];
	struct ring_io io;
	struct iovec iov[2];
	char bytes[64];
};

static struct place *places;

static bool begin(int engine, unsigned n)
{
	raise_descriptor_limit(2 * PAIRS + 64);
	if (!ring_start(engine))
		return false;
	places = calloc(PAIRS, sizeof(*places));
	ck_assert_ptr_nonnull(places);
	for (unsigned i = 0; i < n; i++) {
		make_pair(places[i].pair);
		eye_open(&places[i].eye, places[i].pair[0]);
	}
	settle();
	return true;
}

static void finish(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		eye_close(&places[i].eye);
		fd_close(&places[i].pair[0]);
		fd_close(&places[i].pair[1]);
	}
	free(places);
	ring_stop();
}

/* The second part begins 32 bytes on: a result that is right with bytes in the
 * wrong part shows. 4711 is no result of anything. */
static void prepare(struct place *p, unsigned first, unsigned second)
{
	p->iov[0] = (struct iovec){ p->bytes, first };
	p->iov[1] = (struct iovec){ p->bytes + 32, second };
	memset(&p->io, 0, sizeof(p->io));
	p->io.watch = &p->eye.watch;
	p->io.msg.msg_iov = p->iov;
	p->io.msg.msg_iovlen = 2;
	p->io.result = 4711;
}

static void queue_send(struct place *p, unsigned first, unsigned second)
{
	prepare(p, first, second);
	ring_send(ring, &p->io);
}

static void queue_recv(struct place *p, unsigned first, unsigned second)
{
	prepare(p, first, second);
	ring_recv(ring, &p->io);
}

static const unsigned sizes[] = { 1, 2, 3, 7, 64, 255, RING_BATCH_MAX };

START_TEST(sends_of_a_batch)
{
	char got[64];

	for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
		unsigned n = sizes[s];

		if (!begin(_i, n))
			return;
		for (unsigned i = 0; i < n; i++) {
			memset(places[i].bytes, (int)i, 64);
			queue_send(&places[i], 1 + i % 5, i % 7);
		}
		ring_run(ring);
		for (unsigned i = 0; i < n; i++) {
			unsigned len = 1 + i % 5 + i % 7;

			ck_assert_int_eq(places[i].io.result, len);
			ck_assert_int_eq(read(places[i].pair[1], got, 64), len);
			ck_assert_mem_eq(got, places[i].bytes, len);
		}
		ring_run(ring); /* nothing is left of it */
		ck_assert_int_eq(drain(places[0].pair[1]), 0);
		finish(n);
	}
}
END_TEST

START_TEST(receives_of_a_batch)
{
	for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
		unsigned n = sizes[s];

		if (!begin(_i, n))
			return;
		for (unsigned i = 0; i < n; i++) {
			put(places[i].pair[1], "0123456789", 1 + i % 10);
			memset(places[i].bytes, 'x', 64);
			queue_recv(&places[i], 4, 30);
		}
		ring_run(ring);
		for (unsigned i = 0; i < n; i++) {
			unsigned len = 1 + i % 10;
			unsigned first = len < 4 ? len : 4;

			ck_assert_int_eq(places[i].io.result, len);
			ck_assert_mem_eq(places[i].bytes, "0123", first);
			ck_assert_mem_eq(places[i].bytes + 32, "456789",
					 len - first);
			ck_assert_int_eq(places[i].bytes[32 + len - first],
					 'x');
		}
		finish(n);
	}
}
END_TEST

enum trouble {
	NOTHING_THERE,
	END_OF_STREAM,
	PEER_GONE,
	NO_ROOM,
	FAULT,
	TROUBLES
};

/* Each of these is an answer, not an event to wait for: a batch has no
 * operation that stays behind, on any engine. */
static void get_into(struct place *p, enum trouble trouble)
{
	static char bytes[65536];

	switch (trouble) {
	case NOTHING_THERE:
		queue_recv(p, 10, 10);
		break;
	case END_OF_STREAM:
		put(p->pair[1], "ab", 2);
		ck_assert_int_eq(shutdown(p->pair[1], SHUT_WR), 0);
		ck_assert_int_eq(recv(p->pair[0], bytes, 9, 0), 2);
		queue_recv(p, 10, 10);
		break;
	case PEER_GONE:
		fd_close(&p->pair[1]);
		queue_send(p, 10, 10);
		break;
	case NO_ROOM:
		while (write(p->pair[0], bytes, sizeof(bytes)) > 0)
			continue;
		queue_send(p, 10, 10);
		break;
	case FAULT:
		put(p->pair[1], "ab", 2);
		queue_recv(p, 10, 10);
		p->iov[0].iov_base = NULL;
		break;
	case TROUBLES:
		break;
	}
}

static const int results[TROUBLES] = {
	[NOTHING_THERE] = -EAGAIN, [END_OF_STREAM] = 0, [PEER_GONE] = -EPIPE,
	[NO_ROOM] = -EAGAIN,	   [FAULT] = -EFAULT,
};

/* Alone, where a plain system call does it, and among others. */
START_TEST(troubles)
{
	for (unsigned batch = 1; batch <= 40; batch += 13) {
		for (unsigned t = 0; t < TROUBLES; t++) {
			if (!begin(_i, batch))
				return;
			get_into(&places[0], (enum trouble)t);
			for (unsigned i = 1; i < batch; i++)
				queue_send(&places[i], 3, 0);
			ring_run(ring);
			ck_assert_int_eq(places[0].io.result, results[t]);
			for (unsigned i = 1; i < batch; i++)
				ck_assert_int_eq(places[i].io.result, 3);
			finish(batch);
		}
	}
}
END_TEST

/* What a socket does not take is not taken later either. */
START_TEST(short_sends_are_final)
{
	static char bytes[1 << 20];
	int taken, drained;

	if (!begin(_i, 2))
		return;
	for (unsigned i = 0; i < 2; i++) {
		queue_send(&places[i], 10, 0);
		places[i].iov[0] = (struct iovec){ bytes, sizeof(bytes) };
	}
	ring_run(ring);
	for (unsigned i = 0; i < 2; i++) {
		taken = places[i].io.result;
		ck_assert_int_gt(taken, 0);
		ck_assert_int_lt(taken, (int)sizeof(bytes));
		drained = drain(places[i].pair[1]);
		ck_assert_int_eq(drained, taken);
		settle();
		ck_assert_int_eq(drain(places[i].pair[1]), 0);
	}
	finish(2);
}
END_TEST

/* Registered files are a gain only, and never shared. */
static void expect_own_slots(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int slot = places[i].eye.watch.slot;

		for (unsigned j = 0; j < i && slot >= 0; j++)
			ck_assert_int_ne(places[j].eye.watch.slot, slot);
		if (i != 3) /* which is new */
			ck_assert((slot >= 0) ==
				  (places[0].eye.watch.slot >= 0));
	}
}

/* The same sockets again and again, so that the engine may keep their files;
 * then others in the same memory. */
START_TEST(busy_sockets_and_their_successors)
{
	for (unsigned life = 0; life < 4; life++) {
		if (!begin(_i, 8))
			return;
		for (unsigned round = 0; round < 300; round++) {
			for (unsigned i = 0; i < 8; i++) {
				put(places[i].pair[1], "ab", 2);
				queue_recv(&places[i], 2, 2);
			}
			ring_run(ring);
			for (unsigned i = 0; i < 8; i++)
				ck_assert_int_eq(places[i].io.result, 2);
			if (round % 100 != 99)
				continue;
			eye_close(&places[3].eye);
			fd_close(&places[3].pair[0]);
			/* Nothing holds on to the socket any more. */
			ck_assert_int_eq(drain(places[3].pair[1]), -1);
			fd_close(&places[3].pair[1]);
			make_pair(places[3].pair);
			ck_assert_int_eq(ring_watch(ring, &places[3].eye.watch,
						    places[3].pair[0],
						    eye_sees),
					 0);
		}
		expect_own_slots(8);
		finish(8);
	}
}
END_TEST

/* Reports that come while a batch runs are not lost. */
START_TEST(reports_beside_a_batch)
{
	if (!begin(_i, 20))
		return;
	for (unsigned round = 1; round <= 50; round++) {
		for (unsigned i = 0; i < 10; i++) {
			places[10 + i].eye.reports = 0;
			put(places[10 + i].pair[1], "a", 1);
			queue_send(&places[i], 5, 5);
		}
		ring_run(ring);
		for (unsigned i = 0; i < 10; i++) {
			ck_assert_int_eq(places[i].io.result, 10);
			ck_assert_int_eq(drain(places[i].pair[1]), 10);
			wait_reports(&places[10 + i].eye, 1);
			ck_assert_int_eq(drain(places[10 + i].pair[0]), 1);
		}
		settle();
	}
	finish(20);
}
END_TEST

/* The socket takes some of them; the result says how many, in order. */
START_TEST(messages_of_one_socket_stop_at_the_first_refused)
{
	enum { MANY = 64, BYTES = 16384 };
	static char bytes[BYTES];
	struct mmsghdr messages[MANY];
	struct iovec iov[MANY];
	struct ring_io io = { .messages = messages, .nmessages = MANY };
	struct eye eye;
	int pair[2], got;

	if (!ring_start(_i))
		return;
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	eye_init(&eye);
	eye_open(&eye, pair[0]);
	io.watch = &eye.watch;
	for (unsigned i = 0; i < MANY; i++) {
		iov[i] = (struct iovec){ bytes, i + 1 < MANY ? BYTES - i : 1 };
		messages[i] = (struct mmsghdr){ .msg_hdr.msg_iov = &iov[i],
						.msg_hdr.msg_iovlen = 1 };
	}
	ring_send_messages(ring, &io);
	ring_run(ring);
	ck_assert_int_gt(io.result, 1);
	ck_assert_int_lt(io.result, MANY);
	for (int i = 0; i < io.result; i++)
		ck_assert_int_eq(recv(pair[1], bytes, BYTES, MSG_DONTWAIT),
				 BYTES - i);
	ck_assert_int_eq(recv(pair[1], bytes, BYTES, MSG_DONTWAIT), -1);
	/* nothing of it was queued twice */
	ring_run(ring);
	got = (int)recv(pair[1], bytes, BYTES, MSG_DONTWAIT);
	ck_assert_int_eq(got, -1);
	fd_close(&pair[1]);
	ring_send_messages(ring, &io);
	ring_run(ring);
	ck_assert_int_eq(io.result, -EPIPE);
	eye_close(&eye);
	fd_close(&pair[0]);
	ring_stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring_io");
	TCase *c = tcase_create("ring_io");

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, sends_of_a_batch, 0, ENGINES);
	tcase_add_loop_test(c, receives_of_a_batch, 0, ENGINES);
	tcase_add_loop_test(c, troubles, 0, ENGINES);
	tcase_add_loop_test(c, short_sends_are_final, 0, ENGINES);
	tcase_add_loop_test(c, busy_sockets_and_their_successors, 0, ENGINES);
	tcase_add_loop_test(c, messages_of_one_socket_stop_at_the_first_refused,
			    0, ENGINES);
	tcase_add_loop_test(c, reports_beside_a_batch, 0, ENGINES);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
