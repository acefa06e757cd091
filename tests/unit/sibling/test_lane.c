/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A lane's bytes come out as they went in, and neither side waits for ever. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "sibling/lane.h"
#include "suite.h"
#include "turn/bell.h"

static struct lane *lane;

static void set_up(void)
{
	lane = lane_new();
	ck_assert_ptr_nonnull(lane);
}

static void tear_down(void)
{
	lane_free(lane);
}

static size_t waiting(void)
{
	size_t size;

	lane_peek(lane, &size);
	return size;
}

START_TEST(seen_when_published)
{
	ck_assert(!lane_publish(lane));
	memcpy(lane_reserve(lane, 16), "sixteen bytes...", 16);
	ck_assert_uint_eq(waiting(), 0);
	lane_commit(lane, 16);
	ck_assert_uint_eq(waiting(), 0);
	ck_assert(lane_publish(lane));
	ck_assert(!lane_publish(lane));
	ck_assert_uint_eq(waiting(), 16);
	ck_assert(!lane_read(lane, 16, 1));
	ck_assert_uint_eq(waiting(), 0);
}
END_TEST

/* Some of what was reserved is taken back. */
START_TEST(only_what_is_committed_counts)
{
	memset(lane_reserve(lane, 64), 'x', 64);
	lane_commit(lane, 8);
	memset(lane_reserve(lane, 8), 'y', 8);
	lane_commit(lane, 8);
	ck_assert(lane_publish(lane));
	ck_assert_uint_eq(waiting(), 16);
}
END_TEST

START_TEST(a_full_one_says_when_there_is_room)
{
	ck_assert_ptr_nonnull(lane_reserve(lane, LANE_BYTES));
	lane_commit(lane, LANE_BYTES);
	lane_publish(lane);
	ck_assert_ptr_null(lane_reserve(lane, 8));
	ck_assert(lane_read(lane, 8, 0));
	ck_assert(!lane_read(lane, 8, 0));
	ck_assert_ptr_nonnull(lane_reserve(lane, 16));
	ck_assert_ptr_null(lane_reserve(lane, 24));
	ck_assert(lane_read(lane, LANE_BYTES - 16, 1));
	ck_assert_ptr_nonnull(lane_reserve(lane, LANE_BYTES));
}
END_TEST

/* A message that crosses the end of the memory lies in one piece. */
START_TEST(pieces_wrap_around)
{
	uint64_t seed = 1;
	size_t size;

	for (unsigned i = 0; i < 2000; i++) {
		size_t len = (1 + suite_random(&seed) % 8000) * 8;

		memset(lane_reserve(lane, len), (int)(i & 0xff), len);
		lane_commit(lane, len);
		ck_assert(lane_publish(lane));
		const uint8_t *at = lane_peek(lane, &size);

		ck_assert_uint_eq(size, len);
		ck_assert_uint_eq(at[0], i & 0xff);
		ck_assert_int_eq(memcmp(at, at + 1, len - 1), 0);
		lane_read(lane, len, 1);
	}
}
END_TEST

/* Many small messages fill a lane while its memory is hardly used: the writer
 * waits, and the reader is told so. */
START_TEST(so_many_messages_fill_one)
{
	unsigned n = 0;

	while (lane_reserve(lane, 8)) {
		lane_commit(lane, 8);
		n++;
	}
	ck_assert_uint_eq(n, LANE_MESSAGES);
	lane_publish(lane);
	ck_assert_uint_eq(waiting(), 8 * LANE_MESSAGES);
	ck_assert(lane_read(lane, 16, 2));
	ck_assert_ptr_nonnull(lane_reserve(lane, 8));
	lane_commit(lane, 8);
	ck_assert_ptr_nonnull(lane_reserve(lane, 8));
	lane_commit(lane, 8);
	ck_assert_ptr_null(lane_reserve(lane, 8));
}
END_TEST

#define NUMBERS 2000000u
#define FIRST (1ull << 63) /* marks a message's first number */

static struct bell to_reader, to_writer;

static void sleep_on(struct bell *bell)
{
	uint64_t rung;

	while (!bell_answer(bell)) {
		if (bell_sleep(bell))
			poll(&(struct pollfd){ bell->fd, POLLIN, 0 }, 1, -1);
		bell_wake(bell);
		if (read(bell->fd, &rung, sizeof(rung)) < 0)
			ck_assert_int_eq(errno, EAGAIN);
	}
}

/* 16 MB through a lane of 1 MiB, in pieces of random size, first large ones and
 * then small ones: the lane is often full, of bytes or of messages, and often
 * empty. */
static void *write_numbers(void *unused)
{
	uint64_t seed = 2;
	uint64_t n = 0;

	while (n < NUMBERS) {
		unsigned count =
			1 + suite_random(&seed) % (n < NUMBERS / 2 ? 4096 : 64);
		uint64_t *at = lane_reserve(lane, count * sizeof(*at));

		if (!at) {
			sleep_on(&to_writer);
			continue;
		}
		for (unsigned i = 0; i < count; i++)
			at[i] = n++ | (i ? 0 : FIRST);
		lane_commit(lane, count * sizeof(*at));
		if (lane_publish(lane))
			bell_ring(&to_reader);
	}
	return unused;
}

/* True: the number begins a message. */
static bool read_number(uint64_t number, uint64_t expected)
{
	ck_assert_uint_eq(number & ~FIRST, expected);
	return number & FIRST;
}

/* Both sides sleep whenever they can: a lost bell would hang this. */
START_TEST(two_threads)
{
	uint64_t next = 0;
	pthread_t writer;
	size_t size;

	bell_open(&to_reader);
	bell_open(&to_writer);
	pthread_create(&writer, NULL, write_numbers, NULL);
	while (next < NUMBERS) {
		const uint64_t *at = lane_peek(lane, &size);
		unsigned messages = 0;

		if (!size)
			sleep_on(&to_reader);
		for (size_t i = 0; i < size / sizeof(*at); i++)
			messages += read_number(at[i], next++);
		if (lane_read(lane, size, messages))
			bell_ring(&to_writer);
	}
	pthread_join(writer, NULL);
	bell_close(&to_reader);
	bell_close(&to_writer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lane");
	TCase *c = tcase_create("lane");

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, seen_when_published);
	tcase_add_test(c, only_what_is_committed_counts);
	tcase_add_test(c, a_full_one_says_when_there_is_room);
	tcase_add_test(c, so_many_messages_fill_one);
	tcase_add_test(c, pieces_wrap_around);
	tcase_add_test(c, two_threads);
	suite_add_tcase(suite, c);
	return suite_run(suite);
}
