/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A queue's set-up, its eventfds, and its kicks. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>

#include "base/check.h"
#include "base/fd.h"
#include "guest/queue.h"
#include "ring/ring.h"
#include "suite.h"

#define USER 0x10000u
#define EVENT_IDX (1ull << 29)
#define NOTIFY_ON_EMPTY (1ull << 24)

static struct guest_queue q;
static struct memory *memory;
static uint8_t *ram;
static const char *why;

static void set_up(void)
{
	struct memory_region region = { 0, 0x10000, USER, 0 };
	int fd = memfd_create("ram", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, 0x10000), 0);
	ram = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert(ram != MAP_FAILED);
	memory = memory_new(&region, &fd, 1, &why);
	ck_assert_ptr_nonnull(memory);
	close(fd);
	queue_init(&q, (struct chain_rule){ CHAIN_ANY, 0 });
	why = NULL;
}

static void tear_down(void)
{
	queue_free(&q);
	memory_put(memory);
	munmap(ram, 0x10000);
}

/* Sets all that is needed: a queue that is polled needs no kick. */
static void configure(void)
{
	ck_assert_int_eq(queue_set_size(&q, 16, 1024, &why), 0);
	ck_assert_int_eq(queue_set_addresses(&q, USER, USER + 0x1000,
					     USER + 0x2000, &why),
			 0);
	q.polled = true;
}

static const struct {
	uint32_t size;
	uint32_t max;
	int result;
} sizes[] = {
	{ 0, 1024, -EINVAL },
	{ 1, 1024, 0 },
	{ 2, 1024, 0 },
	{ 3, 1024, -EINVAL },
	{ 1024, 1024, 0 },
	{ 127, 1024, -EINVAL },
	{ 2048, 1024, -EINVAL },
	{ 32768, 32768, 0 },
	{ 65536, 65535, -EINVAL },
	{ 1u << 31, 32768, -EINVAL },
};

START_TEST(test_sizes)
{
	ck_assert_int_eq(queue_set_size(&q, sizes[_i].size, sizes[_i].max,
					&why),
			 sizes[_i].result);
	ck_assert_int_eq(q.has_size, !sizes[_i].result);
	ck_assert_uint_eq(q.setup.size, sizes[_i].result ? 0 : sizes[_i].size);
	ck_assert_int_eq(!why, !sizes[_i].result);
}
END_TEST

START_TEST(test_needs_size_addresses_and_a_kick)
{
	ck_assert(!queue_configured(&q));
	configure();
	ck_assert(queue_configured(&q));
	q.polled = false;
	ck_assert(!queue_configured(&q));
	q.polled = true;
	q.has_size = false;
	ck_assert(!queue_configured(&q));
	q.has_size = true;
	q.has_addr = false;
	ck_assert(!queue_configured(&q));
}
END_TEST

START_TEST(test_starts_with_the_features)
{
	configure();
	ck_assert_int_eq(queue_start(&q, memory, EVENT_IDX, &why), 0);
	ck_assert(q.vq.setup.event_idx && !q.vq.setup.notify_on_empty);
	ck_assert(!queue_active(&q));
	q.enabled = true;
	ck_assert(queue_active(&q));
	virtq_break(&q.vq, "test");
	ck_assert(!queue_active(&q));
	queue_stop(&q);
	ck_assert_int_eq(queue_start(&q, memory, NOTIFY_ON_EMPTY, &why), 0);
	ck_assert(!q.vq.setup.event_idx && q.vq.setup.notify_on_empty);
	ck_assert(queue_active(&q));
}
END_TEST

START_TEST(test_waits_for_its_memory)
{
	configure();
	q.setup.used = USER + 0x20000;
	ck_assert_int_eq(queue_start(&q, memory, 0, &why), -EFAULT);
	ck_assert_ptr_nonnull(why);
	ck_assert(!virtq_running(&q.vq));
	q.setup.used = USER + 0x2000;
	ck_assert_int_eq(queue_start(&q, memory, 0, &why), 0);
}
END_TEST

/*
 * The index at which a queue starts and the one at which it stopped. Only a
 * difference shows that another driver starts it, or the same one after a boot.
 */
