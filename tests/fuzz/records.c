/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/records.h"

#define STEP sizeof(struct record)

static uint64_t state;

/* xorshift64*; SEED may be 0. */
static unsigned pick(unsigned below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 0x2545f4914f6cdd1dull) >> 33) % below;
}

static void begin(unsigned seed)
{
	state = seed * 0x9e3779b97f4a7c15ull + 1;
	pick(2);
}

/* A small number, which is what most fields count with. */
static uint8_t some_byte(void)
{
	return (uint8_t)(pick(2) ? pick(8) : pick(256));
}

static void make_record(uint8_t *at)
{
	for (unsigned i = 0; i < STEP; i++)
		at[i] = some_byte();
	at[0] = (uint8_t)pick(records_ops);
}

/* Puts [AT, END) to TO, and makes room for it. */
static void make_room(uint8_t *data, size_t size, size_t at, size_t n)
{
	memmove(data + at + n, data + at, size - at);
}

static size_t insert(uint8_t *data, size_t size, size_t at)
{
	make_room(data, size, at, STEP);
	make_record(data + at);
	return size + STEP;
}

static size_t repeat(uint8_t *data, size_t size, size_t at, size_t max)
{
	size_t n = STEP * (1 + pick(8)),
	       from = STEP * pick(1 + (unsigned)(size / STEP));
	uint8_t copy[STEP * 8];

	if (from + n > size)
		n = size - from;
	if (!n || size + n > max)
		return size;
	memcpy(copy, data + from, n);
	make_room(data, size, at, n);
	memcpy(data + at, copy, n);
	return size + n;
}

static size_t leave_out(uint8_t *data, size_t size, size_t at)
{
	size_t n = STEP * (1 + pick(4));

	if (at + n > size)
		n = size - at;
	memmove(data + at, data + at + n, size - at - n);
	return size - n;
}

static void swap(uint8_t *data, size_t size, size_t at)
{
	size_t other = STEP * pick((unsigned)(size / STEP));
	uint8_t record[STEP];

	if (at == size)
		return;
	memcpy(record, data + at, STEP);
	memcpy(data + at, data + other, STEP);
	memcpy(data + other, record, STEP);
}

static void change_byte(uint8_t *data, size_t size, size_t at)
{
	uint8_t *byte = data + at + (pick(6) ? 1 + pick(STEP - 1) : 0);

	if (at == size)
		return;
	switch (pick(4)) {
	case 0:
		*byte = some_byte();
		break;
	case 1:
		*byte = (uint8_t)(*byte + 1);
		break;
	case 2:
		*byte = (uint8_t)(*byte - 1);
		break;
	default:
		*byte ^= (uint8_t)(1u << pick(8));
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
			       unsigned seed)
{
	unsigned changes;

	begin(seed);
	size -= size % STEP;
	max -= max % STEP;
	for (changes = 1 + pick(4); changes; changes--) {
		size_t at = STEP * pick(1 + (unsigned)(size / STEP));
		unsigned how = pick(10);

		if (how < 3 && size + STEP <= max)
			size = insert(data, size, at);
		else if (how == 3)
			size = repeat(data, size, at, max);
		else if (how == 4 && size > STEP)
			size = leave_out(data, size, at);
		else if (how == 5 && size)
			swap(data, size, at);
		else if (size)
			change_byte(data, size, at);
	}
	return size ? size : insert(data, 0, 0);
}

/* The front of A, then the end of B. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size,
				 const uint8_t *b, size_t b_size, uint8_t *out,
				 size_t max, unsigned seed)
{
	size_t front, rest;

	begin(seed);
	front = STEP * pick(1 + (unsigned)(a_size / STEP));
	rest = STEP * pick(1 + (unsigned)(b_size / STEP));
	if (front > max)
		front = max - max % STEP;
	if (rest > max - front)
		rest = (max - front) - (max - front) % STEP;
	memcpy(out, a, front);
	memcpy(out + front, b + (b_size - b_size % STEP) - rest, rest);
	return front + rest;
}
