/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Requests that cannot be granted: a non-zero answer where one was asked for,
 * the end of the session otherwise, and nothing has changed or leaked.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "suite.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "unit/session/session_fixture.h"
#include "virtq/memory.h"

enum descriptor { NO_FD, RAM_FD, FILE_FD, NINE_FDS };

struct refusal {
	const char *what;
	uint32_t request;
	uint32_t size;
	enum descriptor descriptor;
	union {
		uint64_t number;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct vhost_user_mem_region region;
		struct vhost_user_mem_table table;
	} payload;
};

#define NUMBER(what, request, value)                  \
	{                                             \
		what, VHOST_USER_##request, 8, NO_FD, \
		{                                     \
			.number = (value)             \
		}                                     \
	}
#define STATE(what, request, index, num)              \
	{                                             \
		what, VHOST_USER_##request, 8, NO_FD, \
		{                                     \
			.state = { index, num }       \
		}                                     \
	}
#define ADDR(what, flags, desc, used, avail)                \
	{                                                   \
		what, VHOST_USER_SET_VRING_ADDR, 40, NO_FD, \
		{                                           \
			.addr = {                           \
				1,                          \
				flags,                      \
				RAM_USER + (desc),          \
				RAM_USER + (used),          \
				RAM_USER + (avail),         \
				0                           \
			}                                   \
		}                                           \
	}
#define REGION(what, request, fd, guest, size, user)              \
	{                                                         \
		what, VHOST_USER_##request, 40, fd,               \
		{                                                 \
			.region = { 0, { guest, size, user, 0 } } \
		}                                                 \
	}

static const struct refusal refusals[] = {
	NUMBER("not offered", SET_FEATURES, 1ull << 32 | 1 << 1),
	NUMBER("packed ring", SET_FEATURES, 1ull << 34),
	NUMBER("not offered", SET_PROTOCOL_FEATURES, 1 << 3 | 1 << 1),
	NUMBER("beyond 8 bits", SET_STATUS, 256),
	STATE("size 0", SET_VRING_NUM, 1, 0),
	STATE("odd size", SET_VRING_NUM, 1, 96),
	STATE("above queue-size", SET_VRING_NUM, 1, 2048),
	STATE("above any size", SET_VRING_NUM, 1, 65536),
	STATE("index beyond 16 bits", SET_VRING_BASE, 1, 65536),
	STATE("no such queue", SET_VRING_NUM, 3, 128),
	STATE("no such queue", SET_VRING_ENABLE, 77, 1),
	STATE("no such queue", GET_VRING_BASE, 3, 0),
	ADDR("desc misaligned", 0, 8, 0, 0),
	ADDR("used misaligned", 0, 0, 2, 0),
	ADDR("avail misaligned", 0, 0, 0, 1),
	ADDR("log", 1, 0, 0, 0),
	REGION("empty", ADD_MEM_REG, RAM_FD, RAM_SIZE, 0, 0x1000),
	REGION("overlap", ADD_MEM_REG, RAM_FD, 0x1000, 0x1000, 0x1000),
	REGION("wraps", ADD_MEM_REG, RAM_FD, -0x1000ull, 0x2000, 0x1000),
	REGION("too short", ADD_MEM_REG, RAM_FD, 1 << 30, RAM_SIZE + 4096, 0),
	REGION("no descriptor", ADD_MEM_REG, NO_FD, 1 << 30, 4096, 0),
	REGION("not there", REM_MEM_REG, NO_FD, 1 << 30, 4096, 0),
	REGION("not there", REM_MEM_REG, RAM_FD, 1 << 30, 4096, 0),
	{ "two that overlap",
	  VHOST_USER_SET_MEM_TABLE,
	  72,
	  NINE_FDS,
	  { .table = { 2, 0, { { 0, 4096, 0, 0 }, { 0, 4096, 0, 0 } } } } },
	{ "too short a file",
	  VHOST_USER_SET_MEM_TABLE,
	  40,
	  RAM_FD,
	  { .table = { 1, 0, { { 0, RAM_SIZE, 0, 4096 } } } } },
	{ "a file", VHOST_USER_SET_VRING_KICK, 8, FILE_FD, { .number = 1 } },
	{ "a file", VHOST_USER_SET_VRING_CALL, 8, FILE_FD, { .number = 1 } },
	{ "a file", VHOST_USER_SET_VRING_ERR, 8, FILE_FD, { .number = 1 } },
	{ "nine", VHOST_USER_SET_VRING_CALL, 8, NINE_FDS, { .number = 1 } },
	{ "nine", VHOST_USER_SET_FEATURES, 8, NINE_FDS, { .number = 0 } },
	{ "size", VHOST_USER_SET_FEATURES, 4, NO_FD, { .number = 0 } },
	{ "size", VHOST_USER_GET_FEATURES, 8, NO_FD, { .number = 0 } },
	{ "size", VHOST_USER_GET_CONFIG, 11, NO_FD, { .number = 0 } },
	{ "other device's", VHOST_USER_SEND_RARP, 8, NO_FD, { .number = 0 } },
	{ "not offered", VHOST_USER_GET_INFLIGHT_FD, 24, NO_FD, { 0 } },
	{ "not offered", VHOST_USER_SET_LOG_BASE, 16, RAM_FD, { 0 } },
	{ "not offered", VHOST_USER_SET_DEVICE_STATE_FD, 8, FILE_FD, { 0 } },
	{ "unheard of", 0, 0, NO_FD, { 0 } },
	{ "unheard of", 1000, 264, NINE_FDS, { 0 } },
	{ "unheard of", 0xffffffff, 0, NO_FD, { 0 } },
};