START_TEST(test_moved)
{
	configure();
	ck_assert(!queue_moved(&q));
	ck_assert_int_eq(queue_set_base(&q, 65535, &why), 0);
	ck_assert(!queue_moved(&q));
	ck_assert_int_eq(queue_start(&q, memory, 0, &why), 0);
	ck_assert(!queue_moved(&q));
	queue_stop(&q);
	queue_stop(&q);
	ck_assert(!queue_moved(&q));
	ck_assert_int_eq(queue_set_base(&q, 0, &why), 0);
	ck_assert(queue_moved(&q));
	ck_assert_int_eq(queue_set_base(&q, 65536, &why), -EINVAL);
	ck_assert_int_eq(queue_set_base(&q, 65535, &why), 0);
	ck_assert(!queue_moved(&q));
	queue_reset(&q);
	ck_assert(!queue_moved(&q) && !queue_configured(&q));
	ck_assert_uint_eq(q.setup.base, 0);
}
END_TEST

START_TEST(test_call)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t n;

	queue_set_call(&q, dup(fd));
	ck_assert(read(fd, &n, 8) < 0);
	queue_call(&q);
	queue_call(&q);
	ck_assert_int_eq((int)read(fd, &n, 8), 8);
	ck_assert_uint_eq(n, 2);
	queue_set_call(&q, -1);
	queue_call(&q);
	ck_assert(read(fd, &n, 8) < 0);
	/* A call that was due meanwhile is made up for, once. */
	queue_set_call(&q, dup(fd));
	queue_set_call(&q, dup(fd));
	ck_assert_int_eq((int)read(fd, &n, 8), 8);
	ck_assert_uint_eq(n, 1);
	close(fd);
}
END_TEST

START_TEST(test_error_is_told_once_a_start)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	uint64_t n;

	configure();
	queue_set_err(&q, dup(fd));
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(queue_start(&q, memory, 0, &why), 0);
		queue_tell_error(&q);
		queue_tell_error(&q);
		ck_assert_int_eq((int)read(fd, &n, 8), 8);
		ck_assert_uint_eq(n, 1);
		queue_stop(&q);
	}
	close(fd);
}
END_TEST

/* A hang here is the failure: the test has a deadline. */
START_TEST(test_call_never_waits)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_CLOEXEC);

	ck_assert_int_eq((int)write(fd, &full, 8), 8);
	queue_set_call(&q, dup(fd));
	queue_call(&q);
	ck_assert_msg(!(fcntl(fd, F_GETFL) & O_NONBLOCK),
		      "the front end's own reads were changed");
	close(fd);
}
END_TEST

static unsigned kicked_times;

static void kicked(struct ring_watch *watch, int what)
{
	(void)what;
	ck_assert_ptr_eq(queue_kick_owner(watch), &kicked_times);
	kicked_times++;
}

/* Several rounds, as an engine may need more than one to report a kick. */
static unsigned count_kicks(struct ring *ring)
{
	kicked_times = 0;
	for (unsigned i = 0; i < 5; i++)
		ring_wait(ring, 0);
	return kicked_times;
}

START_TEST(test_kicks)
{
	static const char *const engines[] = { "epoll", "io_uring" };
	struct ring *ring = ring_open(engines[_i], &why);
	int fd, next;

	if (!ring)
		return; /* no io_uring here, which test_ring reports */
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	next = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(queue_set_kick(&q, ring, dup(fd), kicked,
					&kicked_times, &why),
			 0);
	ck_assert_uint_eq(count_kicks(ring), 0);
	eventfd_signal(fd);
	ck_assert_uint_eq(count_kicks(ring), 1);
	ck_assert_uint_eq(count_kicks(ring), 0);
	eventfd_signal(fd);
	ck_assert_uint_eq(count_kicks(ring), 1);

	ck_assert_int_eq(queue_set_kick(&q, ring, dup(next), kicked,
					&kicked_times, &why),
			 0);
	eventfd_signal(fd);
	ck_assert_uint_eq(count_kicks(ring), 0);
	eventfd_signal(next);
	ck_assert_uint_eq(count_kicks(ring), 1);
	queue_drop_kick(&q, ring);
	queue_drop_kick(&q, ring);
	eventfd_signal(next);
	ck_assert_uint_eq(count_kicks(ring), 0);
	queue_drop_kick(&q, ring);
	ck_assert_ptr_null(q.kicks_past);
	ring_close(ring);
	close(fd);
	close(next);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("queues");
	TCase *tcase = tcase_create("queues");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_sizes, 0, ARRAY_SIZE(sizes));
	tcase_add_test(tcase, test_needs_size_addresses_and_a_kick);
	tcase_add_test(tcase, test_starts_with_the_features);
	tcase_add_test(tcase, test_waits_for_its_memory);
	tcase_add_test(tcase, test_moved);
	tcase_add_test(tcase, test_call);
	tcase_add_test(tcase, test_error_is_told_once_a_start);
	tcase_add_test(tcase, test_call_never_waits);
	tcase_add_loop_test(tcase, test_kicks, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
