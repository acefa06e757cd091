/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Credit in both directions. frontend/sockets.h judges in every test that the
 * daemon never sends beyond it, nor more packets than a kernel of 2026 takes.
 */
#include "system/system.h"

#define RAW_PORT 7000u

static unsigned credit_requests(const struct scene *s)
{
	const uint64_t *ops = s->guest.sockets.driver.packets_by_op;

	return (unsigned)ops[VIRTIO_VSOCK_OP_CREDIT_REQUEST];
}

START_TEST(credit_requests_are_answered)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t updates = p.guest->updates;

		gsock_emit(p.guest, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0, false);
		drive_until(&s.world, p.guest->updates > updates);
		ck_assert_uint_eq(p.guest->last.op,
				  VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	}
	pair_both_ways(&p, MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/*
 * The daemon acknowledges in time but seldom: each update costs the guest an
 * interrupt, whatever the size of its packets.
 */
START_TEST(updates_are_few)
{
	static const size_t writes[] = { 512, 4096, 65536 };
	const uint64_t bytes = 16 * MIB;
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
		struct pair p;

		pair_from_guest(&s, &p);
		p.guest->write_size = writes[i];
		pair_to_host(&p, bytes);
		ck_assert_uint_le(p.guest->updates, bytes / 65536);
		ck_assert_uint_ge(p.guest->updates, bytes / GSOCK_BUFFER - 1);
		pair_close(&p);
	}
	scene_close(&s);
}
END_TEST

/* It does so however slowly the bytes come. */
START_TEST(a_trickle_needs_few_updates)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	for (unsigned i = 0; i < 1000; i++)
		pair_to_host(&p, 512);
	ck_assert_uint_le(p.guest->updates, 1000 * 512 / 65536);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* Played by hand: the guest sends on although it has no credit left. */
START_TEST(a_guest_beyond_its_credit_gets_rst)
{
	static const uint8_t bytes[65536];
	struct host_conn c;
	struct scene s;
	struct gsock *g;
	struct packet p;
	int listener;
	uint64_t sent = 0;

	scene_open(&s, _i);
	listener = host_listen(s.daemon.uds[0], PORT, 8);
	g = gsock_raw(&s.guest.sockets, RAW_PORT, PORT);
	p = gsock_packet(g, VIRTIO_VSOCK_OP_REQUEST);
	driver_send_raw(&s.guest.sockets.driver, &p, NULL, 0);
	drive_until(&s.world, g->last.op == VIRTIO_VSOCK_OP_RESPONSE);
	drive_until(&s.world, host_accept(&c, &s.world, listener));
	host_pause(&c, true);
	p = gsock_packet(g, VIRTIO_VSOCK_OP_RW);
	p.len = sizeof(bytes);
	while (g->last.op != VIRTIO_VSOCK_OP_RST && sent < 64 * MIB) {
		if (driver_send_raw(&s.guest.sockets.driver, &p, bytes,
				    sizeof(bytes)))
			sent += sizeof(bytes);
		world_rest(&s.world, 1);
	}
	ck_assert_uint_eq(g->last.op, VIRTIO_VSOCK_OP_RST);
	host_close(&c);
	host_unlisten(s.daemon.uds[0], PORT, listener);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(small_guest_buffers_are_respected)
{
	static const uint32_t sizes[] = { 128, 1000, 4096, 65536, 16 * MIB };
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct pair p;

		s.guest.sockets.buf_alloc = sizes[i];
		pair_from_guest(&s, &p);
		pair_both_ways(&p, sizes[i] < 4096 ? 20000 : MIB);
		pair_close(&p);
		pair_from_host(&s, &p);
		pair_both_ways(&p, sizes[i] < 4096 ? 20000 : MIB);
		pair_close(&p);
	}
	scene_close(&s);
}
END_TEST

/*
 * The guest has 256 KiB unread, then says that its buffer is 4 KiB. Nothing may
 * come until it has read all but that.
 */
