/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Calls and kicks: when each is asked for, and that none is ever lost. */
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include "base/check.h"
#include "suite.h"
#include "unit/virtq/queue_fixture.h"
#include "virtq/virtq.h"

/* By definition: was element EVENT among those from OLD up to NEW? */
static bool among(uint16_t event, uint16_t old, uint16_t new)
{
	for (; old != new; old++)
		if (old == event)
			return true;
	return false;
}

/* Calls with EVENT_IDX, random batches and events, several times around. */
START_TEST(calls_by_event_index)
{
	unsigned called = 0;

	start(256, (uint16_t)(_i * 7919), true);
	one();
	srand((unsigned)_i);
	for (unsigned i = 0; i < 3000; i++) {
		unsigned batch = 1 + (unsigned)rand() % 256;
		uint16_t old = ring_used_index(&driver);
		uint16_t event = (uint16_t)(old + rand() % 600 - 300);
		bool call;

		ring_set_used_event(&driver, event);
		for (unsigned k = 0; k < batch; k++)
			ring_add(&driver, (uint16_t)k);
		for (unsigned k = 0; k < batch; k++) {
			ck_assert_int_eq(take(), 1);
			virtq_give(&q, &chain, 0);
		}
		call = virtq_publish(&q);
		ck_assert_int_eq(call,
				 among(event, old, (uint16_t)(old + batch)));
		ck_assert(!virtq_publish(&q));
		called += call;
	}
	ck_assert_uint_gt(called, 100);
	ck_assert_uint_lt(called, 2900);
}
END_TEST

/* One more than was asked for, and the whole ring at once. */
static const struct {
	uint16_t event; /* relative to the used index */
	uint16_t batch;
	bool call;
} edges[] = {
	{ 0, 1, true },		 { 1, 1, false },	  { 65535, 1, false },
	{ 7, 8, true },		 { 8, 8, false },	  { 65535, 8, false },
	{ 32767, 32768, true },	 { 32768, 32768, false }, { 0, 32768, true },
	{ 65535, 32768, false },
};

START_TEST(event_index_edges)
{
	uint16_t base = 65530;

	start(32768, base, true);
	one();
	ring_set_used_event(&driver, (uint16_t)(base + 1 + edges[_i].event));
	for (unsigned k = 0; k < edges[_i].batch; k++)
		ring_add(&driver, (uint16_t)k);
	for (unsigned k = 0; k < edges[_i].batch; k++) {
		ck_assert_int_eq(take(), 1);
		virtq_give(&q, &chain, 0);
	}
	ck_assert_int_eq(virtq_publish(&q), edges[_i].call);
}
END_TEST

/* What was signalled before a start is unknown: the first publish calls. */
START_TEST(first_publish_calls)
{
	start(8, 0, true);
	ring_set_used_event(&driver, 1000);
	ck_assert(!virtq_publish(&q));
	ck_assert(one());
	ck_assert(!one());
	start(8, 0, false);
	ring_set_avail_flags(&driver, VRING_AVAIL_F_NO_INTERRUPT);
	ck_assert(one());
	ck_assert(!one());
}
END_TEST

START_TEST(calls_by_flags)
{
	start(8, 0, false);
	one();
	ck_assert(one());
	ring_set_used_event(&driver, 1000); /* means nothing here */
	ck_assert(one());
	ring_set_avail_flags(&driver, VRING_AVAIL_F_NO_INTERRUPT);
	ck_assert(!one());
	ring_set_avail_flags(&driver, 0xfffe);
	ck_assert(one());
}
END_TEST

/* With EVENT_IDX the flag is ignored (virtio 1.3, 2.7.7.2). */
START_TEST(event_index_overrides_flags)
{
	start(8, 0, true);
	one();
	ring_set_avail_flags(&driver, VRING_AVAIL_F_NO_INTERRUPT);
	ring_set_used_event(&driver, 1);
	ck_assert(one());
}
END_TEST

START_TEST(notify_on_empty)
{
	ring_init(&driver, &guest, 8, 0, _i);
	driver.setup.notify_on_empty = true;
	ring_desc(&driver, 0, BUF, 4, 0, 0);
	ring_set_avail_flags(&driver, VRING_AVAIL_F_NO_INTERRUPT);
	ring_set_used_event(&driver, 1000);
	ck_assert_int_eq(virtq_start(&q, &driver.setup, guest.memory, &why), 0);
	one();
	ck_assert(one());
	ring_add(&driver, 0);
	ck_assert(!one()); /* one is left */
	ring_add(&driver, 0);
	ck_assert_int_eq(take(), 1);
	virtq_give(&q, &chain, 0);
	ck_assert_int_eq(take(), 1);
	ck_assert(!virtq_publish(&q)); /* one is in flight */
	virtq_give(&q, &chain, 0);
	ck_assert(virtq_publish(&q));
}
END_TEST

/* What the driver decides about a kick after it went from OLD to its index. */
static bool would_kick(uint16_t old)
{
	if (!driver.setup.event_idx)
		return !(ring_used_flags(&driver) & VRING_USED_F_NO_NOTIFY);
	return among(ring_avail_event(&driver), old, driver.next_avail);
}

