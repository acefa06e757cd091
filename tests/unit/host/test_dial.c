/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Dials that wait for room in a full backlog: how many are tried again, and
 * when. */
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "config/config.h"
#include "guest/guest.h"
#include "host/dial.h"
#include "link/link.h"
#include "ring/ring.h"
#include "suite.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "unit/host/host_fixture.h"
#include "vsock/packet.h"

#define PORT 5000
#define WAITING 100u
#define REDIALS LOOP_CHORES_OF_A_KIND /* in one go */
#define REDIALS_MS 2

static struct loop loop;
static struct guest *guest;
static struct sockaddr_un addr = { .sun_family = AF_UNIX };
static int server;
static int client; /* fills the server's backlog */

/* A Unix listener of backlog 0 holds one connection, CLIENT's: every dial of
 * the test waits, until listen() is called again with a larger number. */
static void setup(void)
{
	guest = host_begin(&loop, "epoll");
	ck_assert_ptr_nonnull(guest);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s_%d",
		 guest->config->uds_path, PORT);
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert(!bind(server, (struct sockaddr *)&addr, sizeof(addr)));
	ck_assert(!listen(server, 0));
	ck_assert(!connect(client, (struct sockaddr *)&addr, sizeof(addr)));
}

static void teardown(void)
{
	host_finish(guest);
	fd_close(&server);
	fd_close(&client);
	unlink(addr.sun_path);
}

static void request(uint32_t from_port)
{
	struct packet packet = {
		.op = PACKET_REQUEST,
		.type = PACKET_STREAM,
		.src_cid = 3,
		.dst_cid = PACKET_HOST_CID,
		.src_port = from_port,
		.dst_port = PORT,
		.buf_alloc = 262144,
	};

	dial(guest, &packet);
}

START_TEST(a_bounded_number_is_dialed_again_at_a_time)
{
	static const struct {
		unsigned after_ms;
		unsigned waiting;
	} rows[] = {
		{ 0, WAITING - REDIALS },
		{ 0, WAITING - REDIALS },
		{ REDIALS_MS - 1, WAITING - REDIALS },
		{ REDIALS_MS, WAITING - 2 * REDIALS },
		{ REDIALS_MS, WAITING - 2 * REDIALS },
	};
	unsigned waiting = WAITING;
	uint64_t later;

	for (uint32_t i = 0; i < WAITING; i++)
		request(1000 + i);
	ck_assert_uint_eq(guest->dialing.waiting, WAITING);
	ck_assert(!listen(server, 4096));
	later = clock_ms() + 1000;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		loop.chores = 0;
		dial_again(&loop, later + rows[i].after_ms);
		ck_assert_uint_eq(loop.chores,
				  waiting - guest->dialing.waiting);
		waiting = guest->dialing.waiting;
		ck_assert_msg(guest->dialing.waiting == rows[i].waiting,
			      "row %zu: %u wait", i, guest->dialing.waiting);
	}
	ck_assert_uint_eq(dial_next(&loop), later + 2 * REDIALS_MS);
	while (guest->dialing.waiting)
		dial_again(&loop, dial_next(&loop));
	ck_assert_uint_eq(dial_next(&loop), TIMER_NEVER);
}
END_TEST

/* A dial that found no room again goes to the end of the queue and waits. */
START_TEST(nobody_is_dialed_twice_before_all_were)
{
	uint64_t later;

	for (uint32_t i = 0; i < WAITING; i++)
		request(1000 + i);
	later = clock_ms() + 1000;
	dial_again(&loop, later);
	ck_assert_uint_eq(guest->dialing.waiting, WAITING);
	ck_assert(!listen(server, 4096));
	dial_again(&loop, later + REDIALS_MS);
	ck_assert_uint_eq(guest->dialing.waiting, WAITING - REDIALS);
	for (uint32_t i = REDIALS; i < 2 * REDIALS; i++)
		ck_assert_uint_eq(table_find(&guest->conns, PACKET_HOST_CID,
					     PORT, 1000 + i)
					  ->state,
				  CONN_OPEN);
}
END_TEST

/* Makes TCP connections to a listener until its backlog is full. Returns the
 * last one, which is under way. */
static int slow_connect(int *listener, int clients[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = -1;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	*listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert(!bind(*listener, (struct sockaddr *)&in, sizeof(in)));
	ck_assert(!listen(*listener, 0));
	ck_assert(!getsockname(*listener, (struct sockaddr *)&in, &len));
	for (unsigned i = 0; i < 3; i++) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fd, (struct sockaddr *)&in, sizeof(in));
		if (i < 2)
			clients[i] = fd;
	}
	ck_assert_int_eq(fd_socket_error(fd), 0);
	return fd;
}

/* AF_VSOCK is reported as writable while it is still connecting: that is not
 * the end of its connect(2), which is reported later. TCP, which stands for it
 * here, tries again after a second. */
START_TEST(an_early_report_is_no_connection)
{
	const struct packet packet = {
		.op = PACKET_REQUEST,
		.type = PACKET_STREAM,
		.src_cid = 3,
		.dst_cid = PACKET_HOST_CID,
		.src_port = 1000,
		.dst_port = PORT,
		.buf_alloc = 262144,
	};
	int listener, clients[2];
	int fd = slow_connect(&listener, clients);
	struct link *link = link_new_from_guest(guest, &packet, &fd);

	ck_assert(descriptors_take(NULL, &guest->fds.held));
	ck_assert(!link_join(link) && !link_watch_connect(link));
	list_append(&guest->dialing.dialed, &link->host_node);
	dial_conclude(guest);
	ck_assert_int_eq(link->conn.state, CONN_HOST_PENDING);
	ck_assert(link->host.connecting);
	for (unsigned i = 0; i < 2; i++)
		fd_close(&clients[i]);
	clients[0] = accept(listener, NULL, NULL);
	while (list_empty(&guest->dialing.dialed))
		ck_assert_uint_gt(ring_wait(loop.ring, 20000), 0);
	dial_conclude(guest);
	ck_assert_int_eq(link->conn.state, CONN_OPEN);
	fd_close(&clients[0]);
	fd_close(&listener);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dial");
	TCase *tcase = tcase_create("dial");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_bounded_number_is_dialed_again_at_a_time);
	tcase_add_test(tcase, nobody_is_dialed_twice_before_all_were);
	tcase_add_test(tcase, an_early_report_is_no_connection);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
