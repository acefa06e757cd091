/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Short turns move 64 KiB each way while a light connection is active, and must
 * not serve the same guest or link first each time. The test drives a service
 * turn by turn, with guests whose rings lie in memory of the test. It says before
 * each turn that a light connection is active, so that nothing here depends on
 * the speed of the machine.
 */
#include <endian.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_ring.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fd.h"
#include "config/config.h"
#include "daemon/service.h"
#include "link/link.h"
#include "ring/ring.h"
#include "session/ends.h"
#include "session/frontends.h"
#include "sibling/switchboard.h"
#include "suite.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "vsock/packet.h"

#define GUESTS 3
#define LINKS 21
#define FIRST_CID 3
#define FIRST_PORT 700
#define HOST_PORT 9

/* The size of each queue, and where its parts are in the guest's memory. */
#define SIZE 128
#define QUEUE_SPACE 0x100000
#define AVAIL_AT 0x4000
#define USED_AT 0x8000
#define BUFFERS_AT 0x10000
#define BUFFER_SPACE 0x1800
#define BUFFER (PACKET_HEADER_SIZE + 4096)
#define RAM_SIZE (2 * QUEUE_SPACE)
#define RAM_USER 0x7f0000000000ull

/* Half of the turns are for light connections alone. */
#define TURNS 40
#define SHARE (4 * SHARE_SHORT)

struct machine {
	struct guest *guest;
	struct memory *memory;
	uint8_t *ram;
	int ram_fd;
	struct link *links[LINKS]; /* the first is greedy */
	int programs[LINKS];
	unsigned nlinks;
	uint16_t seen[2]; /* used elements of each queue */
};

static char name[] = "vm";
static struct vm_config configs[GUESTS];
static struct machine machines[GUESTS];
static unsigned nmachines;
static const struct config config = { .vms = configs, .nvms = GUESTS };
static struct switchboard *board;
static struct service *service;

static struct share *share(void)
{
	return &service_loop(service)->share;
}

static uint8_t *at(const struct machine *m, unsigned queue, uint32_t offset)
{
	return m->ram + queue * QUEUE_SPACE + offset;
}

static uint16_t *ring_of(const struct machine *m, unsigned queue,
			 uint32_t offset)
{
	return (uint16_t *)(void *)at(m, queue, offset);
}

static void open_memory(struct machine *m)
{
	const struct memory_region all = { 0, RAM_SIZE, RAM_USER, 0 };
	const char *why = "";

	m->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	ck_assert_int_ge(m->ram_fd, 0);
	ck_assert_int_eq(ftruncate(m->ram_fd, RAM_SIZE), 0);
	m->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
		      m->ram_fd, 0);
	ck_assert(m->ram != MAP_FAILED);
	m->memory = memory_new(&all, &m->ram_fd, 1, &why);
	ck_assert_msg(m->memory != NULL, "%s", why);
}

static void start_queue(struct machine *m, unsigned queue)
{
	struct guest_queue *q = &m->guest->queue[queue];
	uint64_t base = RAM_USER + queue * QUEUE_SPACE;
	const char *why = "";

	ck_assert_int_eq(queue_set_size(q, SIZE, SIZE, &why), 0);
	ck_assert_int_eq(queue_set_addresses(q, base, base + AVAIL_AT,
					     base + USED_AT, &why),
			 0);
	ck_assert_int_eq(queue_set_base(q, 0, &why), 0);
	q->polled = true;
	ck_assert_int_eq(queue_start(q, m->memory, 0, &why), 0);
	q->enabled = true;
	for (unsigned i = 0; i < SIZE; i++) {
		uint64_t buffer = queue * QUEUE_SPACE + BUFFERS_AT +
				  i * (uint64_t)BUFFER_SPACE;

		((struct vring_desc *)(void *)at(m, queue,
						 0))[i] = (struct vring_desc){
			.addr = htole64(buffer),
			.len = htole32(BUFFER),
			.flags = htole16(queue == GUEST_RX ? VRING_DESC_F_WRITE
							   : 0),
		};
	}
}

/* Makes the descriptor HEAD available to the device. */
static void offer(struct machine *m, unsigned queue, uint16_t head)
{
	uint16_t *avail = ring_of(m, queue, AVAIL_AT);
	uint16_t index = le16toh(avail[1]);

	avail[2 + index % SIZE] = htole16(head);
	__atomic_store_n(&avail[1], htole16((uint16_t)(index + 1)),
			 __ATOMIC_RELEASE);
}

