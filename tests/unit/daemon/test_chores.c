/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One turn does a bounded number of chores for connections, however many there
 * are to do. The tests count work, and no time.
 */
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "config/config.h"
#include "funnel/from_guest.h"
#include "host/listener.h"
#include "link/link.h"
#include "ring/ring.h"
#include "session/ends.h"
#include "session/frontends.h"
#include "suite.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "turn/turn.h"
#include "unit/session/session_fixture.h"
#include "vsock/packet.h"

#define MANY 100u
#define HOST_PORT 5000u
#define PACKETS_AT 0x80000u

static int programs[MANY];
static struct turn turn;

static struct loop *loop_of(void)
{
	return facts.guest->loop;
}

static struct packet packet_of(unsigned i, enum packet_op op)
{
	return (struct packet){
		.src_cid = guest_cid(facts.guest),
		.dst_cid = PACKET_HOST_CID,
		.src_port = 2000 + i,
		.dst_port = HOST_PORT,
		.type = PACKET_STREAM,
		.op = op,
		.buf_alloc = 65536,
	};
}

static void join(unsigned i)
{
	const struct packet request = packet_of(i, PACKET_REQUEST);
	struct link *link;
	int ends[2];

	ck_assert(!socketpair(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
	programs[i] = ends[0];
	ck_assert(descriptors_take(NULL, &facts.guest->fds.held));
	link = link_new_from_guest(facts.guest, &request, &ends[1]);
	ck_assert_ptr_nonnull(link);
	ck_assert(!link_join(link) && !link_watch(link));
	link_carry_out(link, conn_host_connected(&link->conn));
}

static bool at_end(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static unsigned programs_at_end(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MANY; i++)
		n += at_end(programs[i]);
	return n;
}

static void close_programs(void)
{
	for (unsigned i = 0; i < MANY; i++)
		fd_close(&programs[i]);
}

/* The guest's packets are not moved before all of its old connections have
 * ended. */
START_TEST(connections_of_a_session_end_in_slices)
{
	unsigned turns = 0, before;
	bool more = true;
	int fd;

	session_open(_i);
	fd = session_connect();
	negotiate(fd, true);
	start_queues(fd, 0);
	for (unsigned i = 0; i < MANY; i++)
		join(i);
	ck_assert(guest_running(facts.guest));
	ends_end_connections(facts.guest);
	while (more) {
		ck_assert(!guest_running(facts.guest));
		ck_assert(!guest_is_heard(facts.guest));
		before = facts.guest->conns.count;
		loop_of()->chores = 0;
		more = ends_end_some(facts.guest) == STEP_MORE;
		ck_assert_uint_le(before - facts.guest->conns.count,
				  LOOP_CHORES);
		turns++;
	}
	ck_assert_uint_ge(turns, MANY / LOOP_CHORES);
	ck_assert_uint_eq(facts.guest->conns.count, 0);
	ck_assert_uint_eq(programs_at_end(), MANY);
	ck_assert(guest_running(facts.guest));
	close_programs();
	close(fd);
	session_close();
}
END_TEST

static int listen_at(struct sockaddr_un *addr)
{
	static unsigned count;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(addr->sun_path + 1, sizeof(addr->sun_path) - 1,
		 "test_chores.%d.%u", getpid(), count++);
	ck_assert(!bind(fd, (void *)addr, sizeof(*addr)));
	ck_assert(!listen(fd, 2 * MANY));
	return fd;
}

static void dial_all(const struct sockaddr_un *addr, const char *line)
{
	for (unsigned i = 0; i < MANY; i++) {
		programs[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert(!connect(programs[i], (const void *)addr,
				   sizeof(*addr)));
		ck_assert_int_eq(send(programs[i], line, strlen(line), 0),
				 (int)strlen(line));
	}
}

/* Serves the listener turn by turn until it has nothing to do. */
static void serve(void)
{
	bool more = true;

	while (more) {
		ring_wait(loop_of()->ring, 0);
		loop_of()->chores = 0;
		more = listener_serve(facts.guest) == STEP_MORE;
		/* a refused line is two chores: its socket is closed */
		ck_assert_uint_le(loop_of()->chores,
				  2 * LOOP_CHORES_OF_A_KIND + 1);
		link_sweep(loop_of());
	}
}

static void stop(struct listener *listener, int *fd)
{
	listener_stop(listener);
	close_programs();
	ring_wait(loop_of()->ring, 0);
	while (listener_busy(listener))
		ring_wait(loop_of()->ring, 1000);
	listener_free(listener);
	fd_close(fd);
}

/* Each host program is refused, as no guest runs. */
START_TEST(host_programs_are_served_in_slices)
{
	struct listener *listener;
	struct sockaddr_un addr;
	int fd;

	session_open(_i);
	fd = listen_at(&addr);
	listener = listener_new(facts.guest, fd, PACKET_STREAM);
	ck_assert_ptr_nonnull(listener);
	dial_all(&addr, "CONNECT 77\n");
	while (programs_at_end() < MANY)
		serve();
	ck_assert_uint_eq(facts.guest->greeters.count, 0);
	stop(listener, &fd);
	session_close();
}
END_TEST

START_TEST(silent_host_programs_are_closed_in_slices)
{
	struct listener *listener;
	struct sockaddr_un addr;
	uint64_t later;
	int fd;

	session_open(_i);
	fd = listen_at(&addr);
	listener = listener_new(facts.guest, fd, PACKET_STREAM);
	ck_assert_ptr_nonnull(listener);
	dial_all(&addr, "");
	while (facts.guest->greeters.count < MANY)
		serve();
	later = clock_ms() + LOOP_GREETING_MS;
	for (unsigned left = MANY; left; left = facts.guest->greeters.count) {
		loop_of()->chores = 0;
		listener_expire(loop_of(), later);
		ck_assert_uint_lt(facts.guest->greeters.count, left);
		ck_assert_uint_le(left - facts.guest->greeters.count,
				  LOOP_CHORES_OF_A_KIND);
	}
	ck_assert_uint_eq(programs_at_end(), MANY);
	stop(listener, &fd);
	session_close();
}
END_TEST

static void send_resets(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		const struct packet p = packet_of(i, PACKET_RST);
		uint32_t at = PACKETS_AT + i * PACKET_HEADER_SIZE;

		packet_build(&p, ram + at);
		desc_of(GUEST_TX)[i] = (struct vring_desc){
			.addr = htole64(at),
			.len = htole32(PACKET_HEADER_SIZE),
		};
		avail_of(GUEST_TX)[2 + i] = htole16((uint16_t)i);
	}
	avail_of(GUEST_TX)[1] = htole16(MANY);
}

START_TEST(a_guest_ends_some_of_its_connections_in_a_turn)
{
	unsigned ended = 0, now;
	bool more = true;
	int fd;

	session_open(_i);
	fd = session_connect();
	negotiate(fd, true);
	start_queues(fd, 0);
	for (unsigned i = 0; i < MANY; i++)
		join(i);
	send_resets();
	while (more) {
		loop_of()->chores = 0;
		share_begin(&loop_of()->share, clock_ms());
		more = from_guest_collect(facts.guest, &turn, false) ==
		       STEP_MORE;
		turn_clear(&turn);
		now = programs_at_end();
		ck_assert_uint_le(now - ended, LOOP_CHORES_OF_A_KIND);
		ended = now;
	}
	ck_assert_uint_eq(ended, MANY);
	ends_settle(facts.guest);
	close_programs();
	close(fd);
	session_close();
}
END_TEST

/* Sends memory in a file whose kind only the mount table tells, and which is
 * refused. */
static void bring_file(int fd)
{
	const struct vhost_user_mem_table table = {
		.nregions = 1,
		.regions = { { 0, RAM_SIZE, RAM_USER, 0 } },
	};
	int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	say(fd, VHOST_USER_SET_MEM_TABLE, VHOST_USER_VERSION, &table, 40, &file,
	    1);
	close(file);
}

static unsigned gone(const int *fds)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FRONTENDS_WAITING; i++)
		n += at_end(fds[i]);
	return n;
}

