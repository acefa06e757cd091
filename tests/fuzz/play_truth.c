/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What both sides have seen, against what the daemon holds, and against each
 * other.
 */
#include "fuzz/play.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "guest/guest.h"
#include "turn/loop.h"
#include "vsock/conn.h"
#include "vsock/packet.h"

#define ROUNDS 200 /* that it may take to move all that can be sent */
#define CREDIT (1u << 20)

static struct guest *guest_of(const struct end *end)
{
	return stage.vms[end->vm].vm.guest;
}

struct conn *truth_conn(const struct end *end)
{
	struct conn *conn = table_find(&guest_of(end)->conns, end->peer_cid,
				       end->peer_port, end->port);

	return conn && conn->type == end->type ? conn : NULL;
}

bool truth_asks(const struct end *end)
{
	const struct conn *conn = truth_conn(end);

	return conn && conn->state == CONN_GUEST_PENDING &&
	       !(conn->pending & OWES_REQUEST);
}

bool truth_follows(const struct end *end)
{
	const struct conn *conn = truth_conn(end);

	return conn && conn->follows && truth_asks(end);
}

bool truth_hastens(const struct end *end)
{
	return guest_of(end)->loop->share.hasten;
}

static bool sent_all(const struct end *end)
{
	return !play.guests[end->vm].driver.queue[DRIVER_TX].busy;
}

/* The program's connection is the one that the guest has now. */
static bool is_current(const struct end *end)
{
	struct pollfd next = { .events = POLLIN };

	if (end->program.fd < 0 || end->program.old)
		return false;
	if (end->index >= PLAY_CALLED)
		return true;
	next.fd = play.guests[end->vm].vm->programs[end->index];
	return poll(&next, 1, 0) == 0;
}

/* Bytes that the guest was told were forwarded, the program has or can read. */
static void check_forwarded(const struct end *end)
{
	int waiting = 0;

	if (end->type != VIRTIO_VSOCK_TYPE_STREAM || end->program.shut ||
	    end->program.line || end->program.ended || !is_current(end))
		return;
	fuzz_check(!ioctl(end->program.fd, FIONREAD, &waiting));
	fuzz_check(end->told_fwd <= end->program.in.got + (uint32_t)waiting);
}

static void check_open(const struct end *end, const struct conn *conn)
{
	fuzz_check(conn->credit.rx_cnt == play.flows[end->flow].sent);
	fuzz_check(conn->credit.limit == (uint32_t)end->told_limit);
	fuzz_check(conn->credit.rx_cnt <= end->told_limit);
	fuzz_check(conn->credit.announced == end->told_fwd);
	fuzz_check(conn->credit.tx_cnt == end->in.got);
	if (end->index < PLAY_ASKER)
		check_forwarded(end);
}

/* Without a receive buffer, what the guest is owed has to wait. */
static bool hears(const struct end *end)
{
	return play.guests[end->vm].driver.queue[DRIVER_RX].busy;
}

static void check_end(struct end *end)
{
	const struct conn *conn = truth_conn(end);

	if (!hears(end))
		return;
	if (!conn) {
		fuzz_check(!end->open);
		return;
	}
	fuzz_check(!end->overdrawn || conn->state != CONN_OPEN || !end->open ||
		   !sent_all(end));
	if (!end->open || conn->state != CONN_OPEN || !sent_all(end) ||
	    !end->flow)
		return;
	check_open(end, conn);
	end->limit = end->last_limit;
}

void truth_check(void)
{
	for (unsigned i = 0; i < PLAY_VMS; i++) {
		if (play.guests[i].front.fd < 0)
			continue;
		fuzz_check(guest_running(stage.vms[i].vm.guest));
		for (unsigned e = 0; e < PLAY_ENDS; e++)
			check_end(&play.guests[i].ends[e]);
	}
}

static void for_each_end(void (*act)(struct end *end))
{
	for (unsigned i = 0; i < PLAY_VMS; i++)
		for (unsigned e = 0; e < PLAY_ENDS; e++)
			if (play.guests[i].front.fd >= 0)
				act(&play.guests[i].ends[e]);
}

static void offer_all(void)
{
	for (unsigned i = 0; i < PLAY_VMS; i++)
		if (play.guests[i].front.fd >= 0)
			packets_offer(&play.guests[i], DRIVER_WHOLE, 8192,
				      DRIVER_CHAINS);
}