/* A front end that sends descriptors of a wrong kind is dismissed, and not
 * answered. */
static bool is_dismissed(const struct refusal *r)
{
	return r->descriptor == FILE_FD ||
	       (r->descriptor == NINE_FDS &&
		r->request != VHOST_USER_SET_MEM_TABLE);
}

static struct memory *memory_before;

static int begin(int engine)
{
	int fd;

	session_open(engine);
	fd = session_connect();
	negotiate(fd, true);
	give_memory(fd);
	set_up_queue(fd, 1, 3);
	say_state(fd, VHOST_USER_SET_VRING_ENABLE, 1, 1);
	session_pump();
	memory_before = facts.guest->session.memory;
	return fd;
}

/* Sends the request with or without NEED_REPLY. */
static void say_refusal(int fd, const struct refusal *r, uint32_t flags)
{
	int nine[9], file = -1;
	const int *fds = &ram_fd;
	unsigned nfds = r->descriptor != NO_FD;

	if (r->descriptor == FILE_FD) {
		file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		fds = &file;
	}
	if (r->descriptor == NINE_FDS) {
		nfds = r->request == VHOST_USER_SET_MEM_TABLE ? 2 : 9;
		for (unsigned i = 0; i < nfds; i++)
			nine[i] = ram_fd;
		fds = nine;
	}
	say(fd, r->request, VHOST_USER_VERSION | flags, &r->payload, r->size,
	    fds, nfds);
	fd_close(&file);
}

static void expect_no_change(const char *what)
{
	const struct guest_queue *q = &facts.guest->queue[1];

	ck_assert_msg(queue_active(q), "%s", what);
	ck_assert_uint_eq(q->setup.size, SIZE);
	ck_assert_uint_eq(q->vq.next_avail, 3);
	ck_assert_uint_eq(q->setup.desc, RAM_USER + 0x10000);
	ck_assert_ptr_nonnull(q->kick);
	ck_assert_int_ge(q->call_fd, 0);
	ck_assert_ptr_eq(facts.guest->session.memory, memory_before);
	ck_assert_uint_eq(facts.guest->session.features >> 30 & 1, 1);
	ck_assert_uint_eq(facts.guest->session.protocol_features >> 3 & 1, 1);
	ck_assert_uint_eq(facts.ended, 0);
}

START_TEST(test_answered_with_reply_ack)
{
	int fd = begin(_i);

	for (unsigned i = 0; i < ARRAY_SIZE(refusals); i++) {
		const struct refusal *r = &refusals[i];

		if (is_dismissed(r))
			continue;
		say_refusal(fd, r, VHOST_USER_NEED_REPLY);
		ck_assert_msg(hear_number(fd, r->request) == 1, "%s", r->what);
		expect_silence(fd);
		expect_no_change(r->what);
	}
	close(fd);
	session_close();
}
END_TEST

START_TEST(test_session_ends_without)
{
	const struct refusal *r = &refusals[_i / ENGINES_TESTED];
	int fd = begin(_i % ENGINES_TESTED);

	say_refusal(fd, r, is_dismissed(r) ? VHOST_USER_NEED_REPLY : 0);
	expect_closed(fd);
	ck_assert_ptr_null(facts.guest->session.frontend);
	ck_assert_ptr_null(facts.guest->session.memory);
	ck_assert_uint_eq(facts.ended, 1);
	close(fd);
	session_close();
}
END_TEST

/* NEED_REPLY means nothing before REPLY_ACK was negotiated. */
START_TEST(test_session_ends_without_reply_ack)
{
	int fd;

	session_open(_i);
	fd = session_connect();
	say_nothing(fd, VHOST_USER_SET_OWNER);
	say(fd, VHOST_USER_SET_OWNER, 9, NULL, 0, NULL, 0);
	expect_silence(fd);
	say(fd, VHOST_USER_SEND_RARP, 9, "12345678", 8, NULL, 0);
	expect_closed(fd);
	close(fd);
	session_close();
}
END_TEST

