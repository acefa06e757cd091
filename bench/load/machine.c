/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What costs a real guest no system call costs none here, so that the daemon
 * meets a peer as fast as a kernel: used buffers are seen in memory, and
 * interrupts are edges that nobody reads. Slots are taken last in, first out,
 * as a kernel's allocator hands out memory that is still in the cache. A
 * receive buffer lies where its descriptor's number says.
 */
#include "machine.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "vhost_kernel.h"

#define FEATURES                                                    \
	(VU_F_VERSION_1 | VU_F_PROTOCOL_FEATURES | VU_F_EVENT_IDX | \
	 VU_F_INDIRECT)
#define PROTOCOL_FEATURES (VU_P_MQ | VU_P_REPLY_ACK | VU_P_CONFIG)
#define TABLE 4u /* entries of an indirect table */
#define PAGE 4096u

/*
 * Both rings get the RX ring's eventfd. It is non-blocking, as QEMU's are, and
 * is never read: a guest pays no system call for an interrupt, and this way a
 * thread that blocks pays the fewest.
 */
static void share_calls(struct machine *m)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };

	m->call_fd = m->rx.call_fd;
	need(dup2(m->call_fd, m->tx.call_fd) >= 0, "dup2");
	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	need(m->epoll >= 0 &&
		     !epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->call_fd, &e),
	     "epoll");
}

void machine_init(struct machine *m, uint64_t cid, enum machine_shape shape)
{
	size_t slot = PAGE + PACKET_PAYLOAD_MAX;

	*m = (struct machine){ .cid = cid, .shape = shape };
	ram_init(&m->ram, MACHINE_RING * (slot + PAGE) + (1u << 20), 1, 0);
	ring_init(&m->rx, &m->ram, MACHINE_RING, true, 0);
	ring_init(&m->tx, &m->ram, MACHINE_RING, true, TABLE);
	share_calls(m);
	m->rx_buffers = ram_alloc(&m->ram, MACHINE_RING * PAGE, PAGE);
	for (unsigned i = 0; i < MACHINE_RING; i++) {
		struct slot *s = &m->slots[i];

		s->header = ram_alloc(&m->ram, 64, 64);
		s->payload = ram_alloc(&m->ram, PACKET_PAYLOAD_MAX, PAGE);
		s->next = m->free;
		m->free = s;
	}
}

static void expect_ok(uint64_t answer, const char *what)
{
	if (answer)
		die("%s is refused", what);
}

static void start_ring(struct machine *m, unsigned i, struct ring *r)
{
	struct vhost *v = &m->vhost;
	struct vu_addr addr = {
		.index = i,
		.desc = ram_user_addr(&m->ram, r->desc),
		.avail = ram_user_addr(&m->ram, r->avail),
		.used = ram_user_addr(&m->ram, r->used),
	};

	expect_ok(vhost_tell_state(v, VU_SET_VRING_NUM, i, r->size), "NUM");
	expect_ok(vhost_tell_state(v, VU_SET_VRING_BASE, i, 0), "BASE");
	expect_ok(vhost_tell(v, VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL,
			     0),
		  "ADDR");
	expect_ok(vhost_tell_fd(v, VU_SET_VRING_ERR, i, r->err_fd), "ERR");
	expect_ok(vhost_tell_fd(v, VU_SET_VRING_CALL, i, r->call_fd), "CALL");
	expect_ok(vhost_tell_fd(v, VU_SET_VRING_KICK, i, r->kick_fd), "KICK");
}

static void kick(const struct machine *m, struct ring *r)
{
	if (!m->corked)
		ring_kick(r);
}

void machine_cork(struct machine *m)
{
	m->corked = true;
}

void machine_uncork(struct machine *m)
{
	m->corked = false;
	ring_kick(&m->tx);
	ring_kick(&m->rx);
}

static void post_buffers(struct machine *m)
{
	while (m->rx.free_count) {
		/* indexed by the descriptor that the buffer will get */
		uint8_t *at = m->rx_buffers + (size_t)PAGE * m->rx.free_head;
		struct ring_segment s = { at, MACHINE_RX_BYTES };

		ring_add(&m->rx, &s, 0, 1, RING_DIRECT, at);
		m->rx_posted++;
	}
	kick(m, &m->rx);
}

/* What the machine takes of the features that are OFFERED. */
static uint64_t choose(struct machine *m, uint64_t offered)
{
	uint64_t features = FEATURES;

	if (m->wants_in_order)
		features |= VU_F_IN_ORDER;
	if (m->wants_messages)
		features |= VU_F_SEQPACKET;
	features &= offered;
	if (m->wants_messages && !(features & VU_F_SEQPACKET))
		die("no SEQPACKET");
	m->rx.in_order = m->tx.in_order = features & VU_F_IN_ORDER;
	/* Other devices promise no order without IN_ORDER. */
	m->rx.any_order = m->tx.any_order = !m->rx.in_order;
	return features;
}

