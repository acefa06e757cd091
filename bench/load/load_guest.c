/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What Linux spreads over a program, a workqueue and interrupts is one loop
 * here: take back what was sent, take what was received, send one packet; and
 * block if none of that was possible. Interrupts are asked for again each time
 * that a ring was emptied, as Linux does. Contents are neither made nor looked
 * at unless they are to be compared, so that a guest's own copying is not
 * measured.
 */
#include "load_guest.h"

#include <stdlib.h>
#include <string.h>

#define READ_SIZE 65536u    /* of the program's recv(2) */
#define UPDATE_BELOW 65536u /* Linux's VIRTIO_VSOCK_MAX_PKT_BUF_SIZE */
#define FIRST_PORT 1024u
#define PLENTY (1ull << 62)

enum {
	OWES_REQUEST = 1,
	OWES_RESPONSE = 2,
	OWES_UPDATE = 4,
	OWES_RST = 8, /* and it is over */
};

static struct gconn **bucket_of(const struct guest *g, uint32_t port,
				uint32_t peer)
{
	return &g->buckets[(port * 31u + peer) % GUEST_BUCKETS];
}

static struct gconn *find(const struct guest *g, const struct packet *p)
{
	struct gconn *c = *bucket_of(g, p->dst_port, p->src_port);

	while (c && (c->port != p->dst_port || c->peer_port != p->src_port ||
		     c->peer_cid != p->src_cid))
		c = c->next;
	return c;
}

static void insert(struct guest *g, struct gconn *c)
{
	struct gconn **at = bucket_of(g, c->port, c->peer_port);

	list_init(&c->ready);
	list_init(&c->touched);
	list_append(&g->all, &c->all);
	g->conns++;
	c->next = *at;
	*at = c;
}

static void forget(struct guest *g, struct gconn *c)
{
	struct gconn **at = bucket_of(g, c->port, c->peer_port);

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	list_remove(&c->all);
	list_remove(&c->ready);
	list_remove(&c->touched);
	g->conns--;
	if (g->visited == c)
		g->visited = NULL;
	if (c->open)
		__atomic_store_n(&g->open, g->open - 1, __ATOMIC_RELEASE);
	if (c < g->dialed || c >= g->dialed + g->dials)
		free(c);
}

static void mark_ready(struct guest *g, struct gconn *c)
{
	if (list_empty(&c->ready))
		list_append(&g->ready, &c->ready);
}

static void owe(struct guest *g, struct gconn *c, uint8_t what)
{
	c->owed |= what;
	mark_ready(g, c);
}

/* Sending. */

static uint32_t room(const struct gconn *c)
{
	uint32_t window = min_u32(c->peer_buf_alloc, GUEST_BUFFER);
	uint32_t unacked = c->tx_cnt - c->peer_fwd_cnt;

	return c->open && unacked < window ? window - unacked : 0;
}

static void emit_flags(struct guest *g, struct gconn *c, uint16_t op,
		       uint32_t len, uint32_t flags)
{
	struct packet p = {
		.src_cid = g->machine.cid,
		.dst_cid = c->peer_cid,
		.src_port = c->port,
		.dst_port = c->peer_port,
		.len = len,
		.type = g->plan->messages ? VIRTIO_VSOCK_TYPE_SEQPACKET
					  : VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.flags = flags,
		.buf_alloc = GUEST_BUFFER,
		.fwd_cnt = c->fwd_cnt,
	};

	c->last_fwd_cnt = c->fwd_cnt;
	machine_send(&g->machine, &p);
}

static void emit(struct guest *g, struct gconn *c, uint16_t op, uint32_t len)
{
	emit_flags(g, c, op, len, 0);
}

static void fill(struct gconn *c, uint8_t *payload, uint32_t len)
{
	source_more(&c->out, c->out.seed, len);
	for (uint32_t at = 0; at < len;) {
		size_t n;
		const void *bytes = source_peek(&c->out, len - at, &n);

		memcpy(payload + at, bytes, n);
		source_advance(&c->out, n);
		at += (uint32_t)n;
	}
}

/* How much of the program's write may go into a packet. A walking driver's
 * program has the next write ready where a packet ends, if no one counts its
 * messages. */
