/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The guest's stream sockets: Linux's virtio_transport_common.c of 6.12 with
 * the credit rules of 2026, in small. Everything the device sends is judged;
 * what no correct device does ends the program: data beyond the credit, more
 * packets than a socket buffer may hold (a 2026 kernel resets the connection),
 * a first packet other than RESPONSE or RST, a REQUEST for a live pair of
 * ports, data after SHUTDOWN, acknowledging more than was sent.
 */
#ifndef URING_VSOCK_FRONTEND_SOCKETS_H
#define URING_VSOCK_FRONTEND_SOCKETS_H

#include "frontend/driver.h"
#include "frontend/flow.h"

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
	struct list ready;   /* has something to send */
	struct list touched; /* got data in this batch */
	struct list accept;  /* a listener's queue, or a place on it */
	struct sockets *owner;
	enum gsock_state state;
	uint64_t peer_cid;
	uint32_t port;
	uint32_t peer_port;

	struct source out;  /* what is still to be sent */
	size_t write_size;  /* of one send(); a packet never spans two */
	uint8_t shut_after; /* SHUT_* to send once all of OUT is gone */
	uint32_t tx_cnt;
	uint32_t peer_buf_alloc;
	uint32_t peer_fwd_cnt;

	struct sink in;	    /* what the reader has read */
	bool reading;	    /* there is a reader that never waits */
	struct list unread; /* packets */
	uint32_t buf_alloc;
	uint32_t rx_bytes; /* unread */
	uint32_t rx_packets;
	uint32_t fwd_cnt;
	uint32_t last_fwd_cnt; /* as last announced */
	uint64_t rx_total;
	uint64_t rx_limit; /* the device may have sent up to here */

	uint8_t shut;	   /* SHUT_* that we sent */
	uint8_t peer_shut; /* and got */
	bool refused;	   /* RST while connecting */
	bool reset;	   /* RST afterwards */
	bool done;	   /* Linux's SOCK_DONE */
	bool released;	   /* closed by its user: freed with the connection */
	uint64_t close_due_ms;
	bool broken_pipe;   /* the peer receives no more, some was not sent */
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
	bool deaf;	    /* what comes is neither judged nor answered */
	bool silent;	    /* CREDIT_UPDATE only when asked (Windows) */
	uint64_t strays;    /* RW for no socket */
	uint64_t resets;    /* RST for no socket */
	uint64_t close_timeouts;
	struct list closing; /* released and waiting for RST */
	struct ticker ticker;
};

void sockets_init(struct sockets *s, uint64_t cid,
		  const struct driver_config *config, struct world *w,
		  struct ram *ram);
void sockets_free(struct sockets *s);
/* A new kernel: every socket is gone, without a word. */
void sockets_forget(struct sockets *s);

struct gsock *gsock_listen(struct sockets *s, uint32_t port);
/* From a new port; gsock_connect_from() from a given one. */
struct gsock *gsock_connect(struct sockets *s, uint32_t host_port);
struct gsock *gsock_connect_from(struct sockets *s, uint32_t port,
				 uint64_t peer_cid, uint32_t host_port);
struct gsock *gsock_raw(struct sockets *s, uint32_t port, uint32_t peer_port);
/* The next connection or NULL. */
struct gsock *gsock_accept(struct gsock *listener);

/* Bytes to send; see frontend/flow.h. */
void gsock_send(struct gsock *g, uint32_t seed, uint64_t length);
void gsock_write(struct gsock *g, const char *text);
/* Reads up to N bytes that have arrived; returns how many. */
size_t gsock_read(struct gsock *g, size_t n);
/* From now on there is a reader that never waits. */
void gsock_read_all(struct gsock *g);
/* SHUT_* after everything that was to be sent. */
void gsock_shutdown(struct gsock *g, uint8_t how);
/* close(2). G belongs to the guest's kernel afterwards. */
void gsock_close(struct gsock *g);
/* All was read and no more will come. */
bool gsock_eof(const struct gsock *g);
/* All that was to be sent is in the ring. */
bool gsock_sent(const struct gsock *g);
/* The device has acknowledged all that was sent. */
bool gsock_acknowledged(const struct gsock *g);
/* setsockopt(SO_VM_SOCKETS_BUFFER_SIZE) */
void gsock_set_buffer(struct gsock *g, uint32_t bytes);

/* A packet with G's addresses and credit; a raw socket sends what it likes. */
struct packet gsock_packet(struct gsock *g, uint16_t op);
void gsock_emit(struct gsock *g, uint16_t op, uint32_t flags, bool reply);

#endif
