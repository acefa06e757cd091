/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guests that break the rules of virtqueues. There is a row for each rule: the
 * queue breaks, its error eventfd is signalled, the guest's connections end,
 * and one line is logged. Another guest of the same daemon notices nothing, and
 * the bad guest works again once its rings are set up anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "system/system.h"

/* Both rings are direct, without EVENT_IDX, and have 128 entries. */
struct broken {
	struct scene s;	  /* with the healthy guest, in VM 0 */
	struct guest bad; /* in VM 1 */
	struct pair p;	  /* of the bad guest */
	struct ring *tx;
	struct ring *rx;
	uint8_t *data; /* 128 KiB of the bad guest's memory */
};

static void set_desc(struct broken *b, uint16_t i, uint64_t addr, uint32_t len,
		     uint16_t flags, uint16_t next)
{
	b->tx->desc[i] = (struct vring_desc){ htole64(addr), htole32(len),
					      htole16(flags), htole16(next) };
}

static uint64_t addr_of(const struct broken *b, const void *at)
{
	return ram_guest_addr(&b->bad.ram, at);
}

static void chain_loops(struct broken *b)
{
	uint64_t at = addr_of(b, b->data);

	set_desc(b, 0, at, 44, VRING_DESC_F_NEXT, 1);
	set_desc(b, 1, at, 100, VRING_DESC_F_NEXT, 0);
	ring_offer(b->tx, 0);
}

static void chain_points_to_itself(struct broken *b)
{
	set_desc(b, 0, addr_of(b, b->data), 44, VRING_DESC_F_NEXT, 0);
	ring_offer(b->tx, 0);
}

static void head_beyond_the_table(struct broken *b)
{
	ring_offer(b->tx, 128);
}

static void next_beyond_the_table(struct broken *b)
{
	set_desc(b, 0, addr_of(b, b->data), 44, VRING_DESC_F_NEXT, 128);
	ring_offer(b->tx, 0);
}

static void buffer_outside_memory(struct broken *b)
{
	set_desc(b, 0, 0x10, 44, 0, 0);
	ring_offer(b->tx, 0);
}

static void buffer_ends_outside_memory(struct broken *b)
{
	uint64_t end = RAM_GUEST_BASE + b->bad.ram.size;

	set_desc(b, 0, end - 43, 44, 0, 0);
	ring_offer(b->tx, 0);
}

static void buffer_wraps_around(struct broken *b)
{
	set_desc(b, 0, UINT64_MAX - 10, 44, 0, 0);
	ring_offer(b->tx, 0);
}

static void buffer_is_endless(struct broken *b)
{
	set_desc(b, 0, addr_of(b, b->data), UINT32_MAX, 0, 0);
	ring_offer(b->tx, 0);
}

static void more_available_than_entries(struct broken *b)
{
	ring_set_avail(b->tx, (uint16_t)(b->tx->avail_idx + 129));
}

static void available_index_goes_back(struct broken *b)
{
	ring_set_avail(b->tx, (uint16_t)(b->tx->avail_idx - 1));
}

static void table_in_a_table(struct broken *b)
{
	struct vring_desc *table = (struct vring_desc *)b->data;

	table[0] = (struct vring_desc){ htole64(addr_of(b, b->data + 4096)),
					htole32(64),
					htole16(VRING_DESC_F_INDIRECT), 0 };
	set_desc(b, 0, addr_of(b, table), 16, VRING_DESC_F_INDIRECT, 0);
	ring_offer(b->tx, 0);
}

static void table_of_odd_length(struct broken *b)
{
	set_desc(b, 0, addr_of(b, b->data), 17, VRING_DESC_F_INDIRECT, 0);
	ring_offer(b->tx, 0);
}

static void table_of_no_length(struct broken *b)
{
	set_desc(b, 0, addr_of(b, b->data), 0, VRING_DESC_F_INDIRECT, 0);
	ring_offer(b->tx, 0);
}

static void table_outside_memory(struct broken *b)
{
	set_desc(b, 0, 0x1000, 32, VRING_DESC_F_INDIRECT, 0);
	ring_offer(b->tx, 0);
}

