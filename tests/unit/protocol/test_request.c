/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The request table: every request that this back end knows, once right and
 * once wrong in each way that it can be wrong.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "protocol/request.h"
#include "suite.h"

enum kind { PLAIN, QUEUE, QUEUE_FD, TABLE };

struct row {
	uint32_t code;
	uint32_t min_size;
	uint32_t max_size;
	uint32_t min_fds;
	uint32_t max_fds;
	enum kind kind;
};

#define R(code, min, max, fmin, fmax, kind)                   \
	{                                                     \
		VHOST_USER_##code, min, max, fmin, fmax, kind \
	}

/* From the specification, by hand: the table under test is not consulted. */
static const struct row rows[] = {
	R(GET_FEATURES, 0, 0, 0, 0, PLAIN),
	R(SET_FEATURES, 8, 8, 0, 0, PLAIN),
	R(SET_OWNER, 0, 0, 0, 0, PLAIN),
	R(RESET_OWNER, 0, 0, 0, 0, PLAIN),
	R(SET_MEM_TABLE, 40, 264, 1, 1, TABLE),
	R(SET_VRING_NUM, 8, 8, 0, 0, QUEUE),
	R(SET_VRING_ADDR, 40, 40, 0, 0, QUEUE),
	R(SET_VRING_BASE, 8, 8, 0, 0, QUEUE),
	R(GET_VRING_BASE, 8, 8, 0, 0, QUEUE),
	R(SET_VRING_KICK, 8, 8, 1, 1, QUEUE_FD),
	R(SET_VRING_CALL, 8, 8, 1, 1, QUEUE_FD),
	R(SET_VRING_ERR, 8, 8, 1, 1, QUEUE_FD),
	R(GET_PROTOCOL_FEATURES, 0, 0, 0, 0, PLAIN),
	R(SET_PROTOCOL_FEATURES, 8, 8, 0, 0, PLAIN),
	R(GET_QUEUE_NUM, 0, 0, 0, 0, PLAIN),
	R(SET_VRING_ENABLE, 8, 8, 0, 0, QUEUE),
	R(GET_CONFIG, 12, 4096, 0, 0, PLAIN),
	R(SET_CONFIG, 12, 4096, 0, 0, PLAIN),
	R(RESET_DEVICE, 0, 0, 0, 0, PLAIN),
	R(GET_MAX_MEM_SLOTS, 0, 0, 0, 0, PLAIN),
	R(ADD_MEM_REG, 40, 40, 1, 1, PLAIN),
	R(REM_MEM_REG, 40, 40, 0, 1, PLAIN),
	R(SET_STATUS, 8, 8, 0, 0, PLAIN),
	R(GET_STATUS, 0, 0, 0, 0, PLAIN),
};

static struct message right(const struct row *row)
{
	struct message m = {
		.request = row->code,
		.flags = VHOST_USER_VERSION,
		.size = row->min_size,
		.nfds = row->min_fds,
	};

	for (unsigned i = 0; i < VHOST_USER_FDS_MAX; i++)
		m.fds[i] = -1;
	if (row->kind == TABLE)
		m.payload.table.nregions = 1;
	return m;
}

static void expect(const struct message *m, int result)
{
	const char *why = NULL;
	int ret = request_check(m, &why);

	ck_assert_msg(ret == result, "%s: %d (%s), expected %d",
		      request_name(m->request), ret, why ? why : "-", result);
	ck_assert_int_eq(ret == 0, why == NULL);
}

START_TEST(test_right)
{
	struct message m = right(&rows[_i]);

	ck_assert_ptr_nonnull(request_find(m.request));
	expect(&m, 0);
	m.flags |= VHOST_USER_NEED_REPLY;
	expect(&m, 0);
	m.size = rows[_i].max_size;
	expect(&m, 0);
	m.size = rows[_i].min_size;
	m.nfds = rows[_i].max_fds;
	expect(&m, 0);
}
END_TEST

START_TEST(test_size)
{
	struct message m = right(&rows[_i]);

	if (rows[_i].min_size) {
		m.size = rows[_i].min_size - 1;
		expect(&m, -EINVAL);
		m.size = 0;
		expect(&m, -EINVAL);
	}
	if (rows[_i].max_size < MESSAGE_PAYLOAD_MAX) {
		m.size = rows[_i].max_size + 1;
		expect(&m, -EINVAL);
		m.size = MESSAGE_PAYLOAD_MAX;
		expect(&m, -EINVAL);
	}
}
END_TEST

START_TEST(test_descriptors)
{
	struct message m = right(&rows[_i]);

	m.nfds = rows[_i].max_fds + 1;
	expect(&m, -EINVAL);
	m.nfds = rows[_i].min_fds;
	m.excess_fds = true;
	expect(&m, -EINVAL);
	m.excess_fds = false;
	if (rows[_i].min_fds) {
		m.nfds = rows[_i].min_fds - 1;
		expect(&m, -EINVAL);
	}
}
END_TEST

/* Where a message of this kind says which queue it is for. */
static void set_index(struct message *m, enum kind kind, uint32_t index)
{
	if (kind == QUEUE)
		m->payload.state.index = index;
	else
		m->payload.u64 = index;
}