/* Takes the next used element. False: there is none. */
static bool take_back(struct machine *m, unsigned queue, uint16_t *head)
{
	uint16_t *used = ring_of(m, queue, USED_AT);
	const struct vring_used_elem *elements = (void *)(used + 2);

	if (__atomic_load_n(&used[1], __ATOMIC_ACQUIRE) ==
	    htole16(m->seen[queue]))
		return false;
	*head = (uint16_t)le32toh(elements[m->seen[queue]++ % SIZE].id);
	return true;
}

/* The guest sends 4 KiB through its greedy connection. */
static void send_packet(struct machine *m, uint16_t head)
{
	const struct packet p = {
		.op = PACKET_RW,
		.type = PACKET_STREAM,
		.src_cid = m->guest->config->guest_cid,
		.dst_cid = PACKET_HOST_CID,
		.src_port = FIRST_PORT,
		.dst_port = HOST_PORT,
		.len = BUFFER - PACKET_HEADER_SIZE,
		.buf_alloc = INT32_MAX,
		.fwd_cnt = m->links[0]->conn.credit.tx_cnt,
	};

	packet_build(&p, at(m, GUEST_TX,
			    BUFFERS_AT + head * (uint32_t)BUFFER_SPACE));
	offer(m, GUEST_TX, head);
}

static void join(struct machine *m)
{
	const struct packet request = {
		.op = PACKET_REQUEST,
		.type = PACKET_STREAM,
		.src_cid = m->guest->config->guest_cid,
		.dst_cid = PACKET_HOST_CID,
		.src_port = FIRST_PORT + m->nlinks,
		.dst_port = HOST_PORT,
		.buf_alloc = INT32_MAX,
	};
	struct link *link;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX,
				    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
				    0, ends),
			 0);
	ck_assert(descriptors_take(NULL, &m->guest->fds.held));
	link = link_new_from_guest(m->guest, &request, &ends[0]);
	ck_assert_ptr_nonnull(link);
	ck_assert_int_eq(link_join(link), 0);
	ck_assert_int_eq(link_watch(link), 0);
	link_carry_out(link, conn_host_connected(&link->conn));
	m->programs[m->nlinks] = ends[1];
	m->links[m->nlinks++] = link;
}

/* A guest with one connection and so many receive BUFFERS. */
static struct machine *add_machine(uint16_t buffers)
{
	unsigned i = nmachines++;
	struct machine *m = &machines[i];

	*m = (struct machine){
		.guest = guest_new(&configs[i], service_loop(service)),
	};
	ck_assert_ptr_nonnull(m->guest);
	ck_assert_ptr_nonnull(frontends_new(m->guest));
	open_memory(m);
	start_queue(m, GUEST_RX);
	start_queue(m, GUEST_TX);
	for (uint16_t head = 0; head < buffers; head++)
		offer(m, GUEST_RX, head);
	join(m);
	return m;
}

static void set_up(void)
{
	const char *why = "";
	struct service_setup setup = {
		.ring = ring_open("epoll", &why),
		.guests = GUESTS,
	};

	ck_assert_msg(setup.ring, "%s", why);
	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned i = 0; i < GUESTS; i++)
		configs[i] = (struct vm_config){
			.name = name,
			.guest_cid = FIRST_CID + i,
			.fd = -1,
			.tx_buffer_size = CONFIG_TX_BUFFER_MAX,
			.queue_size = SIZE,
		};
	board = switchboard_new(&config, 1);
	ck_assert_ptr_nonnull(board);
	setup.board = board;
	service = service_new(&setup);
	ck_assert_ptr_nonnull(service);
	nmachines = 0;
}

static void tear_down(void)
{
	for (unsigned i = 0; i < nmachines; i++) {
		frontends_stop(machines[i].guest->session.frontends);
		ends_kill_connections(machines[i].guest);
	}
	service_end(service);
	for (unsigned i = 0; i < nmachines; i++) {
		struct machine *m = &machines[i];

		frontends_free(m->guest->session.frontends);
		guest_free(m->guest);
		memory_put(m->memory);
		munmap(m->ram, RAM_SIZE);
		fd_close(&m->ram_fd);
		for (unsigned j = 0; j < m->nlinks; j++)
			fd_close(&m->programs[j]);
	}
	service_free(service);
	switchboard_free(board);
}

