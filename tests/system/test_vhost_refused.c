/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vhost-user requests that are wrong: the daemon refuses them, lives on and
 * leaks nothing. */
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/talk.h"

/* Bits 0 and 2 are vsock's own, 26 is the log of dirty pages, 34 the packed
 * ring. */
START_TEST(features_not_offered_are_refused)
{
	static const uint64_t foreign[] = { 1, 4, 1ull << 26, 1ull << 34,
					    1ull << 63 };
	struct talk t;

	talk_begin(&t, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(foreign); i++) {
		ck_assert_uint_ne(vhost_tell_u64(&t.v, VU_SET_FEATURES,
						 TALK_FEATURES | foreign[i]),
				  0);
		ck_assert_uint_eq(vhost_tell_u64(&t.v, VU_SET_FEATURES,
						 TALK_FEATURES),
				  0);
	}
	ck_assert_uint_ne(vhost_tell_u64(&t.v, VU_SET_PROTOCOL_FEATURES,
					 TALK_PROTOCOL_FEATURES | 1ull << 60),
			  0);
	talk_end(&t);
}
END_TEST

START_TEST(config_space_cannot_be_written)
{
	struct vu_config c = { .offset = 0, .size = 8 };
	struct talk t;

	talk_begin(&t, _i);
	ck_assert_uint_ne(vhost_tell(&t.v, VU_SET_CONFIG, &c, 20, NULL, 0), 0);
	talk_end(&t);
}
END_TEST

static bool is_known(uint32_t code)
{
	static const uint32_t known[] = {
		VU_GET_FEATURES,
		VU_SET_FEATURES,
		VU_SET_OWNER,
		VU_RESET_OWNER,
		VU_SET_MEM_TABLE,
		VU_SET_VRING_NUM,
		VU_SET_VRING_ADDR,
		VU_SET_VRING_BASE,
		VU_GET_VRING_BASE,
		VU_SET_VRING_KICK,
		VU_SET_VRING_CALL,
		VU_SET_VRING_ERR,
		VU_GET_PROTOCOL_FEATURES,
		VU_SET_PROTOCOL_FEATURES,
		VU_GET_QUEUE_NUM,
		VU_SET_VRING_ENABLE,
		VU_GET_CONFIG,
		VU_SET_CONFIG,
		VU_RESET_DEVICE,
		VU_GET_MAX_MEM_SLOTS,
		VU_ADD_MEM_REG,
		VU_REM_MEM_REG,
		VU_SET_STATUS,
		VU_GET_STATUS,
	};

	for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
		if (known[i] == code)
			return true;
	return false;
}

/* Up to numbers that no version uses yet, with a descriptor and without. */
START_TEST(unknown_requests_are_refused_and_their_descriptors_closed)
{
	uint8_t payload[64] = { 0 };
	struct talk t;
	unsigned fds;

	talk_begin(&t, _i);
	fds = daemon_fds(&t.scene.daemon);
	for (uint32_t code = 0; code < 70; code++) {
		int fd = eventfd(0, EFD_CLOEXEC);

		if (!is_known(code)) {
			ck_assert_uint_ne(vhost_tell(&t.v, code, payload,
						     code % 17 * 3, &fd,
						     code % 2),
					  0);
			drive_until(&t.scene.world,
				    daemon_fds(&t.scene.daemon) <= fds);
		}
		close(fd);
	}
	talk_end(&t);
}
END_TEST

START_TEST(unknown_request_without_reply_ends_the_session_and_is_named)
{
	struct talk t;

	talk_begin(&t, _i);
	ck_assert(vhost_send(&t.v, 61, 0, NULL, 0, NULL, 0));
	vhost_await_hang_up(&t.v);
	drive_until(&t.scene.world,
		    daemon_log_count(&t.scene.daemon, "61") == 1);
	vhost_hang_up(&t.v);
	talk_again(&t);
	talk_end(&t);
}
END_TEST

static const uint32_t ring_requests[] = {
	VU_SET_VRING_NUM,  VU_SET_VRING_BASE, VU_SET_VRING_ENABLE,
	VU_SET_VRING_KICK, VU_SET_VRING_CALL, VU_SET_VRING_ERR,
};

START_TEST(ring_indexes_beyond_the_last_are_refused)
{
	static const uint32_t indexes[] = { 3, 4, 0xff, 0x10000, 0x80000000 };
	struct vu_addr addr = { 0 };
	struct talk t;
	unsigned fds;

	talk_begin(&t, _i);
	fds = daemon_fds(&t.scene.daemon);
	for (unsigned i = 0; i < ARRAY_SIZE(indexes); i++) {
		uint64_t u64 = indexes[i];

		for (unsigned k = 0; k < 3; k++)
			ck_assert_uint_ne(vhost_tell_state(&t.v,
							   ring_requests[k],
							   indexes[i], 1),
					  0);
		if (u64 == 0x80000000)
			u64 = 0x7f;
		for (unsigned k = 3; k < 6; k++) {
			int fd = eventfd(0, EFD_CLOEXEC);

			ck_assert_uint_ne(vhost_tell(&t.v, ring_requests[k],
						     &u64, 8, &fd, 1),
					  0);
			close(fd);
		}
		addr.index = indexes[i];
		ck_assert_uint_ne(vhost_tell(&t.v, VU_SET_VRING_ADDR, &addr,
					     sizeof(addr), NULL, 0),
				  0);
	}
	drive_until(&t.scene.world, daemon_fds(&t.scene.daemon) <= fds);
	talk_end(&t);
}
END_TEST