static size_t left_in_write(const struct guest *g, const struct gconn *c)
{
	size_t size = c->message ? c->message : g->plan->size;

	if (g->plan->driver == DRIVER_WALK && !c->message && !g->plan->messages)
		return min_size(size, c->to_send);
	return (c->to_send - 1) % size + 1;
}

/* One write of the program, or what the credit allows of it. */
static void send_data(struct guest *g, struct gconn *c)
{
	size_t left = left_in_write(g, c);
	uint32_t len =
		(uint32_t)min_size(PACKET_PAYLOAD_MAX, min_size(room(c), left));
	bool ends = g->plan->messages && len == left;

	if (g->plan->verify)
		fill(c, machine_slot(&g->machine)->payload, len);
	emit_flags(g, c, VIRTIO_VSOCK_OP_RW, len,
		   ends ? VIRTIO_VSOCK_SEQ_EOM : 0);
	c->tx_cnt += len;
	c->to_send -= len;
	meter_add(&g->sent, len, 1);
}

static void send_control(struct guest *g, struct gconn *c)
{
	static const struct {
		uint8_t bit;
		uint16_t op;
	} ops[] = {
		{ OWES_REQUEST, VIRTIO_VSOCK_OP_REQUEST },
		{ OWES_RESPONSE, VIRTIO_VSOCK_OP_RESPONSE },
		{ OWES_UPDATE, VIRTIO_VSOCK_OP_CREDIT_UPDATE },
		{ OWES_RST, VIRTIO_VSOCK_OP_RST },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++) {
		if (!(c->owed & ops[i].bit))
			continue;
		c->owed &= (uint8_t)~ops[i].bit;
		g->updates += ops[i].bit == OWES_UPDATE;
		emit(g, c, ops[i].op, 0);
		if (ops[i].bit == OWES_RST)
			forget(g, c);
		return;
	}
}

static bool can_send(const struct gconn *c)
{
	return c->owed || (c->to_send && room(c));
}

static void send_packet(struct guest *g, struct gconn *c)
{
	if (c->owed)
		send_control(g, c);
	else
		send_data(g, c);
}

/* Sends one packet of the connection whose turn it is. False: none can send. */
static bool send_one(struct guest *g)
{
	struct gconn *c;

	while (!list_empty(&g->ready)) {
		if (!machine_slot(&g->machine))
			return false;
		c = list_first(&g->ready, struct gconn, ready);
		list_remove(&c->ready);
		if (!can_send(c))
			continue;
		mark_ready(g, c);
		send_packet(g, c);
		return true;
	}
	return false;
}

/* Receiving. */

static void ask(struct gconn *c)
{
	c->to_send = c->message;
	c->asked_ns = clock_ns();
}

/* The answer is complete. */
static void answered(struct guest *g, struct gconn *c)
{
	if (__atomic_load_n(&g->recording, __ATOMIC_RELAXED))
		latency_add(&g->latency, clock_ns() - c->asked_ns);
	meter_add(&g->asked, 2ull * c->message, 1);
	if (!g->plan->rounds)
		ask(c);
}

/* Connection C, from the sibling before this one: plays the host's part. */
static void play_host(const struct guest *g, struct gconn *c)
{
	uint32_t first = g->seed - GUEST_SEEDS;
	unsigned i = c->peer_port - FIRST_PORT;
	bool light = i < g->plan->light;

	c->in.seed = seed_to_host(first, i);
	c->out.seed = seed_to_guest(first, i);
	if (light)
		c->message = LIGHT_SIZE;
	c->asks = g->plan->echoes || light;
	c->greedy = g->plan->host_sends && !light;
	if (c->greedy && !g->plan->rounds)
		c->to_send = PLENTY;
	if (c->asks && !g->plan->rounds)
		ask(c);
}

static void accept_request(struct guest *g, const struct packet *p)
{
	struct gconn *c = need_zeroed(1, sizeof(*c));

	c->peer_cid = p->src_cid;
	c->port = p->dst_port;
	c->peer_port = p->src_port;
	c->peer_buf_alloc = p->buf_alloc;
	c->peer_fwd_cnt = p->fwd_cnt;
	c->open = true;
	if (g->plan->echoes)
		c->message = (uint32_t)g->plan->size;
	if (g->second)
		play_host(g, c);
	insert(g, c);
	__atomic_store_n(&g->open, g->open + 1, __ATOMIC_RELEASE);
	owe(g, c, OWES_RESPONSE);
}