static void start_in_kernel(struct machine *m, const char *path)
{
	uint64_t offered;
	int fd = vhost_kernel_open(path, &offered);

	vhost_kernel_start(fd, m->cid, choose(m, offered), &m->ram, &m->rx,
			   &m->tx);
}

static void start_in_daemon(struct machine *m, const char *path)
{
	struct vhost *v = &m->vhost;
	struct vu_table table = { .count = 1 };
	uint64_t features, protocol;

	vhost_dial(v, path);
	features = choose(m, vhost_ask_u64(v, VU_GET_FEATURES));
	protocol = vhost_ask_u64(v, VU_GET_PROTOCOL_FEATURES) &
		   PROTOCOL_FEATURES;
	vhost_tell_u64(v, VU_SET_PROTOCOL_FEATURES, protocol);
	v->reply_ack = protocol & VU_P_REPLY_ACK;
	expect_ok(vhost_tell(v, VU_SET_OWNER, NULL, 0, NULL, 0), "SET_OWNER");
	expect_ok(vhost_tell_u64(v, VU_SET_FEATURES, features), "SET_FEATURES");
	table.regions[0] = ram_region(&m->ram, 0);
	expect_ok(vhost_tell(v, VU_SET_MEM_TABLE, &table,
			     8 + sizeof(struct vu_region), m->ram.fds, 1),
		  "SET_MEM_TABLE");
	start_ring(m, 0, &m->rx);
	start_ring(m, 1, &m->tx);
	expect_ok(vhost_tell_state(v, VU_SET_VRING_ENABLE, 0, 1), "ENABLE");
	expect_ok(vhost_tell_state(v, VU_SET_VRING_ENABLE, 1, 1), "ENABLE");
}

void machine_start(struct machine *m, const char *path)
{
	if (vhost_kernel_at(path))
		start_in_kernel(m, path);
	else
		start_in_daemon(m, path);
	post_buffers(m);
}

struct slot *machine_slot(const struct machine *m)
{
	return m->tx.free_count ? m->free : NULL;
}

void machine_send(struct machine *m, const struct packet *p)
{
	struct slot *s = m->free;
	struct ring_segment segments[TABLE] = { { s->header, PACKET_HEADER } };
	size_t piece = m->shape == SHAPE_LINEAR ? PACKET_PAYLOAD_MAX
						: MACHINE_FRAGMENT;
	unsigned n = 1;

	packet_encode(p, s->header);
	for (size_t at = 0; at < p->len; at += piece)
		segments[n++] = (struct ring_segment){
			s->payload + at, (uint32_t)min_size(piece, p->len - at)
		};
	if (!ring_add(&m->tx, segments, n, 0, RING_INDIRECT, s))
		die("no room in the TX ring");
	m->free = s->next;
	m->sent++;
	if (machine_unkicked(m) >= m->kick_after)
		kick(m, &m->tx);
}

unsigned machine_unkicked(const struct machine *m)
{
	return (uint16_t)(m->tx.avail_idx - m->tx.kicked_idx);
}

void machine_kick(struct machine *m)
{
	kick(m, &m->tx);
}

bool machine_reclaim(struct machine *m)
{
	bool any = false;
	struct slot *s;
	uint32_t len;

	if (!ring_waiting(&m->tx))
		return false;
	do {
		while ((s = ring_take(&m->tx, &len)) != NULL) {
			s->next = m->free;
			m->free = s;
			any = true;
		}
	} while (!m->kick_after && ring_calls_on(&m->tx));
	return any;
}

bool machine_want_room(struct machine *m)
{
	return ring_calls_on(&m->tx);
}

const uint8_t *machine_receive(struct machine *m, struct packet *p)
{
	uint32_t len;
	const uint8_t *at = ring_take(&m->rx, &len);

	if (!at)
		return NULL;
	packet_decode(at, p);
	if (len != PACKET_HEADER + p->len || len > MACHINE_RX_BYTES)
		die("used length %u for a packet of %u", len, p->len);
	m->rx_posted--;
	m->received++;
	return at + PACKET_HEADER;
}

bool machine_received_all(struct machine *m)
{
	bool more = ring_calls_on(&m->rx);

	if (m->rx_posted < MACHINE_RING / 2)
		post_buffers(m);
	return more;
}

void machine_wait(struct machine *m)
{
	struct epoll_event e;

	epoll_wait(m->epoll, &e, 1, -1);
	m->wakeups++;
}

/* Reading the eventfd would take the edge away from machine_wait(). */
uint64_t machine_interrupts(const struct machine *m)
{
	char path[48], line[128];
	unsigned long long count = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", m->call_fd);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "eventfd-count: %llx", &count) == 1)
			break;
	if (f)
		fclose(f);
	return count;
}