static bool add_kicks(unsigned n)
{
	uint16_t old = driver.next_avail;

	for (unsigned i = 0; i < n; i++)
		ring_add(&driver, 0);
	return would_kick(old);
}

static void drain(void)
{
	while (take() == 1)
		virtq_give(&q, &chain, 0);
	virtq_publish(&q);
}

/* _i: EVENT_IDX. The first entry after a start kicks whatever was there. */
START_TEST(kicks)
{
	start(8, 65534, _i);
	ck_assert(add_kicks(1));
	for (unsigned round = 0; round < 5; round++) {
		virtq_kicks_off(&q);
		drain();
		ck_assert(!add_kicks(2));
		ck_assert(virtq_kicks_on(&q)); /* they came meanwhile */
		ck_assert(virtq_kicks_on(&q));
		drain();
		ck_assert(!virtq_kicks_on(&q));
		ck_assert(add_kicks(1 + round));
	}
}
END_TEST

START_TEST(kicks_on_finds_a_broken_ring)
{
	start(8, 0, _i);
	ring_set_avail_index(&driver, 9);
	ck_assert(!virtq_kicks_on(&q));
	ck_assert_ptr_nonnull(virtq_broken(&q));
}
END_TEST

/*
 * A driver and a device on two threads that sleep whenever they may. A wake-up
 * that is lost ends in poll()'s timeout.
 */
#define ENTRIES 20000
#define SLEEP_MS 10000

static int kick_fd;
static int call_fd;
static _Atomic bool slept_too_long;

static void wait_for(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t value;

	if (poll(&p, 1, SLEEP_MS) != 1)
		slept_too_long = true;
	else if (read(fd, &value, sizeof(value)) < 0)
		abort();
}

static void wake(int fd)
{
	uint64_t value = 1;

	if (write(fd, &value, sizeof(value)) < 0)
		abort();
}

/* The driver's half of the protocol: ask, then look once more, then sleep. */
static void driver_sleep(void)
{
	if (driver.setup.event_idx)
		ring_set_used_event(&driver, driver.last_used);
	else
		ring_set_avail_flags(&driver, 0);
	if (ring_used_index(&driver) == driver.last_used)
		wait_for(call_fd);
	if (!driver.setup.event_idx)
		ring_set_avail_flags(&driver, VRING_AVAIL_F_NO_INTERRUPT);
}

/* At most three entries at a time and a ring of four: both sides run out of
 * work all the while, which is when a wake-up can be lost. */
static void *play_driver(void *unused)
{
	unsigned added = 0;
	unsigned back = 0;
	uint32_t head;
	uint32_t len;

	(void)unused;
	while (back < ENTRIES && !slept_too_long) {
		uint16_t old = driver.next_avail;

		while (added < ENTRIES && added - back < driver.setup.size &&
		       (uint16_t)(driver.next_avail - old) < 3) {
			ring_add(&driver,
				 (uint16_t)(added % driver.setup.size));
			added++;
		}
		if (old != driver.next_avail && would_kick(old))
			wake(kick_fd);
		while (ring_used(&driver, &head, &len))
			back++;
		if (added - back == driver.setup.size ||
		    (added == ENTRIES && back < ENTRIES))
			driver_sleep();
	}
	return NULL;
}

static void device(void)
{
	unsigned served = 0;

	while (served < ENTRIES && !slept_too_long && !virtq_broken(&q)) {
		virtq_kicks_off(&q);
		while (take() == 1) {
			virtq_give(&q, &chain, 0);
			served++;
			if (served % 3 == 0 && virtq_publish(&q))
				wake(call_fd);
		}
		if (virtq_publish(&q))
			wake(call_fd);
		if (served < ENTRIES && !virtq_kicks_on(&q))
			wait_for(kick_fd);
	}
}

START_TEST(no_wake_up_is_lost)
{
	pthread_t thread;

	kick_fd = eventfd(0, EFD_CLOEXEC);
	call_fd = eventfd(0, EFD_CLOEXEC);
	start(4, 65000, _i);
	ck_assert_int_eq(pthread_create(&thread, NULL, play_driver, NULL), 0);
	device();
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_msg(!virtq_broken(&q), "%s", virtq_broken(&q));
	ck_assert(!slept_too_long);
	ck_assert_uint_eq(virtq_stop(&q), (uint16_t)(65000 + ENTRIES));
	close(kick_fd);
	close(call_fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("virtq_notify");
	TCase *c = tcase_create("virtq_notify");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_loop_test(c, calls_by_event_index, 0, 4);
	tcase_add_loop_test(c, event_index_edges, 0, ARRAY_SIZE(edges));
	tcase_add_test(c, first_publish_calls);
	tcase_add_test(c, calls_by_flags);
	tcase_add_test(c, event_index_overrides_flags);
	tcase_add_loop_test(c, notify_on_empty, 0, 2);
	tcase_add_loop_test(c, kicks, 0, 2);
	tcase_add_loop_test(c, kicks_on_finds_a_broken_ring, 0, 2);
	tcase_add_loop_test(c, no_wake_up_is_lost, 0, 2);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
