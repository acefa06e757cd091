/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * gap segment gap segment ... gap
 *
 * The gaps, and what a packet leaves unused of its buffer, hold a pattern. A
 * device that takes a segment to be longer than it is, or goes on where the
 * next one seems to lie, overwrites some of it. A test that compares contents
 * alone would not notice.
 */
#include "frontend/buffer.h"

#include <stdlib.h>
#include <string.h>

#define POISON 0xa5

unsigned shape_segments_max(const struct shape *shape, size_t bytes)
{
	size_t rest = shape->rest ? shape->rest : bytes;

	return shape->ncuts + (unsigned)((bytes + rest - 1) / rest);
}

void buffer_init(struct buffer *b, struct ram *ram, const struct shape *shape,
		 size_t bytes)
{
	unsigned max = shape_segments_max(shape, bytes);
	size_t room = bytes + (max + 1) * (size_t)BUFFER_GAP;

	*b = (struct buffer){
		.room = room,
		.segments_max = max,
		.segments = need_zeroed(max, sizeof(struct ring_segment)),
		.span = shape->across ? ram_alloc_across(ram, room)
				      : ram_alloc(ram, room, 16),
	};
	list_init(&b->node);
}

void buffer_free(struct buffer *b)
{
	free(b->segments);
	b->segments = NULL;
}

static void add_segment(struct buffer *b, size_t *at, size_t len)
{
	if (b->count >= b->segments_max || *at + len > b->room)
		die("a packet of %zu bytes outgrows its buffer", b->bytes);
	b->segments[b->count++] =
		(struct ring_segment){ b->span + *at, (uint32_t)len };
	*at += len + BUFFER_GAP;
}

void buffer_cut(struct buffer *b, const struct shape *shape, size_t bytes,
		bool poison)
{
	size_t at = BUFFER_GAP, left = bytes;

	b->count = 0;
	b->bytes = bytes;
	b->poisoned = poison;
	if (poison)
		memset(b->span, POISON, b->room);
	for (unsigned i = 0; i < shape->ncuts && (left || !shape->cuts[i]);
	     i++) {
		size_t n = min_size(left, shape->cuts[i]);

		add_segment(b, &at, n);
		left -= n;
	}
	while (left) {
		size_t n = shape->rest ? min_size(left, shape->rest) : left;

		add_segment(b, &at, n);
		left -= n;
	}
}

void *buffer_piece(const struct buffer *b, size_t offset, size_t *n)
{
	for (unsigned i = 0; i < b->count; i++) {
		const struct ring_segment *s = &b->segments[i];

		if (offset < s->len) {
			*n = min_size(*n, s->len - offset);
			return (uint8_t *)s->at + offset;
		}
		offset -= s->len;
	}
	*n = 0;
	return NULL;
}

void buffer_write(struct buffer *b, size_t offset, const void *from, size_t n)
{
	while (n) {
		size_t piece = n;
		void *to = buffer_piece(b, offset, &piece);

		if (!to)
			die("a write beyond the packet");
		memcpy(to, from, piece);
		from = (const uint8_t *)from + piece;
		offset += piece;
		n -= piece;
	}
}

void buffer_read(const struct buffer *b, size_t offset, void *to, size_t n)
{
	while (n) {
		size_t piece = n;
		const void *from = buffer_piece(b, offset, &piece);

		if (!from)
			die("a read beyond the packet");
		memcpy(to, from, piece);
		to = (uint8_t *)to + piece;
		offset += piece;
		n -= piece;
	}
}

static void check_span(const struct buffer *b, const uint8_t *from,
		       const uint8_t *to)
{
	for (; from < to; from++)
		if (*from != POISON)
			die("the device wrote beyond its data, at byte %zu of "
			    "a buffer of %zu",
			    (size_t)(from - b->span), b->bytes);
}

void buffer_check_poison(const struct buffer *b, size_t used, bool exact)
{
	const uint8_t *clean = b->span;

	if (!b->poisoned)
		return;
	for (unsigned i = 0; i < b->count; i++) {
		const uint8_t *at = b->segments[i].at;
		size_t n = min_size(used, b->segments[i].len);

		check_span(b, clean, at);
		clean = at + (exact ? n : b->segments[i].len);
		used -= n;
	}
	check_span(b, clean, b->span + b->room);
}
