/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "pattern.h"

#include <string.h>

#define CHECKSUM_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static uint8_t table[PATTERN_PERIOD + PATTERN_CHUNK];

void pattern_init(void)
{
	uint64_t x = 88172645463325252U;
	size_t i;

	for (i = 0; i < PATTERN_PERIOD; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		table[i] = (uint8_t)(x >> 32);
	}
	memcpy(table + PATTERN_PERIOD, table, PATTERN_CHUNK);
}

const uint8_t *pattern_at(uint64_t offset)
{
	return table + offset % PATTERN_PERIOD;
}

static size_t first_difference(const uint8_t *a, const uint8_t *b, size_t n)
{
	size_t i = 0;

	while (i < n && a[i] == b[i])
		i++;
	return i;
}

size_t pattern_compare(uint64_t offset, const uint8_t *bytes, size_t n)
{
	size_t done = 0;

	while (done < n) {
		const uint8_t *expected = pattern_at(offset + done);
		size_t part = n - done;

		if (part > PATTERN_CHUNK)
			part = PATTERN_CHUNK;
		if (memcmp(expected, bytes + done, part) != 0)
			return done +
			       first_difference(expected, bytes + done, part);
		done += part;
	}
	return n;
}

static void add_word(struct checksum *sum, uint64_t word)
{
	sum->value = (sum->value ^ word) * CHECKSUM_FACTOR;
	sum->value ^= sum->value >> 29;
}

static void add_byte(struct checksum *sum, uint8_t byte)
{
	sum->word |= (uint64_t)byte << (8 * sum->filled);
	if (++sum->filled < sizeof(sum->word))
		return;
	add_word(sum, sum->word);
	sum->word = 0;
	sum->filled = 0;
}

void checksum_add(struct checksum *sum, const uint8_t *bytes, size_t n)
{
	while (n > 0 && (sum->filled != 0 || n < sizeof(uint64_t))) {
		add_byte(sum, *bytes++);
		n--;
	}
	for (; n >= sizeof(uint64_t); n -= sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, bytes, sizeof(word));
		add_word(sum, word);
		bytes += sizeof(word);
	}
	while (n-- > 0)
		add_byte(sum, *bytes++);
}

uint64_t checksum_value(const struct checksum *sum)
{
	struct checksum last = *sum;

	add_word(&last, last.word);
	add_word(&last, last.filled);
	return last.value;
}