static void table_with_a_successor(struct broken *b)
{
	struct vring_desc *table = (struct vring_desc *)b->data;

	table[0] = (struct vring_desc){ htole64(addr_of(b, b->data + 4096)),
					htole32(44), 0, 0 };
	set_desc(b, 0, addr_of(b, table), 16,
		 VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1);
	set_desc(b, 1, addr_of(b, b->data), 16, 0, 0);
	ring_offer(b->tx, 0);
}

static void table_points_beyond_itself(struct broken *b)
{
	struct vring_desc *table = (struct vring_desc *)b->data;

	table[0] = (struct vring_desc){ htole64(addr_of(b, b->data + 4096)),
					htole32(44), htole16(VRING_DESC_F_NEXT),
					htole16(2) };
	table[1] = table[2] =
		(struct vring_desc){ table[0].addr, htole32(1), 0, 0 };
	set_desc(b, 0, addr_of(b, table), 32, VRING_DESC_F_INDIRECT, 0);
	ring_offer(b->tx, 0);
}

static void chain_of_1025_descriptors(struct broken *b)
{
	struct vring_desc *table = (struct vring_desc *)b->data;

	for (unsigned i = 0; i < 1025; i++)
		table[i] = (struct vring_desc){
			htole64(addr_of(b, b->data + 65536)), htole32(44),
			htole16(i < 1024 ? VRING_DESC_F_NEXT : 0),
			htole16((uint16_t)(i + 1))
		};
	set_desc(b, 0, addr_of(b, table), 1025 * 16, VRING_DESC_F_INDIRECT, 0);
	ring_offer(b->tx, 0);
}

