/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a front end says, and what it does to the device. Both engines. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "ring/ring.h"
#include "suite.h"
#include "turn/loop.h"
#include "unit/session/session_fixture.h"

#define BIT(n) (1ull << (n))

static int fd = -1;

static struct guest_queue *queue(unsigned i)
{
	return &facts.guest->queue[i];
}

static void begin(int engine)
{
	session_open(engine);
	fd = session_connect();
}

static void end(void)
{
	fd_close(&fd);
	session_pump();
	ck_assert_ptr_null(facts.guest->session.frontend);
	session_close();
}

START_TEST(test_offers)
{
	begin(_i);
	say_nothing(fd, VHOST_USER_GET_FEATURES);
	ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_FEATURES),
			  BIT(35) | BIT(32) | BIT(30) | BIT(29) | BIT(28) |
				  BIT(24));
	say_nothing(fd, VHOST_USER_GET_PROTOCOL_FEATURES);
	ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_PROTOCOL_FEATURES),
			  BIT(0) | BIT(3) | BIT(9) | BIT(13) | BIT(15) |
				  BIT(16));
	say_nothing(fd, VHOST_USER_GET_QUEUE_NUM);
	ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_QUEUE_NUM), 3);
	say_nothing(fd, VHOST_USER_GET_MAX_MEM_SLOTS);
	ck_assert_uint_ge(hear_number(fd, VHOST_USER_GET_MAX_MEM_SLOTS), 509);
	end();
}
END_TEST

START_TEST(test_config_is_the_cid)
{
	static const uint8_t cid[8] = { 0xef, 0xcd, 0xab, 0x89 };
	uint32_t request[5] = { 0, 8, 0, 1, 1 };
	uint8_t reply[4096];

	begin(_i);
	say(fd, VHOST_USER_GET_CONFIG, VHOST_USER_VERSION, request,
	    sizeof(request), NULL, 0);
	ck_assert_int_eq(hear(fd, VHOST_USER_GET_CONFIG, reply), 20);
	ck_assert_mem_eq(reply, request, 12);
	ck_assert_mem_eq(reply + 12, cid, 8);
	end();
}
END_TEST

START_TEST(test_config_is_read_only)
{
	uint32_t request[5] = { 0, 8, 0, 1, 1 };

	begin(_i);
	say(fd, VHOST_USER_SET_CONFIG, VHOST_USER_VERSION, request,
	    sizeof(request), NULL, 0);
	expect_silence(fd);
	negotiate(fd, true);
	ck_assert_uint_ne(ask(fd, VHOST_USER_SET_CONFIG, request,
			      sizeof(request), NULL, 0),
			  0);
	end();
}
END_TEST

START_TEST(test_kick_wakes_the_guest)
{
	begin(_i);
	negotiate(fd, true);
	start_queues(fd, 0);
	session_pump();
	ck_assert(list_empty(&facts.guest->active));
	for (int i = 0; i < 3; i++) {
		eventfd_signal(kicks[1]);
		ring_wait(facts.guest->loop->ring, 1000);
		ck_assert(!list_empty(&facts.guest->active));
		list_remove(&facts.guest->active);
	}
	stop_queue(fd, 1);
	eventfd_signal(kicks[1]);
	ring_wait(facts.guest->loop->ring, 0);
	ck_assert(list_empty(&facts.guest->active));
	end();
}
END_TEST

/* The reply is the index of the next entry to take, and entries that were taken
 * have been given back. Those that were available and not taken are left to
 * whoever goes on with the queue. */
START_TEST(test_stop_gives_the_exact_index)
{
	begin(_i);
	negotiate(fd, true);
	start_queues(fd, 0);
	for (unsigned n = 0; n < 5; n++)
		take_one(1);
	show_more(1, 1); /* available, not taken */
	ck_assert_uint_eq(used_of(1)[1], 0);
	ck_assert_uint_eq(stop_queue(fd, 1), 5);
	ck_assert_uint_eq(le16toh(used_of(1)[1]), 5);
	ck_assert_uint_eq(stop_queue(fd, 0), 0);
	ck_assert(!virtq_running(&queue(1)->vq));
	ck_assert_uint_eq(stop_queue(fd, 1), 5);
	ck_assert_uint_eq(stop_queue(fd, 2), 0);
	end();
}
END_TEST

