/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Four guests that open connections to each other and send, read, half-close,
 * close, reset, pause, reboot and die at any time. What each end did is kept;
 * from that follows what the other must have seen when all is quiet:
 *
 *	bytes	all that was sent, in order, if neither end broke off
 *	ends	what the other shut down, and no more; both ways once the other
 *		has gone, or once both directions have ended
 *	how	cut off by an RST alone if the other broke off, and only then:
 *		all other ends are told by SHUTDOWN
 *
 * URING_VSOCK_SOAK is how many seconds to go on for, URING_VSOCK_SEED where to
 * begin; each round has a seed of its own, which is named if it fails.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "suite.h"
#include "system/system.h"

#define VMS 4
#define TALKS 24
#define BURSTS 60 /* of a round */
#define LISTENERS 2
#define SOAK_SECONDS 8 /* altogether */
#define ENGINES 2

struct end {
	struct guest *guest;
	struct gsock *sock; /* NULL: not accepted yet, or not any more */
	uint64_t sent;	    /* bytes given to send() */
	uint8_t shut;	    /* SHUT_* asked for */
	bool met;	    /* there was a socket */
	bool closed;	    /* by close(2): what was sent is to arrive */
	bool broken;	    /* reset, or its guest has gone */
};

struct talk {
	struct end ends[2]; /* who connects, who accepts */
	uint32_t port;	    /* of who connects; nobody else has it. 0: free */
	uint32_t write_size;
	uint16_t type;
	bool refusable;
};

struct soak {
	struct world world;
	struct daemon daemon;
	struct guest guests[VMS];
	struct gsock *listeners[VMS][LISTENERS];
	struct talk talks[TALKS];
	uint64_t random;
	uint32_t next_port;
	uint64_t met; /* talks that came about */
	uint64_t bytes;
	char round[64];
};

/* The talks of the round that each engine has played last. */
static uint64_t *last_seeds;

static uint32_t below(struct soak *s, uint32_t n)
{
	return suite_random(&s->random) % n;
}

static uint16_t type_of_listener(unsigned i)
{
	return i ? VIRTIO_VSOCK_TYPE_SEQPACKET : VIRTIO_VSOCK_TYPE_STREAM;
}

static uint32_t port_of_listener(uint16_t type)
{
	return type == VIRTIO_VSOCK_TYPE_STREAM ? 7000 : 7001;
}

static void listen_all(struct soak *s, unsigned vm)
{
	struct sockets *sockets = &s->guests[vm].sockets;
	static const uint32_t buffers[] = { 262144, 65536, 131072, 20000 };

	sockets->buf_alloc = buffers[below(s, ARRAY_SIZE(buffers))];
	for (unsigned i = 0; i < LISTENERS; i++) {
		uint16_t type = type_of_listener(i);

		s->listeners[vm][i] =
			gsock_listen(sockets, port_of_listener(type));
		s->listeners[vm][i]->type = type;
	}
}

/* The bytes that END I of a talk sends. */
static uint32_t seed_of(const struct talk *t, unsigned i)
{
	return t->port * 2 + i;
}

static void meet(struct soak *s, struct talk *t, unsigned i, struct gsock *g)
{
	t->ends[i].sock = g;
	t->ends[i].met = true;
	sink_expect(&g->in, seed_of(t, !i));
	if (t->type == VIRTIO_VSOCK_TYPE_SEQPACKET)
		gsock_set_write(g, t->write_size);
	s->met += i;
}

static void open_talk(struct soak *s, struct talk *t)
{
	unsigned from = below(s, VMS);
	unsigned to = (from + 1 + below(s, VMS - 1)) % VMS;
	bool messages = below(s, 4) == 0;
	struct gsock *g;

	*t = (struct talk){
		.ends = { { .guest = &s->guests[from] },
			  { .guest = &s->guests[to] } },
		.port = s->next_port++,
		.write_size = 1 + below(s, 20000),
		.type = type_of_listener(messages),
	};
	g = gsock_new(&s->guests[from].sockets, GSOCK_CONNECTING, t->port,
		      port_of_listener(t->type));
	g->type = t->type;
	g->peer_cid = s->guests[to].config.cid;
	meet(s, t, 0, g);
	gsock_emit(g, VIRTIO_VSOCK_OP_REQUEST, 0, false);
}

