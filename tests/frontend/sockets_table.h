/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The guest's sockets themselves: their state, where to find them, what they
 * say. */
#ifndef URING_VSOCK_FRONTEND_SOCKETS_TABLE_H
#define URING_VSOCK_FRONTEND_SOCKETS_TABLE_H

#include "frontend/driver.h"
#include "frontend/flow.h"
#include "frontend/lengths.h"

#define GSOCK_BUFFER 262144u /* Linux's default buf_alloc */
#define GSOCK_BUCKETS 16384u

enum gsock_state {
	GSOCK_CLOSED,
	GSOCK_LISTEN,
	GSOCK_CONNECTING,
	GSOCK_OPEN,
	GSOCK_RAW, /* a test speaks for it: packets are only recorded */
};

struct gsock {
	struct list node;    /* in its bucket */
	struct list ready;   /* it has something to send */
	struct list touched; /* it got data in this batch */
	struct list accept;  /* a listener's queue, or a place on it */
	struct sockets *owner;
	enum gsock_state state;
	uint16_t type; /* VIRTIO_VSOCK_TYPE_*; those whom a listener accepts have its type */
	uint64_t peer_cid;
	uint32_t port;
	uint32_t peer_port;

	struct source out; /* what is still to be sent */
	size_t write_size; /* of one send(), which no packet crosses */
	uint64_t write_from; /* where in OUT the first send() of that size began */
	uint32_t packet_max; /* payload bytes */
	uint8_t shut_after;  /* SHUT_* to send once all of OUT is gone */
	uint32_t tx_cnt;
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;

	struct sink in;	    /* what the reader has read */
	bool reading;	    /* a reader takes everything at once */
	struct list unread; /* packets */
	uint32_t buf_alloc;
	uint32_t rx_bytes; /* unread */
	uint32_t rx_packets;
	uint32_t rx_messages;	 /* unread bytes of whole messages: SEQPACKET */
	uint32_t rx_message;	 /* bytes of the one that is being read */
	struct lengths messages; /* read */
	uint32_t fwd_cnt;
	uint32_t last_fwd_cnt; /* credit as it was announced last */
	uint64_t rx_total;
	uint64_t rx_limit; /* the device may have sent up to here */

	uint8_t shut;	   /* SHUT_* that we sent */
	uint8_t peer_shut; /* and got */
	bool refused;	   /* RST while connecting */
	bool reset;	   /* RST afterwards */
	bool cut;	   /* and before SHUTDOWN of both directions */
	bool done;	   /* Linux's SOCK_DONE */
	bool released; /* its user has closed it: freed with the connection */
	uint64_t close_due_ms;
	bool broken_pipe; /* the peer receives no more; some bytes were not sent */
	uint64_t packets;   /* received */
	struct packet last; /* received */
	uint64_t updates;   /* CREDIT_UPDATE and CREDIT_REQUEST received */
	unsigned backlog;   /* of a listener: 0 refuses */
	bool mute;	    /* a listener that only records */
};

struct sockets {
	struct driver driver; /* first the rings, then what they carry */
	uint64_t cid;
	struct list *buckets;
	struct list ready;
	struct list touched;
	uint32_t next_port;
	unsigned count;
	uint32_t buf_alloc; /* of new sockets */
	bool deaf;	    /* what comes is not judged and not answered */
	bool silent;	    /* CREDIT_UPDATE only when asked (Windows) */
	bool late;	 /* CREDIT_UPDATE only near a full buffer (Linux 6.1) */
	bool eager;	 /* ports are free once both directions have ended */
	uint64_t strays; /* RW for no socket */
	uint64_t resets; /* RST for no socket */
	uint64_t close_timeouts;
	struct list closing; /* released and waiting for RST */
	struct ticker ticker;
};

struct gsock *sockets_find(struct sockets *s, uint32_t port,
			   uint32_t peer_port);
struct gsock *sockets_find_listener(struct sockets *s, uint32_t port);
struct gsock *gsock_new(struct sockets *s, enum gsock_state state,
			uint32_t port, uint32_t peer_port);
void gsock_free(struct gsock *g);
/* There may be something to send. */
void gsock_mark_ready(struct gsock *g);

/* The packet that goes out announces our credit: call this for each one. */
void gsock_announce(struct gsock *g);
/* A packet with G's addresses and credit. The owner of a raw socket may change
 * it as it likes. */
struct packet gsock_packet(struct gsock *g, uint16_t op);
void gsock_emit(struct gsock *g, uint16_t op, uint32_t flags, bool reply);

#endif
