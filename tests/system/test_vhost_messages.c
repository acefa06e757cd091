/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The answer to each vhost-user request; no guest runs here. */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/talk.h"

static const uint32_t ring_requests[] = {
	VU_SET_VRING_NUM,  VU_SET_VRING_BASE, VU_SET_VRING_ENABLE,
	VU_SET_VRING_KICK, VU_SET_VRING_CALL, VU_SET_VRING_ERR,
};

START_TEST(features_are_offered)
{
	struct talk t;

	talk_begin(&t, _i);
	ck_assert_uint_eq(vhost_ask_u64(&t.v, VU_GET_FEATURES), TALK_FEATURES);
	ck_assert_uint_eq(vhost_ask_u64(&t.v, VU_GET_PROTOCOL_FEATURES),
			  TALK_PROTOCOL_FEATURES);
	ck_assert_uint_eq(vhost_ask_u64(&t.v, VU_GET_QUEUE_NUM), 3);
	ck_assert_uint_ge(vhost_ask_u64(&t.v, VU_GET_MAX_MEM_SLOTS), 509);
	talk_end(&t);
}
END_TEST

START_TEST(config_space_holds_the_cid_and_never_fails)
{
	static const struct {
		uint32_t offset, size;
	} cases[] = {
		{ 0, 8 }, { 0, 4 },   { 4, 4 },	   { 0, 1 },   { 7, 1 },
		{ 8, 8 }, { 0, 256 }, { 100, 20 }, { 255, 1 },
	};
	const uint64_t cid = DAEMON_CID;
	struct talk t;

	talk_begin(&t, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t due[512] = { 0 };
		struct vu_config got;
		uint32_t size = cases[i].size;

		put_le64(due, cid);
		ck_assert_uint_eq(vhost_ask_config(&t.v, cases[i].offset, size,
						   &got),
				  12 + size);
		ck_assert_uint_eq(got.offset, cases[i].offset);
		ck_assert_uint_eq(got.size, size);
		ck_assert_mem_eq(got.bytes, due + cases[i].offset, size);
	}
	talk_end(&t);
}
END_TEST

START_TEST(status_is_kept)
{
	static const uint64_t values[] = { 1, 3, 11, 15, 0 };
	struct talk t;

	talk_begin(&t, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
		ck_assert_uint_eq(
			vhost_tell_u64(&t.v, VU_SET_STATUS, values[i]), 0);
		ck_assert_uint_eq(vhost_ask_u64(&t.v, VU_GET_STATUS),
				  values[i]);
	}
	talk_end(&t);
}
END_TEST

START_TEST(descriptors_of_a_session_go_with_it)
{
	struct talk t;
	unsigned before;

	talk_begin(&t, _i);
	before = daemon_fds(&t.scene.daemon);
	for (unsigned i = 0; i < 9; i++) {
		int fd = eventfd(0, EFD_CLOEXEC);

		vhost_tell_fd(&t.v, ring_requests[3 + i / 3], i % 3, fd);
		close(fd);
	}
	ck_assert_uint_gt(daemon_fds(&t.scene.daemon), before);
	vhost_hang_up(&t.v);
	talk_again(&t);
	drive_until(&t.scene.world, daemon_fds(&t.scene.daemon) <= before);
	talk_end(&t);
}
END_TEST

/* GET_FEATURES, GET_PROTOCOL_FEATURES and GET_QUEUE_NUM in one write. */
START_TEST(requests_in_one_piece_are_answered_in_order)
{
	static const uint32_t codes[] = { VU_GET_FEATURES,
					  VU_GET_PROTOCOL_FEATURES,
					  VU_GET_QUEUE_NUM };
	struct vu_header all[3];
	struct talk t;

	talk_begin(&t, _i);
	for (unsigned i = 0; i < 3; i++)
		all[i] = (struct vu_header){ codes[i], VU_VERSION, 0 };
	ck_assert(send(t.v.fd, all, sizeof(all), MSG_NOSIGNAL) > 0);
	for (unsigned i = 0; i < 3; i++) {
		struct vhost_message reply;

		ck_assert(vhost_receive(&t.v, &reply));
		ck_assert_uint_eq(reply.header.code, codes[i]);
	}
	talk_end(&t);
}
END_TEST

/* NEED_REPLY on a request that has a reply of its own gives one answer, not
 * two. */
START_TEST(no_request_is_answered_twice)
{
	struct vhost_message reply;
	struct talk t;

	talk_begin(&t, _i);
	ck_assert(vhost_send(&t.v, VU_GET_FEATURES, VU_NEED_REPLY, NULL, 0,
			     NULL, 0));
	ck_assert(vhost_receive(&t.v, &reply));
	ck_assert_uint_eq(reply.payload.u64, TALK_FEATURES);
	ck_assert_uint_eq(vhost_ask_u64(&t.v, VU_GET_QUEUE_NUM), 3);
	talk_end(&t);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		features_are_offered,
		config_space_holds_the_cid_and_never_fails,
		status_is_kept,
		descriptors_of_a_session_go_with_it,
		requests_in_one_piece_are_answered_in_order,
		no_request_is_answered_twice,
	};

	return run_tests("system/vhost_messages", tests, ARRAY_SIZE(tests));
}