static struct talk *talk_of_port(struct soak *s, uint32_t port)
{
	for (unsigned i = 0; i < TALKS; i++)
		if (s->talks[i].port == port)
			return &s->talks[i];
	return NULL;
}

static void accept_all(struct soak *s)
{
	struct gsock *g;
	struct talk *t;

	for (unsigned i = 0; i < VMS * LISTENERS; i++) {
		struct gsock *listener =
			s->listeners[i / LISTENERS][i % LISTENERS];

		while ((g = gsock_accept(listener))) {
			t = talk_of_port(s, g->peer_port);
			if (t && !t->ends[1].met)
				meet(s, t, 1, g);
			else
				gsock_close(g);
		}
	}
}

static bool is_open(const struct end *e)
{
	return e->sock && e->sock->state == GSOCK_OPEN && !e->sock->done;
}

static void send_some(struct soak *s, struct talk *t, unsigned i)
{
	struct end *e = &t->ends[i];
	uint64_t n = 1 + below(s, below(s, 3) ? 5000 : 300000);

	if (!is_open(e) || e->shut & SHUT_SEND)
		return;
	if (t->type == VIRTIO_VSOCK_TYPE_SEQPACKET)
		n = (uint64_t)t->write_size * (1 + below(s, 10));
	gsock_send(e->sock, seed_of(t, i), n);
	e->sent += n;
	s->bytes += n;
}

static void shut(struct end *e, uint8_t how)
{
	if (!is_open(e) || (e->shut & how) == how)
		return;
	gsock_shutdown(e->sock, how);
	e->shut |= how;
}

static void close_end(struct end *e)
{
	/* send(2) would not have returned before */
	if (!e->sock || !gsock_sent(e->sock))
		return;
	/* A kernel knows nothing of a socket whose connect() has given up. */
	if (e->sock->state == GSOCK_CONNECTING)
		e->broken = true;
	else
		e->closed = true;
	gsock_close(e->sock);
	e->sock = NULL;
}

static void reset_end(struct end *e)
{
	if (!is_open(e))
		return;
	gsock_emit(e->sock, VIRTIO_VSOCK_OP_RST, 0, false);
	gsock_free(e->sock);
	e->sock = NULL;
	e->broken = true;
}

static void act_on_talk(struct soak *s, struct talk *t)
{
	unsigned i = below(s, 2);
	struct end *e = &t->ends[i];
	unsigned what = below(s, 100);

	if (!t->port)
		open_talk(s, t);
	else if (what < 45)
		send_some(s, t, i);
	else if (what < 75 && e->sock)
		gsock_read(e->sock, below(s, 100000));
	else if (what < 82 && e->sock)
		gsock_read_all(e->sock);
	else if (what < 88)
		shut(e, SHUT_SEND);
	else if (what < 90)
		shut(e, SHUT_RCV);
	else if (what < 97)
		close_end(e);
	else
		reset_end(e);
}

/* A connection to a guest that is not ready is refused. */
static void note_pause_of(struct soak *s, const struct guest *guest)
{
	for (unsigned i = 0; i < TALKS; i++)
		if (s->talks[i].ends[1].guest == guest)
			s->talks[i].refusable = true;
}

/* A guest's connections end with it. Some who asked for one may hear of that
 * later. */
static void note_end_of(struct soak *s, const struct guest *guest)
{
	note_pause_of(s, guest);
	for (unsigned i = 0; i < TALKS * 2; i++) {
		struct end *e = &s->talks[i / 2].ends[i % 2];

		if (s->talks[i / 2].port && e->guest == guest && e->met) {
			e->sock = NULL;
			e->broken = true;
		}
	}
}

/* A paused guest misses nothing, and its memory is left alone. */
static void pause_guest(struct soak *s, struct guest *guest)
{
	uint64_t sum;

	note_pause_of(s, guest);
	guest_pause(guest);
	sum = ram_sum(&guest->ram);
	world_rest(&s->world, below(s, 20));
	ck_assert(sum == ram_sum(&guest->ram));
	guest_start(guest);
}