static void readable_after_writable(struct broken *b)
{
	set_desc(b, 0, addr_of(b, b->data), 44,
		 VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	set_desc(b, 1, addr_of(b, b->data), 44, 0, 0);
	ring_offer(b->tx, 0);
}

static void writable_in_tx(struct broken *b)
{
	set_desc(b, 0, addr_of(b, b->data), 44, VRING_DESC_F_WRITE, 0);
	ring_offer(b->tx, 0);
}

/* Rows about RX spoil all buffers, and then make the device use one. */
static void readable_in_rx(struct broken *b)
{
	for (unsigned i = 0; i < b->rx->size; i++)
		b->rx->desc[i].flags = 0;
	host_write(&b->p.host, "bait");
}

static void no_room_for_a_header_in_rx(struct broken *b)
{
	for (unsigned i = 0; i < b->rx->size; i++)
		b->rx->desc[i].len = htole32(43);
	host_write(&b->p.host, "bait");
}

static void outside_memory_in_rx(struct broken *b)
{
	for (unsigned i = 0; i < b->rx->size; i++)
		b->rx->desc[i].addr = htole64(1ull << 50);
	host_write(&b->p.host, "bait");
}

#define ROW(f)               \
	{                    \
#f, f, false \
	}
#define RX_ROW(f)           \
	{                   \
#f, f, true \
	}

static const struct {
	const char *name;
	void (*act)(struct broken *b);
	bool in_rx;
} rules[] = {
	ROW(chain_loops),
	ROW(chain_points_to_itself),
	ROW(head_beyond_the_table),
	ROW(next_beyond_the_table),
	ROW(buffer_outside_memory),
	ROW(buffer_ends_outside_memory),
	ROW(buffer_wraps_around),
	ROW(buffer_is_endless),
	ROW(more_available_than_entries),
	ROW(available_index_goes_back),
	ROW(table_in_a_table),
	ROW(table_of_odd_length),
	ROW(table_of_no_length),
	ROW(table_outside_memory),
	ROW(table_with_a_successor),
	ROW(table_points_beyond_itself),
	ROW(chain_of_1025_descriptors),
	ROW(readable_after_writable),
	ROW(writable_in_tx),
	RX_ROW(readable_in_rx),
	RX_ROW(no_room_for_a_header_in_rx),
	RX_ROW(outside_memory_in_rx),
};

static void begin(struct broken *b, int engine)
{
	struct daemon_config d = { .vms = 2 };
	struct guest_config c = guest_defaults(DAEMON_CID);

	scene_daemon(&b->s, engine, &d);
	guest_boot(&b->s.guest, &c, &b->s.world, b->s.daemon.socket[0]);
	c.cid = DAEMON_CID + 1;
	c.driver.features = VU_F_INDIRECT;
	c.driver.tx_shape.mode = RING_DIRECT;
	guest_init(&b->bad, &c, &b->s.world);
	b->bad.vhost.fd = -1;
	b->tx = &b->bad.sockets.driver.rings[DRIVER_TX];
	b->rx = &b->bad.sockets.driver.rings[DRIVER_RX];
}

static void break_once(struct broken *b, unsigned rule)
{
	unsigned lines = daemon_log_lines(&b->s.daemon);

	pair_open_from_guest(&b->p, &b->bad, b->s.daemon.uds[1]);
	pair_both_ways(&b->p, 65536);
	drive_until(&b->s.world, driver_tx_idle(&b->bad.sockets.driver));
	driver_halt(&b->bad.sockets.driver);
	rules[rule].act(b);
	drive_until(&b->s.world, host_over(&b->p.host));
	drive_until(&b->s.world,
		    ring_failed(rules[rule].in_rx ? b->rx : b->tx));
	/* one line, unless the log's limit was reached before */
	lines = daemon_log_lines(&b->s.daemon) - lines;
	ck_assert_msg(rule < 4 ? lines == 1 : lines <= 1,
		      "%s: %u lines are logged", rules[rule].name, lines);
	host_close(&b->p.host);
}

START_TEST(a_broken_rule_breaks_that_queue_only)
{
	struct broken b;
	struct pair healthy;

	begin(&b, _i);
	pair_from_guest(&b.s, &healthy);
	for (unsigned i = 0; i < ARRAY_SIZE(rules); i++) {
		guest_revive(&b.bad, b.s.daemon.socket[1]);
		b.data = b.bad.sockets.driver.tx_buffers[0].span;
		break_once(&b, i);
		guest_kill(&b.bad);
		pair_both_ways(&healthy, 65536);
	}
	pair_close(&healthy);
	guest_free(&b.bad);
	scene_close(&b.s);
}
END_TEST

/*
 * An eventfd that looks harmless when it is handed over. It is filled and made
 * blocking later: whoever adds to it then sleeps until somebody reads it, and
 * nobody does.
 */
static int hand_over_trap(struct broken *b, uint32_t code)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t value;

	ck_assert_uint_eq(vhost_tell_fd(&b->bad.vhost, code, DRIVER_RX, fd), 0);
	if (read(fd, &value, sizeof(value)) < 0)
		ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(write(fd, &full, sizeof(full)), sizeof(full));
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

/* This is not the guest's doing but its hypervisor's, who owns the eventfds. */
START_TEST(calls_that_wait_end_that_guest_only)
{
	struct broken b;
	struct pair healthy;
	int err, call;

	begin(&b, _i);
	pair_from_guest(&b.s, &healthy);
	guest_revive(&b.bad, b.s.daemon.socket[1]);
	pair_open_from_guest(&b.p, &b.bad, b.s.daemon.uds[1]);
	driver_halt(&b.bad.sockets.driver);
	ring_calls_on(b.rx);
	err = hand_over_trap(&b, VU_SET_VRING_ERR);
	call = hand_over_trap(&b, VU_SET_VRING_CALL);
	host_write(&b.p.host, "bait");
	drive_until(&b.s.world, host_over(&b.p.host));
	host_close(&b.p.host);
	guest_kill(&b.bad);
	pair_both_ways(&healthy, 65536);
	pair_close(&healthy);
	guest_free(&b.bad);
	scene_close(&b.s);
	close(err);
	close(call);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		a_broken_rule_breaks_that_queue_only,
		calls_that_wait_end_that_guest_only,
	};

	return run_tests("system/broken", tests, ARRAY_SIZE(tests));
}