/* As QEMU does for `stop` and `cont`. */
START_TEST(test_pause_keeps_the_connections)
{
	begin(_i);
	negotiate(fd, true);
	start_queues(fd, 0);
	take_one(1);
	say_number(fd, VHOST_USER_SET_STATUS, 15);
	for (unsigned i = 0; i < 2; i++)
		say_state(fd, VHOST_USER_SET_VRING_ENABLE, i, 0);
	ck_assert_uint_eq(stop_queue(fd, 0), 0);
	ck_assert_uint_eq(stop_queue(fd, 1), 1);
	say_number(fd, VHOST_USER_SET_STATUS, 0);
	expect_silence(fd);
	ck_assert(!queue_active(queue(0)) && !queue_active(queue(1)));

	negotiate(fd, true);
	give_memory(fd);
	set_up_queue(fd, 0, 0);
	set_up_queue(fd, 1, 1);
	say_state(fd, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	say_state(fd, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	expect_silence(fd);
	ck_assert(queue_active(queue(0)) && queue_active(queue(1)));
	ck_assert_uint_eq(facts.ended, 0);
	end();
}
END_TEST

/* The base is not the index where the ring stopped: the driver began anew
 * meanwhile. */
START_TEST(test_another_index_is_another_guest)
{
	begin(_i);
	negotiate(fd, true);
	start_queues(fd, 0);
	take_one(1);
	stop_queue(fd, 0);
	stop_queue(fd, 1);
	ck_assert_uint_eq(facts.ended, 0);
	start_queues(fd, 0);
	ck_assert_uint_eq(facts.ended, 1);
	end();
}
END_TEST

START_TEST(test_status_and_resets)
{
	static const uint32_t resets[] = { VHOST_USER_RESET_DEVICE,
					   VHOST_USER_RESET_OWNER,
					   VHOST_USER_SET_STATUS };

	begin(_i);
	negotiate(fd, true);
	for (unsigned i = 0; i < ARRAY_SIZE(resets); i++) {
		uint64_t zero = 0;
		uint32_t size = resets[i] == VHOST_USER_SET_STATUS ? 8 : 0;

		start_queues(fd, 0);
		take_one(1);
		say_number(fd, VHOST_USER_SET_STATUS, 15);
		say_nothing(fd, VHOST_USER_GET_STATUS);
		ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_STATUS), 15);
		facts.ended = 0;
		ck_assert_uint_eq(ask(fd, resets[i], &zero, size, NULL, 0), 0);
		ck_assert_uint_eq(facts.ended, 1);
		ck_assert(!virtq_running(&queue(0)->vq));
		ck_assert(!virtq_running(&queue(1)->vq));
		ck_assert(!queue(0)->enabled);
		say_nothing(fd, VHOST_USER_GET_STATUS);
		ck_assert_uint_eq(hear_number(fd, VHOST_USER_GET_STATUS), 0);
		avail_of(1)[1] = 0;
	}
	end();
}
END_TEST

START_TEST(test_front_end_gone)
{
	begin(_i);
	negotiate(fd, true);
	start_queues(fd, 0);
	fd_close(&fd);
	session_pump();
	ck_assert_uint_eq(facts.ended, 1);
	ck_assert(!virtq_running(&queue(0)->vq));
	ck_assert_ptr_null(facts.guest->session.memory);
	ck_assert_uint_eq(facts.guest->session.features, 0);
	ck_assert_uint_eq(facts.guest->session.protocol_features, 0);
	fd = session_connect();
	negotiate(fd, true);
	start_queues(fd, 5);
	ck_assert(queue_active(queue(0)) && queue_active(queue(1)));
	ck_assert_uint_eq(facts.ended, 1);
	end();
}
END_TEST

#define LOOP(test) tcase_add_loop_test(tcase, test, 0, ENGINES_TESTED)

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tcase = tcase_create("session");

	tcase_set_timeout(tcase, 30);
	LOOP(test_offers);
	LOOP(test_config_is_the_cid);
	LOOP(test_config_is_read_only);
	LOOP(test_kick_wakes_the_guest);
	LOOP(test_stop_gives_the_exact_index);
	LOOP(test_pause_keeps_the_connections);
	LOOP(test_another_index_is_another_guest);
	LOOP(test_status_and_resets);
	LOOP(test_front_end_gone);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
