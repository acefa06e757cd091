/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "perf/perf_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

int perf_because(struct perf_why *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return -1;
}

/* The digits at *TEXT, which then points behind them. */
static int take_digits(const char **text, uint64_t max, uint64_t *out)
{
	const char *at = *text;
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (digit > max || value > (max - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	if (at == *text)
		return -1;
	*text = at;
	*out = value;
	return 0;
}

int perf_plain_number(const char *text, uint64_t max, uint64_t *out)
{
	return take_digits(&text, max, out) || *text ? -1 : 0;
}

int perf_number(const char *text, uint64_t max, uint64_t *out)
{
	static const char suffixes[] = "KkMmGg";
	const char *suffix;
	unsigned shift;

	if (take_digits(&text, max, out))
		return -1;
	if (!*text)
		return 0;
	suffix = strchr(suffixes, *text);
	if (!suffix || text[1])
		return -1;
	shift = 10 * (unsigned)((suffix - suffixes) / 2 + 1);
	if (*out > max >> shift)
		return -1;
	*out <<= shift;
	return 0;
}

int perf_seconds(const char *text, uint32_t *ms)
{
	uint64_t whole, thousandths = 0;
	uint64_t weight = 100;

	if (take_digits(&text, 86400, &whole))
		return -1;
	if (*text == '.' && text[1]) {
		for (text++; *text >= '0' && *text <= '9'; text++) {
			thousandths += weight * (uint64_t)(*text - '0');
			weight /= 10;
		}
	}
	*ms = (uint32_t)(whole * 1000 + thousandths);
	return *text || !*ms || *ms > 86400000 ? -1 : 0;
}

const char *perf_size_text(char out[PERF_AMOUNT], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
	unsigned i = 0;

	while (bytes && bytes % 1024 == 0 && i + 1 < ARRAY_SIZE(units)) {
		bytes /= 1024;
		i++;
	}
	snprintf(out, PERF_AMOUNT, "%llu %s", (unsigned long long)bytes,
		 units[i]);
	return out;
}

/* Three digits: 999.5 would be printed as 1,000 and is 1 of the next unit. */
static const char *scaled(char *out, double value, const char *const *units)
{
	for (; value >= 999.5 && units[1]; units++)
		value /= 1000;
	snprintf(out, PERF_AMOUNT, "%.*f %s",
		 value >= 100 ? 0 : (value >= 10 ? 1 : 2), value, *units);
	return out;
}

const char *perf_amount_text(char out[PERF_AMOUNT], double bytes)
{
	static const char *const units[] = { "B", "KB", "MB", "GB", "TB", NULL };

	if (bytes < 999.5)
		snprintf(out, PERF_AMOUNT, "%.0f B", bytes);
	else
		scaled(out, bytes, units);
	return out;
}

const char *perf_time_text(char out[PERF_AMOUNT], double ns)
{
	static const char *const units[] = { "us", "ms", "s", NULL };

	return scaled(out, ns / 1000, units);
}