static void established(struct guest *g, struct gconn *c)
{
	c->open = true;
	if (c->greedy && !g->plan->rounds)
		c->to_send = PLENTY;
	mark_ready(g, c);
	__atomic_store_n(&g->open, g->open + 1, __ATOMIC_RELEASE);
}

static void take_data(struct guest *g, struct gconn *c, const struct packet *p,
		      const uint8_t *payload)
{
	c->partial += p->len;
	if (c->unread + c->partial > GUEST_BUFFER)
		die("data beyond the credit");
	if (g->plan->verify)
		sink_take(&c->in, payload, p->len);
	if (g->plan->messages && !(p->flags & VIRTIO_VSOCK_SEQ_EOM))
		return;
	c->unread += c->partial;
	c->partial = 0;
	if (!c->stalled && list_empty(&c->touched))
		list_append(&g->touched, &c->touched);
}

static void lost(struct guest *g, struct gconn *c)
{
	if (!g->plan->dialers)
		die("the device reset a connection");
	g->resets++;
	forget(g, c);
}

static void handle(struct guest *g, const struct packet *p,
		   const uint8_t *payload)
{
	struct gconn *c = find(g, p);

	if (!c) {
		if (p->op == VIRTIO_VSOCK_OP_REQUEST)
			accept_request(g, p);
		return;
	}
	if (p->op != VIRTIO_VSOCK_OP_RST) {
		c->peer_buf_alloc = p->buf_alloc;
		c->peer_fwd_cnt = p->fwd_cnt;
	}
	if (p->op == VIRTIO_VSOCK_OP_RW)
		take_data(g, c, p, payload);
	else if (p->op == VIRTIO_VSOCK_OP_RESPONSE)
		established(g, c);
	else if (p->op == VIRTIO_VSOCK_OP_CREDIT_REQUEST)
		owe(g, c, OWES_UPDATE);
	else if (p->op == VIRTIO_VSOCK_OP_SHUTDOWN)
		owe(g, c, OWES_RST);
	else if (p->op == VIRTIO_VSOCK_OP_RST)
		lost(g, c);
	if (p->op != VIRTIO_VSOCK_OP_RST && c->to_send)
		mark_ready(g, c);
}

/* The program reads until there is nothing left, and sends an update where
 * Linux does. */
