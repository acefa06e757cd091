/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* uring-vsock-perf: numbers, addresses, plans, messages, pattern, latency. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "latency.h"
#include "perf/perf_address.h"
#include "perf/perf_pattern.h"
#include "perf/perf_plan.h"
#include "perf/perf_text.h"
#include "perf/perf_wire.h"
#include "suite.h"

#define REFUSED UINT64_MAX

static const struct {
	const char *text;
	uint64_t value;
} numbers[] = {
	{ "0", 0 },
	{ "1", 1 },
	{ "4095", 4095 },
	{ "1K", 1024 },
	{ "3k", 3072 },
	{ "1M", 1 << 20 },
	{ "2G", 2ull << 30 },
	{ "1048576K", 1 << 30 },
	{ "4294967296", 4294967296 },
	{ "4294967297", REFUSED },
	{ "4G", 4294967296 },
	{ "5G", REFUSED },
	{ "18446744073709551617", REFUSED },
	{ "", REFUSED },
	{ "K", REFUSED },
	{ "-1", REFUSED },
	{ "+1", REFUSED },
	{ " 1", REFUSED },
	{ "1 ", REFUSED },
	{ "1KB", REFUSED },
	{ "1T", REFUSED },
	{ "1.5M", REFUSED },
	{ "0x10", REFUSED },
};

START_TEST(number_is_read)
{
	uint64_t value = 0;
	int failed = perf_number(numbers[_i].text, 1ull << 32, &value);

	ck_assert_int_eq(failed != 0, numbers[_i].value == REFUSED);
	if (!failed)
		ck_assert_uint_eq(value, numbers[_i].value);
}
END_TEST

static const struct {
	const char *text;
	uint32_t ms; /* 0: refused */
} times[] = {
	{ "10", 10000 },     { "0.5", 500 },	 { "1.25", 1250 },
	{ "0.001", 1 },	     { "2.0009", 2000 }, { "86400", 86400000 },
	{ "86400.001", 0 },  { "86401", 0 },	 { "0", 0 },
	{ "0.0", 0 },	     { "0.0004", 0 },	 { "", 0 },
	{ ".5", 0 },	     { "1.", 0 },	 { "1.5.5", 0 },
	{ "1s", 0 },	     { "-1", 0 },	 { "1e3", 0 },
	{ "4294967297", 0 },
};

START_TEST(time_is_read)
{
	uint32_t ms = 0;
	int failed = perf_seconds(times[_i].text, &ms);

	ck_assert_int_eq(failed != 0, times[_i].ms == 0);
	if (!failed)
		ck_assert_uint_eq(ms, times[_i].ms);
}
END_TEST

START_TEST(amounts_are_printed)
{
	char text[PERF_AMOUNT];

	ck_assert_str_eq(perf_size_text(text, 131072), "128 KiB");
	ck_assert_str_eq(perf_size_text(text, 1000), "1000 B");
	ck_assert_str_eq(perf_size_text(text, 5ull << 40), "5120 GiB");
	ck_assert_str_eq(perf_amount_text(text, 0), "0 B");
	ck_assert_str_eq(perf_amount_text(text, 999), "999 B");
	ck_assert_str_eq(perf_amount_text(text, 8123456789.0), "8.12 GB");
	ck_assert_str_eq(perf_amount_text(text, 999600), "1.00 MB");
	ck_assert_str_eq(perf_time_text(text, 85240), "85.2 us");
	ck_assert_str_eq(perf_time_text(text, 2.5e9), "2.50 s");
}
END_TEST

#define ANY 0xffffffffu
#define LONG20 "/23456789012345678/0"
#define LONG100 LONG20 LONG20 LONG20 LONG20 LONG20

