/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The ranges ascend and neither overlap nor touch, so each set has one form,
 * and whether a number is in it takes a binary search. A range that is added
 * takes the place of all that it overlaps or touches, and covers them.
 */
#include "base/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/sorted.h"
#include "base/text.h"

void ranges_free(struct ranges *r)
{
	free(r->list);
	*r = (struct ranges){ .count = 0 };
}

static bool ends_below(const void *range, const void *n)
{
	return ((const struct range *)range)->last < *(const uint32_t *)n;
}

/* The first range that does not end below N. */
static unsigned find(const struct ranges *r, uint32_t n)
{
	return (unsigned)sorted_find(r->list, r->count, sizeof(*r->list),
				     ends_below, &n);
}

/* The ranges at FROM up to TO, which overlap or touch the new range, become one
 * with it. 1 is subtracted from the upper of two ranges to see whether they
 * touch, as the highest number has no next one. */
int ranges_add(struct ranges *r, uint32_t first, uint32_t last)
{
	unsigned from = find(r, first ? first - 1 : 0);
	unsigned to = from;
	struct range *list;

	list = reallocarray(r->list, r->count + 1u, sizeof(*list));
	if (!list)
		return -ENOMEM;
	r->list = list;
	for (; to < r->count && (!list[to].first || list[to].first - 1 <= last);
	     to++) {
		first = min_u32(first, list[to].first);
		last = last < list[to].last ? list[to].last : last;
	}
	memmove(list + from + 1, list + to, (r->count - to) * sizeof(*list));
	list[from] = (struct range){ first, last };
	r->count += 1 - (to - from);
	return 0;
}

/* "22" or "80-90" */
static int parse_range(const char *item, size_t len, uint32_t max,
		       struct range *out)
{
	const char *dash = memchr(item, '-', len);
	size_t head = dash ? (size_t)(dash - item) : len;
	uint64_t first, last;

	if (!text_number(item, head, &first))
		return -EINVAL;
	last = first;
	if (dash && !text_number(dash + 1, len - head - 1, &last))
		return -EINVAL;
	if (last < first)
		return -EINVAL;
	if (last > max)
		return -ERANGE;
	*out = (struct range){ (uint32_t)first, (uint32_t)last };
	return 0;
}

int ranges_parse(struct ranges *r, const char *text, uint32_t max)
{
	struct range range;
	const char *item;
	size_t len;
	int err = -EINVAL;

	while (text_item(&text, &item, &len)) {
		err = parse_range(item, len, max, &range);
		if (!err)
			err = ranges_add(r, range.first, range.last);
		if (err)
			break;
	}
	return err;
}

bool ranges_contain(const struct ranges *r, uint32_t n)
{
	unsigned i = find(r, n);

	return i < r->count && r->list[i].first <= n;
}

static uint64_t size_of(const struct range *range)
{
	return (uint64_t)range->last - range->first + 1;
}

uint64_t ranges_size(const struct ranges *r)
{
	uint64_t size = 0;
	unsigned i;

	for (i = 0; i < r->count; i++)
		size += size_of(&r->list[i]);
	return size;
}

uint32_t ranges_nth(const struct ranges *r, uint64_t i)
{
	const struct range *range = r->list;

	for (; i >= size_of(range); range++)
		i -= size_of(range);
	return range->first + (uint32_t)i;
}

void ranges_print(const struct ranges *r, FILE *out)
{
	unsigned i;

	for (i = 0; i < r->count; i++) {
		fprintf(out, "%s%u", i ? "," : "", r->list[i].first);
		if (r->list[i].first != r->list[i].last)
			fprintf(out, "-%u", r->list[i].last);
	}
}