START_TEST(ring_sizes_must_be_powers_of_two_in_range)
{
	static const struct {
		uint32_t size;
		bool good;
	} cases[] = {
		{ 1, true },	       { 2, true },	 { 128, true },
		{ 1024, true },	       { 0, false },	 { 3, false },
		{ 2048, false },       { 65536, false }, { 0x80000000, false },
		{ 0xffffffff, false },
	};
	struct talk t;

	talk_begin(&t, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(!vhost_tell_state(&t.v, VU_SET_VRING_NUM, 0,
						cases[i].size) == cases[i].good,
			      "size %u", cases[i].size);
	talk_end(&t);
}
END_TEST

/* Whether the daemon hung up or answered; it lives on in either case. */
static void provoke(struct talk *t, uint32_t code, uint32_t size)
{
	uint8_t payload[4096] = { 0 };
	struct vhost_message reply;

	if (!vhost_send(&t->v, code, VU_NEED_REPLY, payload, size, NULL, 0) ||
	    !vhost_receive(&t->v, &reply)) {
		vhost_hang_up(&t->v);
		talk_again(t);
		return;
	}
	ck_assert_uint_eq(reply.header.code, code);
}

/* For each request, sizes around its own: a handler that trusts its payload
 * would read what is not there. */
START_TEST(payloads_of_any_size_do_no_harm)
{
	static const uint32_t sizes[] = {
		0, 1, 4, 7, 8, 9, 12, 16, 39, 40, 41, 271, 272, 273, 300, 4096
	};
	struct talk t;
	unsigned fds;

	talk_begin(&t, _i);
	fds = daemon_fds(&t.scene.daemon);
	for (uint32_t code = 0; code < 48; code++)
		for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
			provoke(&t, code, sizes[i]);
	vhost_hang_up(&t.v);
	talk_again(&t);
	drive_until(&t.scene.world, daemon_fds(&t.scene.daemon) <= fds);
	talk_end(&t);
}
END_TEST

START_TEST(nonsense_instead_of_a_header_ends_the_session)
{
	static const struct vu_header headers[] = {
		{ 1, 0, 0 },		       /* no version */
		{ 1, 2, 0 },		       /* another version */
		{ 1, VU_VERSION, 0xffffffff }, /* endless */
		{ 5, VU_VERSION, 0x10000 },
	};
	struct talk t;

	talk_begin(&t, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(headers); i++) {
		ck_assert(send(t.v.fd, &headers[i], sizeof(headers[i]),
			       MSG_NOSIGNAL) > 0);
		vhost_await_hang_up(&t.v);
		vhost_hang_up(&t.v);
		talk_again(&t);
	}
	talk_end(&t);
}
END_TEST

START_TEST(descriptors_beyond_eight_are_closed_and_end_the_session)
{
	uint64_t value = 0;
	int many[32];
	struct talk t;
	unsigned fds;

	talk_begin(&t, _i);
	fds = daemon_fds(&t.scene.daemon);
	for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = eventfd(0, EFD_CLOEXEC);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(vhost_send(&t.v, i ? VU_SET_OWNER : VU_SET_VRING_CALL,
				     VU_NEED_REPLY, &value, i ? 0 : 8, many,
				     i ? 9 : 32));
		vhost_await_hang_up(&t.v);
		vhost_hang_up(&t.v);
		talk_again(&t);
		drive_until(&t.scene.world, daemon_fds(&t.scene.daemon) <= fds);
	}
	ck_assert_uint_eq(
		vhost_tell(&t.v, VU_SET_VRING_CALL, &value, 8, many, 1), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
		close(many[i]);
	talk_end(&t);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		features_not_offered_are_refused,
		config_space_cannot_be_written,
		unknown_requests_are_refused_and_their_descriptors_closed,
		unknown_request_without_reply_ends_the_session_and_is_named,
		ring_indexes_beyond_the_last_are_refused,
		ring_sizes_must_be_powers_of_two_in_range,
		payloads_of_any_size_do_no_harm,
		nonsense_instead_of_a_header_ends_the_session,
		descriptors_beyond_eight_are_closed_and_end_the_session,
	};

	return run_tests("system/vhost_refused", tests, ARRAY_SIZE(tests));
}