static const struct {
	const char *text;
	enum perf_family family;
	uint32_t cid, port;
	const char *path; /* what is listened on; NULL: none, or refused */
	bool right;
} addresses[] = {
	{ "3:5000", PERF_FAMILY_VSOCK, 3, 5000, NULL, true },
	{ "host:1", PERF_FAMILY_VSOCK, 2, 1, NULL, true },
	{ "local:1", PERF_FAMILY_VSOCK, 1, 1, NULL, true },
	{ "any:0", PERF_FAMILY_VSOCK, ANY, 0, NULL, true },
	{ "4294967295:4294967294", PERF_FAMILY_VSOCK, ANY, ANY - 1, NULL,
	  true },
	{ "unix:/a/b", PERF_FAMILY_UNIX, 0, 0, "/a/b", true },
	{ "unix:/a:b/c", PERF_FAMILY_UNIX, 0, 0, "/a:b/c", true },
	{ "unix:/a:5/c", PERF_FAMILY_UNIX, 0, 0, "/a:5/c", true },
	{ "unix:b", PERF_FAMILY_UNIX, 0, 0, "b", true },
	{ "unix:/vm:5000", PERF_FAMILY_HYBRID, 0, 5000, "/vm_5000", true },
	{ "unix:/a:1:2", PERF_FAMILY_HYBRID, 0, 2, "/a:1_2", true },
	{ "unix:" LONG100 "/234567", PERF_FAMILY_UNIX, 0, 0, LONG100 "/234567",
	  true },
	{ "unix:" LONG100 "/2345678", .right = false },
	{ "unix:" LONG100 "/234567:1", PERF_FAMILY_HYBRID, 0, 1, NULL, true },
	{ "unix:", .right = false },
	{ "unix::5", .right = false },
	{ "unix:/vm:4294967295", .right = false },
	{ "unix:/vm:x", .right = false },
	{ "", .right = false },
	{ "5000", .right = false },
	{ ":5000", .right = false },
	{ "3:", .right = false },
	{ "3:-1", .right = false },
	{ "3:1:1", .right = false },
	{ "4294967296:1", .right = false },
	{ "3:4294967295", .right = false },
	{ "/run/vm.vsock", .right = false },
	{ "everybody:1", .right = false },
	{ "12345678901234567890:1", .right = false },
};

START_TEST(address_is_read)
{
	struct perf_address address;
	struct perf_why why = { "" };
	char path[PERF_PATH];
	int failed = perf_address_parse(addresses[_i].text, &address, &why);

	ck_assert_int_eq(!failed, addresses[_i].right);
	if (failed) {
		ck_assert_ptr_nonnull(strstr(why.text, addresses[_i].text));
		return;
	}
	ck_assert_int_eq(address.family, addresses[_i].family);
	ck_assert_uint_eq(address.cid, addresses[_i].cid);
	ck_assert_uint_eq(address.port, addresses[_i].port);
	if (address.family == PERF_FAMILY_VSOCK)
		return;
	failed = perf_address_listen_path(&address, path, &why);
	ck_assert_int_eq(failed != 0, addresses[_i].path == NULL);
	if (!failed)
		ck_assert_str_eq(path, addresses[_i].path);
}
END_TEST

/* Each is wrong in one way only. */
static const struct perf_plan wrong_plans[] = {
	{ .size = 0, .parallel = 1, .bytes = 1 },
	{ .size = PERF_SIZE_MAX + 1, .parallel = 1, .bytes = 1 },
	{ .size = 1, .parallel = 0, .bytes = 1 },
	{ .size = 1, .parallel = PERF_PARALLEL_MAX + 1, .bytes = 1 },
	{ .size = 1, .parallel = 1 },
	{ .mode = PERF_RR,
	  .reverse = true,
	  .size = 1,
	  .parallel = 1,
	  .bytes = 1 },
	{ .mode = PERF_CRR,
	  .zerocopy = true,
	  .size = 1,
	  .parallel = 1,
	  .bytes = 1 },
	{ .mode = PERF_RR, .size = PERF_SIZE_MAX, .parallel = 17, .bytes = 1 },
};

static int send_and_get(const struct perf_message *m, struct perf_message *out,
			struct perf_why *why)
{
	uint8_t bytes[PERF_HEAD + PERF_BODY_MAX];
	unsigned size = perf_wire_put(m, bytes);
	int length = perf_wire_head(bytes, out, why);

	ck_assert_int_eq(length, (int)(size - PERF_HEAD));
	return perf_wire_body(bytes + PERF_HEAD, (unsigned)length, out, why);
}

/* The sender of a plan need not have checked it, and need not be our client. */
START_TEST(wrong_plan_is_refused_by_the_server_too)
{
	struct perf_message m = { .kind = PERF_TEST };
	struct perf_message got;
	struct perf_why why = { "" };

	m.body.plan = wrong_plans[_i];
	ck_assert_ptr_nonnull(perf_plan_check(&m.body.plan));
	ck_assert_int_lt(send_and_get(&m, &got, &why), 0);
	ck_assert_str_eq(why.text, perf_plan_check(&m.body.plan));
}
END_TEST