/* The guest keeps its TX ring full, and a host program reads everything. */
static void keep_sending(struct machine *m, bool first)
{
	static char bytes[1 << 20];
	uint16_t head;

	for (head = 0; first && head < SIZE; head++)
		send_packet(m, head);
	while (take_back(m, GUEST_TX, &head))
		send_packet(m, head);
	while (recv(m->programs[0], bytes, sizeof(bytes), 0) > 0)
		continue;
}

/* One host program writes all that its socket takes, the others a byte each. */
static void keep_receiving(struct machine *m)
{
	static const char bytes[1 << 16];

	while (send(m->programs[0], bytes, sizeof(bytes), MSG_NOSIGNAL) > 0)
		continue;
	for (unsigned i = 1; i < m->nlinks; i++)
		ck_assert_int_eq(send(m->programs[i], "", 1, MSG_NOSIGNAL), 1);
}

/* The driver offers filled buffers again. */
static void refill(struct machine *m)
{
	uint16_t head;

	while (take_back(m, GUEST_RX, &head))
		offer(m, GUEST_RX, head);
}

/* Makes a short turn, or one for light connections. Each guest's first link is
 * greedy. */
static void turn(void)
{
	struct share *s = share();

	s->now_ms = s->light_ms = s->crowded_ms = clock_ms();
	for (unsigned i = 0; i < nmachines; i++)
		share_count(s, &machines[i].links[0]->use, SHARE_LIGHT);
	service_wait(service);
	service_turn(service);
	for (unsigned i = 0; i < nmachines; i++)
		refill(&machines[i]);
}

static uint32_t sent(const struct machine *m)
{
	return m->links[0]->conn.credit.rx_cnt;
}

static uint32_t received(const struct machine *m)
{
	return m->links[0]->conn.credit.tx_cnt;
}

START_TEST(guest_that_only_receives_is_not_behind_one_that_sends)
{
	struct machine *sender = add_machine(SIZE);
	struct machine *receiver = add_machine(SIZE);

	guest_wake(sender->guest);
	guest_wake(receiver->guest);
	for (unsigned i = 0; i < TURNS; i++) {
		keep_sending(sender, !i);
		keep_receiving(receiver);
		turn();
	}
	ck_assert_uint_ge(sent(sender), SHARE);
	ck_assert_uint_ge(received(receiver), SHARE);
}
END_TEST

/* The guest that is last in a turn is the first in the next. */
START_TEST(guests_that_send_take_turns)
{
	for (unsigned i = 0; i < GUESTS; i++)
		guest_wake(add_machine(SIZE)->guest);
	for (unsigned i = 0; i < TURNS; i++) {
		for (unsigned j = 0; j < GUESTS; j++)
			keep_sending(&machines[j], !i);
		turn();
	}
	for (unsigned i = 0; i < GUESTS; i++)
		ck_assert_uint_ge(sent(&machines[i]), SHARE);
}
END_TEST

/* Room that is offered to light links does not count as greedy ones'. */
START_TEST(light_readers_leave_a_stream_its_share)
{
	struct machine *m = add_machine(SIZE);

	while (m->nlinks < LINKS)
		join(m);
	for (unsigned i = 0; i < TURNS; i++) {
		keep_receiving(m);
		turn();
	}
	ck_assert_uint_ge(received(m), SHARE);
	for (unsigned i = 1; i < LINKS; i++)
		ck_assert_uint_ge(m->links[i]->conn.credit.tx_cnt, TURNS / 2);
}
END_TEST

/* Where buffers are few, light links do not get all of them each time. */
START_TEST(light_readers_leave_a_stream_some_buffers)
{
	struct machine *m = add_machine(LINKS / 2);

	while (m->nlinks < LINKS)
		join(m);
	for (unsigned i = 0; i < TURNS; i++) {
		keep_receiving(m);
		turn();
	}
	ck_assert_uint_ge(received(m), TURNS / 8 * 4096);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		guest_that_only_receives_is_not_behind_one_that_sends,
		guests_that_send_take_turns,
		light_readers_leave_a_stream_its_share,
		light_readers_leave_a_stream_some_buffers,
	};
	Suite *suite = suite_create("turns");
	TCase *tcase = tcase_create("short");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++)
		tcase_add_test(tcase, tests[i]);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
