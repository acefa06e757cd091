/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>

#include "base/iov.h"
#include "fuzz/lack.h"
#include "fuzz/parts.h"
#include "vsock/messages.h"
#include "vsock/parcels.h"

/* The bytes that come in are these, again and again. */
#define PERIOD 65521u
#define BYTES_MAX (4 * PERIOD) /* that wait in one backlog */
#define HUGE (1u << 30)
#define PARTS 3u
#define LENGTHS 4096u

static uint8_t pattern[2 * PERIOD];

/* Where the first and the last byte that wait stand in all that came. */
static struct backlog backlog;
static uint64_t first, end;

static struct messages messages;
static uint32_t lengths[LENGTHS]; /* used as a ring */
static unsigned lengths_first, lengths_count;

static struct parcels parcels;
static struct {
	uint64_t at; /* where its first byte stands */
	struct parcel parcel;
} waiting[LENGTHS];
static unsigned waiting_first, waiting_count;
static uint64_t parcels_end;

static uint32_t less(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* LEN bytes, at most PERIOD, that stand at AT. */
static uint8_t *pattern_at(uint64_t at)
{
	return pattern + at % PERIOD;
}

static void check_bytes(const void *bytes, uint64_t at, uint32_t len)
{
	const uint8_t *p = bytes;

	while (len) {
		uint32_t n = less(len, PERIOD);

		fuzz_check(!memcmp(p, pattern_at(at), n));
		p += n;
		at += n;
		len -= n;
	}
}

static void fill_pattern(void)
{
	for (uint32_t i = 0; i < 2 * PERIOD; i++)
		pattern[i] = (uint8_t)(i % PERIOD * 7 + i % PERIOD / 256);
}

void waiting_begin(void)
{
	if (!pattern[1])
		fill_pattern();
	backlog_init(&backlog);
	messages_init(&messages);
	parcels_init(&parcels);
	first = end = parcels_end = 0;
	lengths_first = lengths_count = 0;
	waiting_first = waiting_count = 0;
}

void waiting_end(void)
{
	backlog_free(&backlog);
	messages_free(&messages);
	parcels_free(&parcels);
}

/* ---- The backlog. ---- */

static void check_backlog(void)
{
	struct iovec iov = backlog_iov(&backlog);

	fuzz_check(backlog_len(&backlog) == end - first);
	fuzz_check(iov.iov_len == end - first);
	fuzz_check(!backlog.bytes == (end == first));
	check_bytes(iov.iov_base, first, (uint32_t)iov.iov_len);
}

/* D bytes in up to three segments, of which the first B are passed over; A says
 * how they are split, and its highest bit by which of two functions. */
void backlog_adds(const struct record *r)
{
	uint32_t len = less(r->d, PERIOD - 1);
	uint32_t skip = less(r->b, len), fresh = len - skip;
	struct iovec iov[PARTS];
	struct iov_cursor from;
	uint32_t done = 0;
	int err;

	if (end - first + fresh > BYTES_MAX)
		return;
	for (unsigned i = 0; i < PARTS; i++) {
		uint32_t part = less(len - done, r->a % 128u * 64);

		if (i == PARTS - 1)
			part = len - done;
		iov[i] = (struct iovec){ pattern_at(end + PERIOD - skip) + done,
					 part };
		done += part;
	}
	lack_begins(r->c);
	if (r->a < 128) {
		err = backlog_add(&backlog, iov, PARTS, skip);
	} else {
		iov_begin(&from, iov, PARTS);
		iov_skip(&from, skip);
		err = backlog_take(&backlog, &from, fresh);
	}
	fuzz_check(err == (lack_ends() ? -ENOMEM : 0));
	if (!err)
		end += fresh;
	check_backlog();
}

void backlog_drops(const struct record *r)
{
	uint32_t len = less(r->d, (uint32_t)(end - first));

	if (r->a >= 0xc0)
		len = (uint32_t)(end - first);
	if (!backlog.bytes)
		return;
	backlog_drop(&backlog, len);
	first += len;
	check_backlog();
}

/* More than there may ever be; nothing reads the bytes that are not there. */
void backlog_refuses(const struct record *r)
{
	struct iovec iov = { pattern, HUGE + 1 + (size_t)r->d };

	fuzz_check(backlog_add(&backlog, &iov, 1, 0) == -ENOMEM);
	check_backlog();
}

/* ---- Messages. ---- */

static uint32_t length_at(unsigned i)
{
	return lengths[(lengths_first + i) % LENGTHS];
}

FUZZ_MODEL static void check_messages(void)
{
	uint32_t sum = 0, pos = 0;

	for (unsigned i = 0; i < lengths_count; i++)
		sum += length_at(i);
	fuzz_check(messages.count == lengths_count && messages.bytes == sum);
	if (lengths_count)
		fuzz_check(messages_next(&messages, &pos) == length_at(0));
	fuzz_check(!messages.lengths.bytes == !lengths_count);
}

/* A messages and one more, of D bytes shifted by B. */
void messages_adds(const struct record *r)
{
	uint32_t len = (uint32_t)r->d << r->b % 16;

	for (unsigned n = 0; n <= r->a && lengths_count < LENGTHS; n++) {
		int err;

		if (len > UINT32_MAX - messages.bytes)
			break;
		lack_begins(r->c);
		err = messages_add(&messages, len);
		fuzz_check(err == (lack_ends() ? -ENOMEM : 0));
		if (err)
			break;
		lengths[(lengths_first + lengths_count++) % LENGTHS] = len;
	}
	check_messages();
}

void messages_drops(const struct record *r)
{
	for (unsigned n = 0; n <= r->a && lengths_count; n++) {
		fuzz_check(messages_drop(&messages) == length_at(0));
		lengths_first++;
		lengths_count--;
	}
	check_messages();
}

void messages_walks(const struct record *r)
{
	uint32_t pos = 0;

	(void)r;
	for (unsigned i = 0; i < lengths_count; i++)
		fuzz_check(messages_next(&messages, &pos) == length_at(i));
	fuzz_check(pos == backlog_len(&messages.lengths));
}

/* ---- Parcels. ---- */

FUZZ_MODEL static void check_parcels(void)
{
	unsigned empty = 0;
	struct parcel got;

	for (unsigned i = 0; i < waiting_count; i++)
		empty += !waiting[(waiting_first + i) % LENGTHS].parcel.len;
	fuzz_check(parcels.count == waiting_count && parcels.empty == empty);
	fuzz_check(!parcels.backlog.bytes == !waiting_count);
	if (waiting_count) {
		unsigned i = waiting_first % LENGTHS;
		const char *bytes = parcels_first(&parcels, &got);

		fuzz_check(got.len == waiting[i].parcel.len);
		fuzz_check(got.flags == waiting[i].parcel.flags);
		check_bytes(bytes, waiting[i].at, got.len);
	}
}

static void model_parcel(uint32_t len, uint32_t flags, bool join)
{
	unsigned i;

	if (!join || !waiting_count) {
		i = (waiting_first + waiting_count++) % LENGTHS;
		waiting[i].at = parcels_end;
		waiting[i].parcel = (struct parcel){ .flags = flags };
	} else {
		i = (waiting_first + waiting_count - 1) % LENGTHS;
	}
	waiting[i].parcel.len += len;
	parcels_end += len;
}

/* B parcels and one more, of D bytes; A has the flags, and 4 joins. */
void parcels_adds(const struct record *r)
{
	uint32_t len = less(r->d, PERIOD);
	uint32_t flags = r->a & 3;
	bool join = r->a & 4;
	struct iov_cursor from;

	for (unsigned n = 0; n <= r->b && waiting_count < LENGTHS &&
			     backlog_len(&parcels.backlog) + len < BYTES_MAX;
	     n++) {
		struct iovec iov = { pattern_at(parcels_end), len };
		bool full = !len && parcels.empty >= PARCELS_EMPTY_MAX;
		int err;

		iov_begin(&from, &iov, 1);
		lack_begins(r->c);
		err = parcels_add(&parcels, &from, len, flags, join);
		if (lack_ends())
			fuzz_check(err == -ENOMEM);
		else
			fuzz_check(err == (full ? -ENOBUFS : 0));
		if (err)
			break;
		model_parcel(len, flags, join);
	}
	check_parcels();
}

/* A parcels and one more, each in pieces of D bytes at the most. */
void parcels_drops(const struct record *r)
{
	for (unsigned n = 0; n <= r->a && waiting_count; n++) {
		unsigned i = waiting_first % LENGTHS;
		uint32_t len = less(waiting[i].parcel.len, r->d);

		parcels_drop(&parcels, len);
		waiting[i].at += len;
		waiting[i].parcel.len -= len;
		if (!waiting[i].parcel.len) {
			waiting_first++;
			waiting_count--;
		}
		if (n == r->a || !waiting_count)
			break;
	}
	check_parcels();
}

void parcels_refuses(const struct record *r)
{
	struct iovec iov = { pattern, HUGE };
	struct iov_cursor from;

	iov_begin(&from, &iov, 1);
	fuzz_check(parcels_add(&parcels, &from, HUGE, 0, r->a & 1) == -ENOMEM);
	check_parcels();
}