START_TEST(test_never_answered_twice)
{
	int fd = begin(_i);

	ck_assert_uint_ne(ask(fd, VHOST_USER_GET_FEATURES, NULL, 0, NULL, 0),
			  0);
	expect_silence(fd);
	ck_assert_uint_eq(ask(fd, VHOST_USER_SET_OWNER, NULL, 0, NULL, 0), 0);
	expect_silence(fd);
	say_nothing(fd, VHOST_USER_SET_OWNER);
	expect_silence(fd);
	close(fd);
	session_close();
}
END_TEST

START_TEST(test_acknowledged_as_reply_ack_comes_and_goes)
{
	const uint64_t without = 1 << 9, with = 1 << 3;
	int fd;

	session_open(_i);
	fd = session_connect();
	ck_assert_uint_eq(ask(fd, VHOST_USER_SET_PROTOCOL_FEATURES, &with, 8,
			      NULL, 0),
			  0);
	ck_assert_uint_eq(ask(fd, VHOST_USER_SET_PROTOCOL_FEATURES, &without, 8,
			      NULL, 0),
			  0);
	say(fd, VHOST_USER_SET_PROTOCOL_FEATURES, 9, &without, 8, NULL, 0);
	expect_silence(fd);
	close(fd);
	session_close();
}
END_TEST

START_TEST(test_unread_replies_end_the_session)
{
	struct vhost_user_header request = { VHOST_USER_GET_FEATURES, 1, 0 };
	int fd = begin(_i);

	for (unsigned i = 0; i < 100000 && facts.guest->session.frontend; i++) {
		if (send(fd, &request, sizeof(request),
			 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			session_pump();
	}
	session_pump();
	ck_assert_ptr_null(facts.guest->session.frontend);
	close(fd);
	session_close();
}
END_TEST

/* How many surplus descriptors are set aside for the VM, and how many come with
 * SET_STATUS, which takes none. */
static const unsigned surpluses[] = { 0, 1, 7, 245 };
static const unsigned extras[] = { 1, 8, 9, 17, 32 };

/* Sends N descriptors. As many as a message may bring are known to be harmless,
 * and only the request is refused. */
static void bring(int *fd, unsigned n)
{
	const uint64_t status = 1;
	int fds[32];

	for (unsigned i = 0; i < n; i++)
		fds[i] = ram_fd;
	say(*fd, VHOST_USER_SET_STATUS,
	    VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, &status, sizeof(status),
	    fds, n);
	if (n <= VHOST_USER_FDS_MAX) {
		ck_assert_uint_ne(hear_number(*fd, VHOST_USER_SET_STATUS), 0);
		return;
	}
	expect_closed(*fd);
	close(*fd);
	*fd = session_connect();
	negotiate(*fd, true);
}

/* However many are set aside, all are closed, and the next front end is heard. */
START_TEST(test_surplus_descriptors_are_closed)
{
	struct descriptors d = { .share = 1000 };
	int fd = begin(_i);

	facts.guest->loop->descriptors = &d;
	for (unsigned i = 0; i < ARRAY_SIZE(surpluses); i++) {
		d.surplus = surpluses[i];
		for (unsigned k = 0; k < ARRAY_SIZE(extras); k++) {
			bring(&fd, extras[k]);
			say_nothing(fd, VHOST_USER_GET_QUEUE_NUM);
			ck_assert_uint_eq(
				hear_number(fd, VHOST_USER_GET_QUEUE_NUM), 3);
		}
	}
	facts.guest->loop->descriptors = NULL;
	close(fd);
	session_close();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("refusals");
	TCase *tcase = tcase_create("refusals");

	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, test_answered_with_reply_ack, 0,
			    ENGINES_TESTED);
	tcase_add_loop_test(tcase, test_session_ends_without, 0,
			    ENGINES_TESTED * ARRAY_SIZE(refusals));
	tcase_add_loop_test(tcase, test_session_ends_without_reply_ack, 0,
			    ENGINES_TESTED);
	tcase_add_loop_test(tcase, test_never_answered_twice, 0,
			    ENGINES_TESTED);
	tcase_add_loop_test(tcase,
			    test_acknowledged_as_reply_ack_comes_and_goes, 0,
			    ENGINES_TESTED);
	tcase_add_loop_test(tcase, test_surplus_descriptors_are_closed, 0,
			    ENGINES_TESTED);
	tcase_add_loop_test(tcase, test_unread_replies_end_the_session, 0,
			    ENGINES_TESTED);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