START_TEST(a_guest_that_shrinks_its_buffer_is_honoured)
{
	struct scene s;
	struct pair p;
	uint64_t total;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	pair_begin_to_guest(&p, 4 * MIB);
	/* Nothing may be under way to a guest whose buffer is full. */
	drive_until(&s.world, p.guest->rx_bytes == GSOCK_BUFFER);
	gsock_set_buffer(p.guest, 4096);
	gsock_emit(p.guest, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, false);
	/* the answer proves that the update was seen */
	gsock_emit(p.guest, VIRTIO_VSOCK_OP_CREDIT_REQUEST, 0, false);
	drive_until(&s.world, p.guest->updates);
	total = p.guest->rx_total;
	while (p.guest->rx_bytes > 8192) {
		gsock_read(p.guest, 4096);
		gsock_emit(p.guest, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, false);
		world_rest(&s.world, 1);
		ck_assert_uint_eq(p.guest->rx_total, total);
	}
	gsock_read_all(p.guest);
	drive_until(&s.world, p.guest->in.got == 4 * MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

START_TEST(a_guest_that_never_updates_by_itself_is_asked)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	s.guest.sockets.silent = true;
	pair_from_guest(&s, &p);
	pair_to_guest(&p, 8 * MIB);
	ck_assert_uint_ge(credit_requests(&s), 8 * MIB / GSOCK_BUFFER / 2);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* The guest's reader is away, and asking for credit again and again would not
 * bring it back. Questions at once and after 20, 100 and 420 ms are more than
 * enough for a second. */
START_TEST(a_guest_that_does_not_read_is_asked_seldom)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	pair_begin_to_guest(&p, 2 * MIB);
	world_rest(&s.world, 1000);
	ck_assert_uint_le(credit_requests(&s), 4);
	gsock_read_all(p.guest);
	drive_until(&s.world, p.guest->in.got == 2 * MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* One size of packets at a time. With small ones the guest's limit on packets
 * is reached before its limit on bytes. */
START_TEST(small_messages_to_a_guest_that_does_not_read_never_reset)
{
	static const size_t sizes[] = { 1, 128, 129, 200, 640, 3732, 3733 };
	struct scene s;

	scene_open(&s, _i);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct pair p;
		uint64_t due;

		pair_from_guest(&s, &p);
		p.host.write_size = sizes[i];
		due = pair_begin_to_guest(&p, sizes[i] * 3000);
		world_rest(&s.world, 300);
		gsock_read_all(p.guest);
		drive_until(&s.world, p.guest->in.got == due);
		pair_close(&p);
	}
	scene_close(&s);
}
END_TEST

/* The same with messages that arrive alone, until no more come. */
START_TEST(single_small_messages_are_counted)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_guest(&s, &p);
	p.host.write_size = 129;
	sink_expect(&p.guest->in, 5);
	for (unsigned i = 1; i <= 1000; i++) {
		uint64_t before = p.guest->rx_total;

		host_send(&p.host, 5, 129);
		if (i <= 300)
			drive_until(&s.world, p.guest->rx_total > before);
		else
			world_rest(&s.world, 1);
	}
	gsock_read_all(p.guest);
	drive_until(&s.world, p.guest->in.got == 129 * 1000);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

START_TEST(a_guest_that_reads_slowly_gets_everything)
{
	struct scene s;
	struct pair p;

	scene_open(&s, _i);
	pair_from_host(&s, &p);
	pair_begin_to_guest(&p, 4 * MIB);
	while (p.guest->in.got < 4 * MIB) {
		drive_until(&s.world, p.guest->rx_bytes);
		gsock_read(p.guest, 5000);
	}
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* The credit that we give is the configured one: what a guest may have under
 * way. */
START_TEST(tx_buffer_size_is_what_is_advertised)
{
	struct daemon_config d = { .vm_keys = ",tx-buffer-size=64K" };
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;
	struct pair p;

	scene_daemon(&s, _i, &d);
	guest_boot(&s.guest, &c, &s.world, s.daemon.socket[0]);
	pair_from_guest(&s, &p);
	ck_assert_uint_eq(p.guest->peer_buf_alloc, 65536);
	pair_both_ways(&p, MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* Greedy connections get smaller windows, so that others do not wait for long.
 * One that is left alone gets all of its window back. */
START_TEST(greedy_connections_share_what_is_under_way)
{
	struct daemon_config d = { .vm_keys = ",tx-buffer-size=4M" };
	struct guest_config c = guest_defaults(DAEMON_CID);
	static struct pair p[4];
	struct scene s;

	scene_daemon(&s, _i, &d);
	guest_boot(&s.guest, &c, &s.world, s.daemon.socket[0]);
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++) {
		pair_from_guest(&s, &p[i]);
		pair_begin_to_host(&p[i], 4096ull * MIB);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(p); i++)
		drive_until(&s.world, p[i].guest->peer_buf_alloc ==
					      2 * MIB / ARRAY_SIZE(p));
	for (unsigned i = 1; i < ARRAY_SIZE(p); i++) {
		host_close(&p[i].host);
		gsock_close(p[i].guest);
	}
	drive_until(&s.world, p[0].guest->peer_buf_alloc == 4 * MIB);
	host_close(&p[0].host);
	gsock_close(p[0].guest);
	scene_close(&s);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		credit_requests_are_answered,
		updates_are_few,
		a_trickle_needs_few_updates,
		a_guest_beyond_its_credit_gets_rst,
		small_guest_buffers_are_respected,
		a_guest_that_shrinks_its_buffer_is_honoured,
		a_guest_that_never_updates_by_itself_is_asked,
		a_guest_that_does_not_read_is_asked_seldom,
		small_messages_to_a_guest_that_does_not_read_never_reset,
		single_small_messages_are_counted,
		a_guest_that_reads_slowly_gets_everything,
		tx_buffer_size_is_what_is_advertised,
		greedy_connections_share_what_is_under_way,
	};

	return run_tests("system/credit", tests, ARRAY_SIZE(tests));
}