static void act_on_guest(struct soak *s)
{
	unsigned vm = below(s, VMS);
	struct guest *guest = &s->guests[vm];
	unsigned what = below(s, 3);

	accept_all(s);
	if (what == 0) {
		pause_guest(s, guest);
		return;
	}
	note_end_of(s, guest);
	if (what == 1) {
		guest_reboot(guest);
	} else {
		guest_kill(guest);
		world_rest(&s->world, below(s, 5));
		guest_revive(guest, s->daemon.socket[vm]);
	}
	listen_all(s, vm);
}

static bool both_directions_ended(const struct talk *t)
{
	const struct end *a = &t->ends[0], *b = &t->ends[1];

	return ((a->shut & SHUT_SEND) || (b->shut & SHUT_RCV)) &&
	       ((b->shut & SHUT_SEND) || (a->shut & SHUT_RCV));
}

/* Which ends of the other's directions end I must have heard of. */
static uint8_t due_shut(const struct talk *t, unsigned i)
{
	const struct end *other = &t->ends[!i];

	if (other->closed || other->broken || both_directions_ended(t))
		return SHUT_BOTH;
	return other->shut;
}

/* All bytes that the other end sent must arrive. */
static bool due_all(const struct talk *t, unsigned i)
{
	return !t->ends[!i].broken && !(t->ends[i].shut & SHUT_RCV);
}

/* The other end broke off an open connection, and nothing else ended it. An end
 * that shuts both directions down is answered by an RST in any case. */
static bool due_cut(const struct talk *t, unsigned i)
{
	const struct end *other = &t->ends[!i];

	return other->broken && !other->closed && other->shut != SHUT_BOTH &&
	       t->ends[i].shut != SHUT_BOTH && !both_directions_ended(t);
}

static bool may_be_cut(const struct talk *t, unsigned i)
{
	return t->ends[!i].broken || t->ends[i].shut == SHUT_BOTH;
}

/* No end ever hears of something that did not happen. */
static void check_end(const struct talk *t, unsigned i)
{
	const struct gsock *g = t->ends[i].sock;
	uint8_t due = due_shut(t, i);

	if (!g)
		return;
	if (g->refused)
		ck_assert(due == SHUT_BOTH || t->refusable);
	else
		ck_assert_uint_eq(g->peer_shut & ~due, 0);
	if (g->cut)
		ck_assert(may_be_cut(t, i));
	ck_assert_uint_le(g->in.got, t->ends[!i].sent);
	if (gsock_eof(g) && due_all(t, i) && g->peer_shut)
		ck_assert_uint_eq(g->in.got, t->ends[!i].sent);
}

static void check_all(const struct soak *s)
{
	for (unsigned i = 0; i < TALKS * 2; i++)
		if (s->talks[i / 2].port)
			check_end(&s->talks[i / 2], i % 2);
}

static bool end_is_settled(const struct talk *t, unsigned i)
{
	const struct end *e = &t->ends[i], *other = &t->ends[!i];

	if (!e->met)
		return !other->sock || other->sock->refused;
	if (!e->sock || e->sock->refused)
		return true;
	if (e->sock->state == GSOCK_CONNECTING ||
	    e->sock->peer_shut != due_shut(t, i))
		return false;
	return !due_all(t, i) || e->sock->in.got == other->sent;
}

static bool all_settled(struct soak *s)
{
	accept_all(s);
	for (unsigned i = 0; i < TALKS * 2; i++) {
		struct talk *t = &s->talks[i / 2];

		if (t->port && t->ends[i % 2].sock)
			gsock_read_all(t->ends[i % 2].sock);
	}
	for (unsigned i = 0; i < TALKS * 2; i++)
		if (s->talks[i / 2].port &&
		    !end_is_settled(&s->talks[i / 2], i % 2))
			return false;
	return true;
}

static bool all_gone(struct soak *s)
{
	accept_all(s);
	for (unsigned i = 0; i < VMS; i++)
		if (s->guests[i].sockets.count > LISTENERS)
			return false;
	return true;
}

static void check_messages(const struct talk *t, const struct gsock *g)
{
	for (unsigned i = 0; i < g->messages.count; i++)
		ck_assert_uint_eq(g->messages.at[i], t->write_size);
}

