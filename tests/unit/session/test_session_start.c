/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* When a queue starts, and what enables it. Both engines. */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "session/device.h"
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
	session_close();
}

START_TEST(test_starts_without_a_kick)
{
	begin(_i);
	negotiate(fd, true);
	give_memory(fd);
	set_up_queue(fd, 0, 7);
	ck_assert(virtq_running(&queue(0)->vq));
	ck_assert(!queue_active(queue(0)));
	session_pump();
	ck_assert(list_empty(&facts.guest->active));
	say_state(fd, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	session_pump();
	ck_assert(queue_active(queue(0)));
	ck_assert_uint_eq(queue(0)->vq.next_avail, 7);
	ck_assert(queue(0)->setup.event_idx);
	ck_assert(queue(0)->setup.notify_on_empty);
	ck_assert(!queue(0)->polled);
	show_more(0, 7);
	take_one(0);
	say_state(fd, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	session_pump();
	ck_assert(!queue_active(queue(0)));
	ck_assert_uint_eq(le16toh(used_of(0)[1]), 1);
	end();
}
END_TEST

/* As QEMU kicks when its machine has no memory that can be shared. */
START_TEST(test_kicks_without_memory_are_warned_of)
{
	const uint64_t one = 1;

	begin(_i);
	negotiate(fd, true);
	set_up_queue(fd, 1, 0);
	ck_assert(!facts.guest->session.memory_missed);
	ck_assert_int_eq((int)write(kicks[1], &one, sizeof(one)), 8);
	session_pump();
	ck_assert(facts.guest->session.memory_missed);
	fd_close(&fd);
	session_pump();
	ck_assert(!facts.guest->session.memory_missed);
	end();
}
END_TEST

/* Kicks the TX queue, and lets a second pass if the device waits for one. */
static void kick_and_doubt(void)
{
	const uint64_t one = 1;
	struct timer *timer;

	ck_assert_int_eq((int)write(kicks[1], &one, sizeof(one)), 8);
	session_pump();
	timer = timer_take_due(&facts.guest->loop->doubting, UINT64_MAX - 1);
	if (timer)
		device_doubt(container_of(timer, struct guest, session.doubt));
}

/* As with QEMU's share=off: the guest's pages are not ours, which stay as they
 * were however often it kicks. */
START_TEST(test_memory_that_is_private_is_warned_of_once)
{
	begin(_i);
	negotiate(fd, true);
	start_queues(fd, 0);
	ck_assert(!facts.guest->session.memory_missed);
	kick_and_doubt();
	ck_assert(facts.guest->session.memory_missed);
	kick_and_doubt();
	ck_assert(!timer_armed(&facts.guest->session.doubt));
	fd_close(&fd);
	session_pump();
	ck_assert(!facts.guest->session.memory_missed);
	end();
}
END_TEST

/* Front ends kick when they start, and drivers fill the ring a moment later. A
 * driver that was seen may kick for nothing. */
START_TEST(test_memory_that_is_shared_is_not_warned_of)
{
	const uint64_t one = 1;

	begin(_i);
	negotiate(fd, true);
	start_queues(fd, 0);
	ck_assert_int_eq((int)write(kicks[1], &one, sizeof(one)), 8);
	session_pump();
	ck_assert(timer_armed(&facts.guest->session.doubt));
	avail_of(0)[1] = htole16(1);
	kick_and_doubt();
	ck_assert(!facts.guest->session.memory_missed);
	avail_of(0)[1] = 0;
	kick_and_doubt();
	ck_assert(!facts.guest->session.memory_missed);
	end();
}
END_TEST

/* vhost-user: a front end without that bit has no way to enable a ring. */
START_TEST(test_enabled_at_once_without_protocol_features)
{
	begin(_i);
	negotiate(fd, false);
	give_memory(fd);
	set_up_queue(fd, 1, 0);
	ck_assert(queue_active(queue(1)));
	end();
}
END_TEST

/* NO_FD drops the kick, and starts a queue as a kick's descriptor does. */
START_TEST(test_polling)
{
	begin(_i);
	negotiate(fd, true);
	start_queues(fd, 0);
	give_kick(fd, 1, -1);
	give_call(fd, 1, -1);
	expect_silence(fd);
	ck_assert(queue(1)->polled);
	ck_assert(queue_active(queue(1)));
	ck_assert_int_eq(queue(1)->call_fd, -1);
	give_kick(fd, 1, kicks[1]);
	expect_silence(fd);
	ck_assert(!queue(1)->polled);
	give_kick(fd, 1, -1);
	stop_queue(fd, 1);
	say_state(fd, VHOST_USER_SET_VRING_BASE, 1, 0);
	expect_silence(fd);
	ck_assert(!virtq_running(&queue(1)->vq));
	give_kick(fd, 1, -1);
	expect_silence(fd);
	ck_assert(queue_active(queue(1)) && queue(1)->polled);
	end();
}
END_TEST

/* Features may come twice, and before or after the queues are enabled. */
START_TEST(test_who_enables)
{
	const uint64_t without = BIT(32), with = BIT(32) | BIT(30);

	begin(_i);
	say_number(fd, VHOST_USER_SET_FEATURES, without);
	say_number(fd, VHOST_USER_SET_FEATURES, with);
	give_memory(fd);
	set_up_queue(fd, 0, 0);
	ck_assert(!queue_active(queue(0)));
	say_state(fd, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	say_number(fd, VHOST_USER_SET_FEATURES, with);
	expect_silence(fd);
	ck_assert(queue_active(queue(0)));
	say_number(fd, VHOST_USER_SET_FEATURES, without);
	say_number(fd, VHOST_USER_SET_FEATURES, with);
	expect_silence(fd);
	ck_assert(queue_active(queue(0)));
	fd_close(&fd);
	fd = session_connect();
	say_state(fd, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	say_number(fd, VHOST_USER_SET_FEATURES, with);
	give_memory(fd);
	set_up_queue(fd, 1, 0);
	ck_assert(queue_active(queue(1)));
	end();
}
END_TEST

START_TEST(test_reset_without_protocol_features)
{
	begin(_i);
	negotiate(fd, false);
	give_memory(fd);
	set_up_queue(fd, 1, 0);
	say_nothing(fd, VHOST_USER_RESET_DEVICE);
	expect_silence(fd);
	ck_assert(!queue_active(queue(1)));
	set_up_queue(fd, 1, 0);
	ck_assert(queue_active(queue(1)));
	end();
}
END_TEST

/* The steps of a queue's set-up, in the order that ORDER (0 to 719) names. */
static void set_up_in_order(unsigned order)
{
	unsigned left = 6, digit, pick, i;
	bool done[6] = { false };

	for (; left; left--) {
		digit = order % left;
		order /= left;
		for (pick = 0, i = 0; done[pick] || i++ < digit; pick++)
			;
		done[pick] = true;
		if (pick == 0)
			say_state(fd, VHOST_USER_SET_VRING_NUM, 1, SIZE);
		else if (pick == 1)
			say_state(fd, VHOST_USER_SET_VRING_BASE, 1, 9);
		else if (pick == 2)
			give_addresses(fd, 1);
		else if (pick == 3)
			give_memory(fd);
		else if (pick == 4)
			give_kick(fd, 1, kicks[1]);
		else
			say_state(fd, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	}
}

START_TEST(test_any_order)
{
	begin(_i);
	kicks[1] = eventfd(0, EFD_CLOEXEC);
	for (unsigned order = 0; order < 720; order++) {
		say_number(fd, VHOST_USER_SET_FEATURES, BIT(32) | BIT(30));
		set_up_in_order(order);
		expect_silence(fd);
		ck_assert_msg(queue_active(queue(1)), "order %u", order);
		ck_assert_uint_eq(queue(1)->vq.next_avail, 9);
		close(fd);
		session_pump();
		ck_assert(!queue_active(queue(1)));
		fd = session_connect();
	}
	end();
}
END_TEST

#define LOOP(test) tcase_add_loop_test(tcase, test, 0, ENGINES_TESTED)

int main(void)
{
	Suite *suite = suite_create("session_start");
	TCase *tcase = tcase_create("session_start");

	tcase_set_timeout(tcase, 30);
	LOOP(test_starts_without_a_kick);
	LOOP(test_kicks_without_memory_are_warned_of);
	LOOP(test_memory_that_is_private_is_warned_of_once);
	LOOP(test_memory_that_is_shared_is_not_warned_of);
	LOOP(test_enabled_at_once_without_protocol_features);
	LOOP(test_polling);
	LOOP(test_who_enables);
	LOOP(test_reset_without_protocol_features);
	LOOP(test_any_order);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
