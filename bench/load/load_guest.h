/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest under load: stream sockets with the credit rules of Linux 6.12, and
 * one program that does one thing on all of them. A thread of its own runs it:
 * it works while it can, and blocks for an interrupt when it cannot. Its driver
 * is Linux's, or one that walks all connections in rounds.
 *
 * Siblings come in twos: the first guest dials the second by its CID, and the
 * second has the part that host programs have in other plans.
 */
#ifndef URING_VSOCK_BENCH_GUEST_H
#define URING_VSOCK_BENCH_GUEST_H

#include <pthread.h>

#include "frontend/flow.h"
#include "latency.h"
#include "machine.h"
#include "measure.h"
#include "pair.h"

#define GUEST_BUFFER 262144u
#define GUEST_PORT 5000u /* where the guest listens; see guest_dials() */
#define GUEST_SEEDS 256u
#define GUEST_BUCKETS 16384u
#define GUEST_BURST 8u /* packets of a walking driver's kick */

enum guest_driver {
	DRIVER_LINUX, /* a packet of each connection in turn, kicked at once */
	DRIVER_WALK,  /* all that a connection's credit allows, and then the
		       * next one's; see guest_step() */
};

/* What guest and host, or the two ends of a socket pair, do. */
struct plan {
	bool guest_sends; /* all the time */
	bool host_sends;
	bool echoes;	 /* the guest sends back each message of SIZE */
	bool messages;	 /* SOCK_SEQPACKET: each write is a message */
	bool verify;	 /* contents are made and compared */
	size_t size;	 /* of a write or message */
	unsigned conns;	 /* of each VM, made by the guest */
	unsigned active; /* the first so many are used; 0: all */
	unsigned vms;
	enum pair_type pair; /* without VMs: what is measured instead */
	unsigned stalled;    /* nobody reads the first so many connections */
	unsigned light;	     /* the first so many only carry round trips */
	unsigned dialers;    /* host programs that connect for each message */
	unsigned siblings;   /* the first so many of each other VM's connections
			    * lead to the VM behind it, the rest to the host */
	enum machine_shape shape;
	enum guest_driver driver;
	bool in_order;	 /* VIRTIO_F_IN_ORDER is negotiated */
	unsigned rounds; /* in lockstep with the daemon; 0: free running */
	unsigned batch;	 /* messages of a connection in a round */
};

#define PLAN_DIALERS_MAX 64u
#define LIGHT_SIZE 64u /* of a light connection's messages */

struct gconn {
	struct gconn *next; /* in its bucket */
	struct list all;    /* of the guest */
	struct list ready;  /* may have something to send */
	struct list touched;
	uint64_t peer_cid;
	uint32_t port;
	uint32_t peer_port;
	uint8_t owed; /* control packets, load_guest.c's bits */
	bool open;
	bool stalled;	  /* the program never reads */
	bool greedy;	  /* it always has something to send */
	bool asks;	  /* what it sends back is its next question */
	uint32_t message; /* to be sent back when complete; 0: not */
	uint32_t tx_cnt;
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;
	uint32_t unread;
	uint32_t partial; /* bytes of an incomplete SOCK_SEQPACKET message */
	uint32_t fwd_cnt;
	uint32_t last_fwd_cnt;
	uint64_t in_message; /* bytes of an incomplete message received */
	uint64_t to_send;    /* bytes the program wants to send */
	uint64_t asked_ns;
	struct source out;
	struct sink in;
};

struct guest {
	struct machine machine;
	const struct plan *plan;
	uint32_t seed; /* of its first connection */
	bool second;   /* of two siblings: it is dialed */
	struct gconn **buckets;
	struct gconn *dialed;
	unsigned dials; /* connections */
	struct list all;
	unsigned conns;	       /* on that list */
	struct gconn *visited; /* in a round; NULL: it is over */
	struct list ready;
	struct list touched;
	bool started; /* the rings run; any thread may read this and the next one */
	unsigned open; /* connections */
	struct meter received;
	struct meter sent;
	struct meter asked;	/* round trips, both ways' bytes */
	struct latency latency; /* of these, while recording */
	bool recording;		/* set by others */
	uint64_t updates;
	uint64_t resets;
	pthread_t thread;
	const char *path;
};

/* The VM with the INDEX, from 0, and the vhost-user socket PATH, whose session
 * does not run yet. The first VM has the CID. */
void guest_init(struct guest *g, const struct plan *plan, uint64_t cid,
		unsigned index, const char *path);
/* Sets the device up and asks for all connections. */
void guest_begin(struct guest *g);
/*
 * Does some of what can be done without waiting. False: there was nothing. With
 * DRIVER_LINUX that is one packet, with DRIVER_WALK a round: each connection
 * sends as much as its credit allows, there is a kick after every GUEST_BURST
 * packets and at the end, and in between chains are taken back and packets
 * received. The machine then asks for an interrupt for sent packets only if there
 * is no room for another.
 */
bool guest_step(struct guest *g);
/* The program gets BYTES to send on each of its greedy connections, and asks on
 * those on which it asks. */
void guest_offer(struct guest *g, uint64_t bytes);

/* The same in a thread that never ends: it waits when there is nothing to do,
 * and ends the process if the device does what no correct device does. */
void guest_start(struct guest *g, const struct plan *plan, uint64_t cid,
		 unsigned index, const char *path);
/* The device is set up. */
bool guest_started(const struct guest *g);
/* Connections that are open now. */
unsigned guest_open(const struct guest *g);

/* VMs that dial: all, or the first of each two. */
static inline unsigned plan_dialing(const struct plan *plan)
{
	return plan->siblings ? plan->vms / 2 : plan->vms;
}

/* The port that the VM with the INDEX dials for its connection I: no other VM
 * dials the same. */
static inline uint32_t guest_dials(unsigned index, unsigned i)
{
	return GUEST_PORT + index * GUEST_SEEDS + i % GUEST_SEEDS;
}

/* Seeds of the bytes of connection I towards the host and to the guest. */
static inline uint32_t seed_to_host(uint32_t first, unsigned i)
{
	return 1 + first + i % GUEST_SEEDS;
}

static inline uint32_t seed_to_guest(uint32_t first, unsigned i)
{
	return 1000000 + first + i % GUEST_SEEDS;
}

#endif