/* Until nothing more comes. What is owed to a guest may be more than a ring of
 * buffers holds. */
static void rest(void)
{
	unsigned n = 0;

	do {
		fuzz_check(n++ < ROUNDS);
		offer_all();
		stage_rest();
	} while (packets_collect());
}

static void grant(struct end *end)
{
	const struct conn *conn = truth_conn(end);
	const struct play_packet p = {
		.op = VIRTIO_VSOCK_OP_CREDIT_UPDATE,
		.buf_alloc = CREDIT,
	};

	if (conn && conn->state == CONN_OPEN)
		packet_post(end, &p);
}

static void read_all(struct end *end)
{
	uint32_t before;

	if (end->index < PLAY_CALLED)
		program_accept(end);
	do {
		before = end->program.in.got;
		program_receive(end, 65536);
	} while (end->program.in.got != before);
}

static uint64_t received(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < PLAY_VMS; i++)
		for (unsigned e = 0; e < PLAY_ENDS; e++)
			sum += play.guests[i].ends[e].in.got +
			       play.guests[i].ends[e].program.in.got;
	return sum;
}

/* Gives credit, buffers and readers to everything, until no more comes. */
static void drain(void)
{
	uint64_t before;
	unsigned n = 0;

	do {
		before = received();
		for_each_end(grant);
		rest();
		for_each_end(read_all);
		rest();
		for_each_end(read_all);
		fuzz_check(n++ < ROUNDS);
	} while (received() != before);
}

static bool whole(const struct end *end)
{
	const struct conn *conn = truth_conn(end);

	return conn && end->open && conn->state == CONN_OPEN &&
	       !conn->guest_shut && !conn->host_shut;
}

/* All of FLOW was received, except a message that was never finished. */
static void expect_all(uint16_t flow, uint32_t got, bool messages)
{
	const struct flow *f = &play.flows[flow];

	if (!flow)
		return;
	if (!messages)
		fuzz_check(got == f->sent);
	else if (f->nmarks)
		fuzz_check(got >= f->marks[f->nmarks - 1]);
}

static void check_received(struct end *end)
{
	const struct end *partner = play_partner(end);
	bool messages = end->type == VIRTIO_VSOCK_TYPE_SEQPACKET;

	if (!whole(end))
		return;
	if (partner) {
		if (whole(partner))
			expect_all(end->flow, partner->in.got, messages);
		return;
	}
	if (end->program.shut || !is_current(end))
		return;
	fuzz_check(!end->program.ended && !end->program.line);
	expect_all(end->flow, end->program.in.got, messages);
	expect_all(end->program.flow, end->in.got, messages);
}

/* A program was told that its connection is over. */
static void check_told(struct end *end)
{
	if (end->program.fd >= 0 && !truth_conn(end))
		fuzz_check(end->program.ended);
}

static void hang_up(struct end *end)
{
	const struct play_packet p = { .op = VIRTIO_VSOCK_OP_RST };

	do
		program_close(end);
	while (end->index < PLAY_CALLED &&
	       (program_accept(end), end->program.fd >= 0));
	if (play_partner(end) && truth_conn(end))
		packet_post(end, &p);
}

static void check_nothing_left(const struct guest *guest)
{
	fuzz_check(!guest->conns.count);
	fuzz_check(!guest->siblings.halves && !guest->siblings.asked &&
		   !guest->siblings.asking);
	fuzz_check(!guest->ending.nparted && !guest->greeters.count &&
		   !guest->dialing.waiting);
	fuzz_check(!guest->resets.count);
	fuzz_check(!guest->grants.bytes && !guest->fds.held);
}

void truth_finish(void)
{
	rest();
	truth_check();
	drain();
	truth_check();
	for_each_end(check_received);
	for_each_end(check_told);
	for_each_end(hang_up);
	rest();
	stage_pass_ms(CONN_RESPONSE_MS + 1);
	rest();
	for_each_end(grant);
	rest();
	stage_pass_ms(CONN_CLOSE_MS + 1);
	rest();
	for (unsigned i = 0; i < PLAY_VMS; i++)
		check_nothing_left(stage.vms[i].vm.guest);
}
