/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Memory and rings that change while the device runs. Both engines. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"
#include "suite.h"
#include "unit/session/session_fixture.h"
#include "virtq/memory.h"

static int fd = -1;

static struct guest_queue *queue(void)
{
	return &facts.guest->queue[1];
}

/* Queue 1 runs at index 7 and has taken nothing. */
static void begin(int engine)
{
	session_open(engine);
	fd = session_connect();
	negotiate(fd, true);
	give_memory(fd);
	set_up_queue(fd, 1, 7);
	say_state(fd, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	expect_silence(fd);
}

static void end(void)
{
	close(fd);
	session_close();
}

/* Queue 1 runs at INDEX in the new map, and no connection was ended for that. */
static void expect_running_at(uint16_t index)
{
	expect_silence(fd);
	ck_assert(queue_active(queue()));
	ck_assert_uint_eq(queue()->vq.next_avail, index);
	ck_assert_uint_eq(facts.ended, 0);
	ck_assert_ptr_eq(queue()->vq.memory, facts.guest->session.memory);
}

static void expect_running(void)
{
	expect_running_at(7);
}

static uint64_t region_request(uint32_t request, uint64_t guest_addr,
			       uint64_t size, uint64_t user_addr, bool with_fd)
{
	struct vhost_user_mem_region r = {
		.region = { guest_addr, size, user_addr, 0 },
	};

	return ask(fd, request, &r, sizeof(r), &ram_fd, with_fd);
}

START_TEST(test_table_replaced_while_the_ring_runs)
{
	const uint16_t *used;
	uint16_t i;

	begin(_i);
	show_more(1, 7);
	/* Entries that were given back are published before the map goes. */
	for (i = 1; i <= 50; i++) {
		take_one(1);
		give_memory(fd);
		expect_running_at(7 + i);
		ck_assert_uint_eq(le16toh(used_of(1)[1]), i);
	}
	/* The device writes to the new mapping. */
	used = used_of(1);
	virtq_kicks_on(&queue()->vq);
	ck_assert_uint_eq(le16toh(used[2 + 4 * SIZE]), 57);
	end();
}
END_TEST

/* A table that ends where the rings of queue 1 begin. */
START_TEST(test_ring_waits_while_a_table_lacks_it)
{
	struct vhost_user_mem_table table = {
		.nregions = 1,
		.regions = { { 0, 0x10000, RAM_USER, 0 } },
	};

	begin(_i);
	ck_assert_uint_eq(
		ask(fd, VHOST_USER_SET_MEM_TABLE, &table, 40, &ram_fd, 1), 0);
	ck_assert(!virtq_running(&queue()->vq));
	ck_assert_uint_eq(queue()->setup.base, 7);
	give_memory(fd);
	expect_running();
	end();
}
END_TEST

START_TEST(test_region_removed_and_added)
{
	begin(_i);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(region_request(VHOST_USER_REM_MEM_REG, 0,
						 RAM_SIZE, RAM_USER, i == 1),
				  0);
		ck_assert(!virtq_running(&queue()->vq));
		ck_assert_uint_eq(region_request(VHOST_USER_ADD_MEM_REG, 0,
						 RAM_SIZE, RAM_USER, true),
				  0);
		expect_running();
	}
	end();
}
END_TEST

/* The guest's own memory has one slot: the last of these is one too many. */
START_TEST(test_as_many_regions_as_promised)
{
	uint64_t slots;

	begin(_i);
	say_nothing(fd, VHOST_USER_GET_MAX_MEM_SLOTS);
	slots = hear_number(fd, VHOST_USER_GET_MAX_MEM_SLOTS);
	for (uint64_t i = 1; i <= slots; i++)
		ck_assert_uint_eq(region_request(VHOST_USER_ADD_MEM_REG,
						 i * RAM_SIZE, 4096,
						 i * RAM_SIZE, true),
				  i == slots);
	expect_running();
	for (uint64_t i = 1; i < slots; i++)
		ck_assert_uint_eq(region_request(VHOST_USER_REM_MEM_REG,
						 i * RAM_SIZE, 4096,
						 i * RAM_SIZE, false),
				  0);
	expect_running();
	end();
}
END_TEST

/* Only features that change a ring restart it, at the index where it was. */
START_TEST(test_features_while_the_ring_runs)
{
	const uint64_t event_idx = 1ull << 29;
	const uint64_t rest = 1ull << 32 | 1ull << 30 | 1ull << 28 | 1ull << 24;

	begin(_i);
	ck_assert(queue()->vq.setup.event_idx);
	say_number(fd, VHOST_USER_SET_FEATURES, rest);
	expect_running();
	ck_assert(!queue()->vq.setup.event_idx);
	say_number(fd, VHOST_USER_SET_FEATURES, rest | event_idx);
	expect_running();
	ck_assert(queue()->vq.setup.event_idx);
	virtq_break(&queue()->vq, "test");
	say_number(fd, VHOST_USER_SET_FEATURES, rest | event_idx);
	expect_silence(fd);
	ck_assert_ptr_nonnull(virtq_broken(&queue()->vq));
	end();
}
END_TEST

START_TEST(test_broken_until_set_up_anew)
{
	begin(_i);
	virtq_break(&queue()->vq, "test");
	give_memory(fd);
	say_state(fd, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	give_call(fd, 1, calls[1]);
	expect_silence(fd);
	ck_assert(!queue_active(queue()));
	set_up_queue(fd, 1, 7);
	expect_running();
	ck_assert_ptr_null(virtq_broken(&queue()->vq));
	end();
}
END_TEST

/* Front ends that set the address or the size of a ring that runs. */
START_TEST(test_ring_moves_while_it_runs)
{
	begin(_i);
	give_addresses(fd, 2);
	give_addresses(fd, 1);
	expect_running();
	say_state(fd, VHOST_USER_SET_VRING_NUM, 1, SIZE / 2);
	expect_running();
	ck_assert_uint_eq(queue()->vq.setup.size, SIZE / 2);
	say_state(fd, VHOST_USER_SET_VRING_BASE, 1, 8);
	expect_silence(fd);
	ck_assert_uint_eq(queue()->vq.next_avail, 8);
	ck_assert_uint_eq(facts.ended, 1);
	end();
}
END_TEST

#define LOOP(test) tcase_add_loop_test(tcase, test, 0, ENGINES_TESTED)

int main(void)
{
	Suite *suite = suite_create("session_memory");
	TCase *tcase = tcase_create("session_memory");

	tcase_set_timeout(tcase, 30);
	LOOP(test_table_replaced_while_the_ring_runs);
	LOOP(test_ring_waits_while_a_table_lacks_it);
	LOOP(test_region_removed_and_added);
	LOOP(test_as_many_regions_as_promised);
	LOOP(test_features_while_the_ring_runs);
	LOOP(test_broken_until_set_up_anew);
	LOOP(test_ring_moves_while_it_runs);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