/* Everything must be quiet and over. */
static void settle(struct soak *s)
{
	drive_until(&s->world, all_settled(s));
	check_all(s);
	for (unsigned i = 0; i < TALKS * 2; i++) {
		struct talk *t = &s->talks[i / 2];
		struct gsock *g = t->ends[i % 2].sock;

		if (!t->port || !g)
			continue;
		check_messages(t, g);
		if (!g->refused && due_cut(t, i % 2))
			ck_assert(g->cut);
		gsock_close(g);
	}
	for (unsigned i = 0; i < TALKS; i++)
		s->talks[i].port = 0;
	drive_until(&s->world, all_gone(s));
	for (unsigned i = 0; i < VMS; i++)
		ck_assert_uint_eq(s->guests[i].sockets.close_timeouts, 0);
}

static void play_round(struct soak *s, uint64_t seed)
{
	s->random = seed;
	snprintf(s->round, sizeof(s->round), "URING_VSOCK_SEED=%llu",
		 (unsigned long long)seed);
	for (unsigned burst = 0; burst < BURSTS; burst++) {
		for (unsigned i = below(s, 20); i > 0; i--)
			act_on_talk(s, &s->talks[below(s, TALKS)]);
		if (below(s, 40) == 0)
			act_on_guest(s);
		world_rest(&s->world, below(s, 3));
		accept_all(s);
		check_all(s);
	}
	settle(s);
}

static void soak_open(struct soak *s, int engine, const char *workers)
{
	struct guest_config configs[VMS];
	const struct daemon_config config = {
		.vms = VMS,
		.engine = engine_name(engine),
		.workers = workers,
	};

	for (unsigned i = 0; i < VMS; i++)
		configs[i] = i % 2 ? guest_linux_6_1(DAEMON_CID + i)
				   : guest_defaults(DAEMON_CID + i);
	configs[2].driver.rx_size = configs[2].driver.tx_size = 16;
	configs[3].driver.rx_buffers = 8;
	*s = (struct soak){ .random = 1, .next_port = 20000 };
	world_init(&s->world);
	s->world.context = s->round;
	daemon_start(&s->daemon, &config, &s->world);
	for (unsigned i = 0; i < VMS; i++) {
		guest_boot(&s->guests[i], &configs[i], &s->world,
			   s->daemon.socket[i]);
		listen_all(s, i);
	}
}

static void soak_close(struct soak *s)
{
	for (unsigned i = 0; i < VMS; i++)
		guest_free(&s->guests[i]);
	daemon_stop(&s->daemon);
	world_free(&s->world);
}

static const char *const worker_counts[] = { "1", "3" };

START_TEST(bytes_and_ends_are_the_models)
{
	unsigned runs = (unsigned)engines() * ARRAY_SIZE(worker_counts);
	uint64_t ms =
		number_from_environment("URING_VSOCK_SOAK", SOAK_SECONDS) *
		1000 / runs;

	for (unsigned w = 0; w < ARRAY_SIZE(worker_counts); w++) {
		uint64_t seed = number_from_environment("URING_VSOCK_SEED", 1);
		uint64_t until = clock_ms() + ms;
		static struct soak s;

		soak_open(&s, _i, worker_counts[w]);
		do {
			last_seeds[_i] = seed;
			play_round(&s, seed++);
		} while (clock_ms() < until);
		printf("%s, %s workers: seeds to %llu, %llu connections, "
		       "%llu MiB\n",
		       engine_name(_i), worker_counts[w],
		       (unsigned long long)seed - 1, (unsigned long long)s.met,
		       (unsigned long long)s.bytes / MIB);
		soak_close(&s);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { bytes_and_ends_are_the_models };
	int status;

	/* A longer soak takes as long as was asked for. */
	if (getenv("URING_VSOCK_SOAK"))
		setenv("CK_TIMEOUT_MULTIPLIER", "100", 1);
	last_seeds = mmap(NULL, sizeof(*last_seeds) * ENGINES,
			  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	need(last_seeds != MAP_FAILED, "mmap");
	status = run_tests("system/siblings_random", tests, ARRAY_SIZE(tests));
	for (int i = 0; status == EXIT_FAILURE && i < engines(); i++)
		printf("%s was in the round of URING_VSOCK_SEED=%llu\n",
		       engine_name(i), (unsigned long long)last_seeds[i]);
	return status;
}