/* Each connection becomes the front end, and is dismissed for its file. */
START_TEST(one_message_that_reads_a_mount_table_fills_a_turn)
{
	int fds[FRONTENDS_WAITING];
	unsigned turns = 0;
	bool more = true;

	session_open(_i);
	for (unsigned i = 0; i < FRONTENDS_WAITING; i++) {
		fds[i] = session_connect();
		bring_file(fds[i]);
	}
	ring_wait(loop_of()->ring, 0);
	while (more) {
		loop_of()->chores = 0;
		more = frontends_run(facts.frontends) == STEP_MORE;
		turns++;
		ck_assert_uint_le(gone(fds), turns);
		ck_assert_uint_ge(loop_of()->chores, LOOP_CHORES);
	}
	ck_assert_uint_eq(gone(fds), FRONTENDS_WAITING);
	for (unsigned i = 0; i < FRONTENDS_WAITING; i++)
		close(fds[i]);
	session_close();
}
END_TEST

#define LOOP(test) tcase_add_loop_test(tcase, test, 0, ENGINES_TESTED)

int main(void)
{
	Suite *suite = suite_create("chores");
	TCase *tcase = tcase_create("chores");

	LOOP(connections_of_a_session_end_in_slices);
	LOOP(host_programs_are_served_in_slices);
	LOOP(silent_host_programs_are_closed_in_slices);
	LOOP(a_guest_ends_some_of_its_connections_in_a_turn);
	LOOP(one_message_that_reads_a_mount_table_fills_a_turn);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