START_TEST(plan_arrives)
{
	struct perf_message m = { .kind = PERF_TEST };
	struct perf_message got;
	struct perf_why why = { "" };

	m.body.plan = (struct perf_plan){
		.mode = PERF_STREAM,
		.reverse = true,
		.verify = _i & 1,
		.zerocopy = _i & 2,
		.size = 0x1234567,
		.parallel = 1000,
		.bytes = 0x123456789abcdef,
		.time_ms = 12345678,
		.id = 0xfedcba9876543210,
	};
	ck_assert_int_eq(send_and_get(&m, &got, &why), 0);
	ck_assert_int_eq(got.kind, PERF_TEST);
	ck_assert(got.body.plan.reverse);
	ck_assert_int_eq(got.body.plan.mode, PERF_STREAM);
	ck_assert_int_eq(got.body.plan.verify, m.body.plan.verify);
	ck_assert_int_eq(got.body.plan.zerocopy, m.body.plan.zerocopy);
	ck_assert_uint_eq(got.body.plan.size, m.body.plan.size);
	ck_assert_uint_eq(got.body.plan.parallel, m.body.plan.parallel);
	ck_assert_uint_eq(got.body.plan.bytes, m.body.plan.bytes);
	ck_assert_uint_eq(got.body.plan.time_ms, m.body.plan.time_ms);
	ck_assert_uint_eq(got.body.plan.id, m.body.plan.id);
}
END_TEST

/* The other end's words go to a terminal: what controls it is replaced. */
START_TEST(report_arrives_printable)
{
	struct perf_message m = {
		.kind = PERF_REPORT,
		.body.report = { 1ull << 40, 77, PERF_CAUSE, { "a\033[2Jb" } },
	};
	struct perf_message got;
	struct perf_why why = { "" };

	ck_assert_int_eq(send_and_get(&m, &got, &why), 0);
	ck_assert_uint_eq(got.body.report.sent, 1ull << 40);
	ck_assert_uint_eq(got.body.report.received, 77);
	ck_assert_int_eq(got.body.report.verdict, PERF_CAUSE);
	ck_assert_str_eq(got.body.report.why.text, "a?[2Jb");
}
END_TEST

/* What is changed in a good head, and what the reason mentions. */
static const struct {
	unsigned at;
	uint8_t value;
	const char *reason;
} wrong_heads[] = {
	{ 0, 'x', "not uring-vsock-perf" },
	{ 4, PERF_VERSION + 1, "version 2 of the protocol" },
	{ 6, 0, "no message 0" },
	{ 6, 8, "no message 8" },
	{ 8, 1, "has 1 bytes, not 0" },
	{ 11, 0xff, "bytes, not 0" },
};

START_TEST(wrong_head_is_refused)
{
	const struct perf_message m = { .kind = PERF_READY };
	uint8_t bytes[PERF_HEAD + PERF_BODY_MAX];
	struct perf_message got;
	struct perf_why why = { "" };

	ck_assert_uint_eq(perf_wire_put(&m, bytes), PERF_HEAD);
	ck_assert_int_eq(perf_wire_head(bytes, &got, &why), 0);
	bytes[wrong_heads[_i].at] = wrong_heads[_i].value;
	ck_assert_int_lt(perf_wire_head(bytes, &got, &why), 0);
	ck_assert_msg(strstr(why.text, wrong_heads[_i].reason) != NULL, "%s",
		      why.text);
}
END_TEST

START_TEST(shares_add_up)
{
	struct perf_plan plan = { .size = 10, .parallel = 7, .bytes = 100 };
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < plan.parallel; i++)
		sum += perf_plan_share(&plan, i);
	ck_assert_uint_eq(sum, 100);
	ck_assert_uint_eq(perf_plan_trips(&plan, 0), 2); /* 15 bytes */
	plan.bytes = 0;
	ck_assert_uint_eq(perf_plan_share(&plan, 6), PERF_UNLIMITED);
	ck_assert_uint_eq(perf_plan_trips(&plan, 6), PERF_UNLIMITED);
}
END_TEST

START_TEST(pattern_repeats_after_its_period_only)
{
	struct perf_pattern a, b;
	uint32_t place = PERF_PERIOD - 1;

	ck_assert_int_eq(perf_pattern_make(&a, 1, 200000), 0);
	ck_assert_int_eq(perf_pattern_make(&b, 2, 200000), 0);
	ck_assert_mem_ne(a.bytes, b.bytes, 64);
	ck_assert_mem_ne(a.bytes, a.bytes + 65536, 64);
	ck_assert_mem_eq(a.bytes, a.bytes + 3 * PERF_PERIOD, 3000);
	ck_assert_uint_eq(
		perf_pattern_right(&a, place, a.bytes + place, 200000), 200000);
	ck_assert_uint_eq(perf_pattern_after(place, 1), 0);
	ck_assert_uint_eq(perf_pattern_after(place, 1ull << 40),
			  (place + (1ull << 40)) % PERF_PERIOD);
	perf_pattern_free(&a);
	perf_pattern_free(&b);
}
END_TEST