START_TEST(test_queue_index)
{
	static const uint32_t bad[] = { 3, 4, 0x80, 0xff, 0x201, 0x80000001 };
	enum kind kind = rows[_i].kind;
	struct message m = right(&rows[_i]);

	if (kind != QUEUE && kind != QUEUE_FD)
		return;
	for (uint32_t i = 0; i < 3; i++) {
		set_index(&m, kind, i);
		expect(&m, 0);
		ck_assert_uint_eq(request_queue(&m), i);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		set_index(&m, kind, bad[i]);
		expect(&m, -EINVAL);
	}
}
END_TEST

START_TEST(test_no_descriptor_bit)
{
	struct message m = right(&rows[_i]);

	if (rows[_i].kind != QUEUE_FD)
		return;
	m.payload.u64 = VHOST_USER_VRING_NO_FD | 2;
	expect(&m, -EINVAL);
	m.nfds = 0;
	expect(&m, 0);
	ck_assert_uint_eq(request_queue(&m), 2);
	m.payload.u64 = 2;
	expect(&m, -EINVAL);
	m.payload.u64 = VHOST_USER_VRING_NO_FD | 3;
	expect(&m, -EINVAL);
}
END_TEST

struct table_case {
	uint32_t nregions;
	uint32_t size;
	uint32_t nfds;
	int result;
};

static const struct table_case tables[] = {
	{ 1, 40, 1, 0 },
	{ 2, 72, 2, 0 },
	{ 8, 264, 8, 0 },
	{ 1, 264, 1, 0 },
	{ 3, 264, 3, 0 },
	{ 0, 40, 0, -EINVAL },
	{ 0, 40, 1, -EINVAL },
	{ 9, 264, 8, -EINVAL },
	{ 2, 71, 2, -EINVAL },
	{ 2, 40, 2, -EINVAL },
	{ 2, 72, 1, -EINVAL },
	{ 1, 40, 2, -EINVAL },
	{ 8, 263, 8, -EINVAL },
	{ 0xffffffff, 264, 8, -EINVAL },
	{ 0x08000001, 40, 1, -EINVAL },
};

START_TEST(test_mem_table)
{
	const struct table_case *t = &tables[_i];
	struct message m = {
		.request = VHOST_USER_SET_MEM_TABLE,
		.size = t->size,
		.nfds = t->nfds,
		.payload.table.nregions = t->nregions,
	};

	expect(&m, t->result);
}
END_TEST

static bool listed(uint32_t code)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].code == code)
			return true;
	}
	return false;
}

START_TEST(test_everything_else_is_not_supported)
{
	static const uint32_t far[] = { 255, 1000, 0x7fffffff, 0xffffffff };

	for (uint32_t code = 0; code < 100; code++) {
		struct message m = { .request = code };

		if (listed(code))
			continue;
		expect(&m, -EOPNOTSUPP);
		ck_assert_ptr_null(request_find(code));
		ck_assert_uint_eq(request_queue(&m), 0);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(far); i++) {
		struct message m = { .request = far[i] };

		expect(&m, -EOPNOTSUPP);
	}
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(request_name(1), "GET_FEATURES");
	ck_assert_str_eq(request_name(40), "GET_STATUS");
	ck_assert_str_eq(request_name(19), "SEND_RARP");
	ck_assert_str_eq(request_name(43), "CHECK_DEVICE_STATE");
	ck_assert_str_eq(request_name(0), "unknown request");
	ck_assert_str_eq(request_name(45), "unknown request");
	ck_assert_str_eq(request_name(0xffffffff), "unknown request");
	for (uint32_t code = 1; code <= 44; code++)
		ck_assert_str_ne(request_name(code), "unknown request");
}
END_TEST

START_TEST(test_replies)
{
	static const uint32_t own[] = {
		VHOST_USER_GET_FEATURES,   VHOST_USER_GET_PROTOCOL_FEATURES,
		VHOST_USER_GET_VRING_BASE, VHOST_USER_GET_QUEUE_NUM,
		VHOST_USER_GET_CONFIG,	   VHOST_USER_GET_MAX_MEM_SLOTS,
		VHOST_USER_GET_STATUS,
	};
	unsigned found = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		found += request_find(rows[i].code)->reply == REQUEST_REPLY_OWN;
	for (unsigned i = 0; i < ARRAY_SIZE(own); i++)
		ck_assert_int_eq(request_find(own[i])->reply,
				 REQUEST_REPLY_OWN);
	ck_assert_uint_eq(found, ARRAY_SIZE(own));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request");
	TCase *tcase = tcase_create("table");

	tcase_add_loop_test(tcase, test_right, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(tcase, test_size, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(tcase, test_descriptors, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(tcase, test_queue_index, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(tcase, test_no_descriptor_bit, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(tcase, test_mem_table, 0, ARRAY_SIZE(tables));
	tcase_add_test(tcase, test_everything_else_is_not_supported);
	tcase_add_test(tcase, test_names);
	tcase_add_test(tcase, test_replies);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