static void read_all(struct guest *g, struct gconn *c)
{
	uint64_t messages;

	while (c->unread) {
		uint32_t n = min_u32(c->unread, READ_SIZE);
		uint32_t news;

		c->unread -= n;
		c->fwd_cnt += n;
		news = c->fwd_cnt - c->last_fwd_cnt;
		c->in_message += n;
		if (c->unread && GUEST_BUFFER - news >= UPDATE_BELOW)
			continue;
		if (machine_slot(&g->machine) && !c->owed) {
			g->updates++;
			emit(g, c, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
		} else {
			owe(g, c, OWES_UPDATE);
		}
	}
	if (!c->message)
		return;
	messages = c->in_message / c->message;
	c->in_message %= c->message;
	if (!messages)
		return;
	if (c->asks)
		answered(g, c);
	else
		c->to_send += messages * c->message;
	mark_ready(g, c);
}

static void receive_all(struct guest *g)
{
	const uint8_t *payload;
	struct packet p;
	uint64_t bytes = 0, packets = 0;

	do {
		while ((payload = machine_receive(&g->machine, &p)) != NULL) {
			handle(g, &p, payload);
			bytes += p.len;
			packets++;
		}
	} while (machine_received_all(&g->machine));
	meter_add(&g->received, bytes, packets);
	while (!list_empty(&g->touched)) {
		struct gconn *c =
			list_first(&g->touched, struct gconn, touched);

		list_remove(&c->touched);
		read_all(g, c);
	}
}

/* What the program does with connection I. */
static void assign(const struct plan *plan, struct gconn *c, unsigned i)
{
	bool active = !plan->active || i < plan->active;

	c->stalled = i < plan->stalled && plan->host_sends;
	c->greedy = plan->guest_sends && i >= plan->light && active;
	if (i < plan->light)
		c->message = LIGHT_SIZE;
	else if (plan->echoes)
		c->message = (uint32_t)plan->size;
}

static void dial_all(struct guest *g)
{
	g->dials = g->second ? 0 : g->plan->conns;
	g->dialed = need_zeroed(g->dials + 1, sizeof(*g->dialed));
	for (unsigned i = 0; i < g->dials; i++) {
		struct gconn *c = &g->dialed[i];

		assign(g->plan, c, i);
		c->peer_cid = i < g->plan->siblings ? g->machine.cid + 1
						    : PACKET_HOST_CID;
		c->port = FIRST_PORT + i;
		c->peer_port = guest_dials(g->seed / GUEST_SEEDS, i);
		c->out.seed = seed_to_host(g->seed, i);
		c->in.seed = seed_to_guest(g->seed, i);
		insert(g, c);
		owe(g, c, OWES_REQUEST);
	}
}

static void offer(struct guest *g, struct gconn *c, uint64_t bytes)
{
	if (c->asks)
		ask(c);
	if (c->greedy)
		c->to_send += bytes;
	if (c->to_send)
		mark_ready(g, c);
}

void guest_offer(struct guest *g, uint64_t bytes)
{
	for (unsigned i = 0; i < GUEST_BUCKETS; i++)
		for (struct gconn *c = g->buckets[i]; c; c = c->next)
			offer(g, c, bytes);
}

void guest_begin(struct guest *g)
{
	machine_start(&g->machine, g->path);
	__atomic_store_n(&g->started, true, __ATOMIC_RELEASE);
	dial_all(g);
}

/* Takes back and receives what is there. False: nothing was. */
static bool take_all(struct guest *g)
{
	bool worked = machine_reclaim(&g->machine);

	if (!ring_waiting(&g->machine.rx))
		return worked;
	receive_all(g);
	return true;
}

/* A packet fits, perhaps after others were taken back. */
static bool has_room(struct guest *g)
{
	return machine_slot(&g->machine) || machine_reclaim(&g->machine);
}

/* Sends all that C may send; it may be gone after that. */
static bool visit(struct guest *g, struct gconn *c)
{
	bool worked = false;

	g->visited = c;
	while (g->visited && can_send(g->visited) && has_room(g)) {
		send_packet(g, g->visited);
		worked = true;
		if (!machine_unkicked(&g->machine))
			take_all(g);
	}
	g->visited = NULL;
	return worked;
}

/* Packets that are received may add connections and end others. */
static bool walk(struct guest *g)
{
	bool worked = take_all(g);

	for (unsigned n = g->conns; n && !list_empty(&g->all); n--) {
		struct gconn *c = list_first(&g->all, struct gconn, all);

		list_remove(&c->all);
		list_append(&g->all, &c->all);
		worked |= visit(g, c);
	}
	machine_kick(&g->machine);
	if (!worked && !machine_slot(&g->machine))
		return machine_want_room(&g->machine);
	return worked;
}

bool guest_step(struct guest *g)
{
	bool worked;

	if (g->plan->driver == DRIVER_WALK)
		return walk(g);
	worked = take_all(g);
	return send_one(g) || worked;
}

static void *run(void *arg)
{
	struct guest *g = arg;

	guest_begin(g);
	for (;;) {
		if (!guest_step(g))
			machine_wait(&g->machine);
	}
	return NULL;
}

void guest_init(struct guest *g, const struct plan *plan, uint64_t cid,
		unsigned index, const char *path)
{
	*g = (struct guest){
		.plan = plan,
		.seed = index * GUEST_SEEDS,
		.second = plan->siblings && index % 2,
		.path = path,
	};
	g->buckets = need_zeroed(GUEST_BUCKETS, sizeof(struct gconn *));
	list_init(&g->all);
	list_init(&g->ready);
	list_init(&g->touched);
	machine_init(&g->machine, cid + index, plan->shape);
	g->machine.wants_messages = plan->messages;
	if (plan->driver == DRIVER_WALK)
		g->machine.kick_after = GUEST_BURST;
	g->machine.wants_in_order = plan->in_order;
}

void guest_start(struct guest *g, const struct plan *plan, uint64_t cid,
		 unsigned index, const char *path)
{
	guest_init(g, plan, cid, index, path);
	need(!pthread_create(&g->thread, NULL, run, g), "pthread_create");
}

bool guest_started(const struct guest *g)
{
	return __atomic_load_n(&g->started, __ATOMIC_ACQUIRE);
}

unsigned guest_open(const struct guest *g)
{
	return __atomic_load_n(&g->open, __ATOMIC_ACQUIRE);
}