START_TEST(pattern_shows_every_changed_byte)
{
	static const size_t places[] = { 0, 1, 4095, 65520, 65521, 99999 };
	struct perf_pattern pattern;
	uint8_t *copy = malloc(100000);
	size_t i;

	ck_assert_ptr_nonnull(copy);
	ck_assert_int_eq(perf_pattern_make(&pattern, 3, 100000), 0);
	memcpy(copy, perf_pattern_at(&pattern, 17), 100000);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		copy[places[i]] ^= 0x80;
		ck_assert_uint_eq(perf_pattern_right(&pattern, 17, copy,
						     100000),
				  places[i]);
		copy[places[i]] ^= 0x80;
	}
	free(copy);
	perf_pattern_free(&pattern);
}
END_TEST

/* Bytes of another connection, or of the other direction, never look right. */
START_TEST(connections_begin_at_different_places)
{
	bool seen[PERF_PERIOD] = { false };
	unsigned i;

	for (i = 0; i < 2 * PERF_PARALLEL_MAX; i++) {
		uint32_t place = perf_pattern_start(i / 2, i % 2);

		ck_assert_uint_lt(place, PERF_PERIOD);
		ck_assert(!seen[place]);
		seen[place] = true;
	}
}
END_TEST

/* Every magnitude: what is put in comes out, to 1 %. */
START_TEST(latency_is_right_to_a_percent)
{
	static struct latency latency;
	double ns = (double)(1ull << _i) * 1.37;
	double got;

	memset(&latency, 0, sizeof(latency));
	latency_add(&latency, (uint64_t)ns);
	latency_add(&latency, (uint64_t)(ns * 100));
	got = latency_at(&latency, 0.5);
	ck_assert_msg(got >= ns * 0.99 - 1 && got <= ns * 1.01 + 1, "%f for %f",
		      got, ns);
}
END_TEST

START_TEST(percentiles_are_in_their_places)
{
	static struct latency latency, other;
	unsigned i;

	memset(&latency, 0, sizeof(latency));
	memset(&other, 0, sizeof(other));
	ck_assert(latency_at(&latency, 0.5) <= 0);
	for (i = 1; i <= 1000; i++)
		latency_add(i % 2 ? &latency : &other, i * 1000);
	latency_merge(&latency, &other);
	ck_assert_uint_eq(latency.count, 1000);
	ck_assert_uint_eq(latency.sum, 500500000);
	ck_assert_uint_eq(latency.max, 1000000);
	ck_assert(latency_at(&latency, 0.5) > 495000);
	ck_assert(latency_at(&latency, 0.5) < 505000);
	ck_assert(latency_at(&latency, 0.99) > 980000);
	ck_assert(latency_at(&latency, 0.99) < 1000000);
	ck_assert(latency_at(&latency, 1) <= 1000000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("perf_parts");
	TCase *text = tcase_create("text");
	TCase *wire = tcase_create("wire");
	TCase *figures = tcase_create("figures");

	tcase_add_loop_test(text, number_is_read, 0, ARRAY_SIZE(numbers));
	tcase_add_loop_test(text, time_is_read, 0, ARRAY_SIZE(times));
	tcase_add_test(text, amounts_are_printed);
	tcase_add_loop_test(text, address_is_read, 0, ARRAY_SIZE(addresses));
	tcase_add_loop_test(wire, wrong_plan_is_refused_by_the_server_too, 0,
			    ARRAY_SIZE(wrong_plans));
	tcase_add_loop_test(wire, plan_arrives, 0, 4);
	tcase_add_test(wire, report_arrives_printable);
	tcase_add_loop_test(wire, wrong_head_is_refused, 0,
			    ARRAY_SIZE(wrong_heads));
	tcase_add_test(wire, shares_add_up);
	tcase_add_test(figures, pattern_repeats_after_its_period_only);
	tcase_add_test(figures, pattern_shows_every_changed_byte);
	tcase_add_test(figures, connections_begin_at_different_places);
	tcase_add_loop_test(figures, latency_is_right_to_a_percent, 0, 31);
	tcase_add_test(figures, percentiles_are_in_their_places);
	suite_add_tcase(suite, text);
	suite_add_tcase(suite, wire);
	suite_add_tcase(suite, figures);
	return suite_run(suite);
}
