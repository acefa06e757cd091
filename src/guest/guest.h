/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One VM: its rings and memory, its connections, and what it owes and is owed.
 *
 * A guest lives while one worker serves the VM; hypervisors and kernels come
 * and go meanwhile. Only that worker's thread touches it. The guest knows no
 * sockets and moves no bytes.
 */
#ifndef URING_VSOCK_GUEST_GUEST_H
#define URING_VSOCK_GUEST_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/timer.h"
#include "guest/queue.h"
#include "guest/resets.h"
#include "vsock/ended.h"
#include "vsock/table.h"

struct closer;
struct frontend;
struct frontends;
struct loop;
struct memory;
struct switch_vm;
struct vm_config;

enum guest_queue_index {
	GUEST_RX,    /* to the guest (virtio 1.3, 5.10.2) */
	GUEST_TX,    /* from the guest */
	GUEST_EVENT, /* to the guest: TRANSPORT_RESET; not all front ends set it */
	GUEST_QUEUES
};

/*
 * What follows is the guest's state, each part with its writers. Others only
 * read it; guest.c makes and frees all of it.
 */

/* Since the daemon's start: daemon/vm.c keeps them from one guest to the
 * next. */
struct guest_counts {
	uint64_t connections; /* by link/link.c */
	uint64_t bytes_out;   /* from the guest, by host/sends.c */
	uint64_t bytes_in;    /* to the guest, by guest/rx_buffers.c */
};

/* A driver whose rings were stopped, by session/departure.c. */
struct guest_departure {
	struct timer timer;
	uint16_t index; /* the RX ring's available index at the last look */
	uint16_t looks;
};

/* The vhost-user session, by session/; guest/events.c pays the reset that is
 * owed. */
struct guest_session {
	struct frontends *frontends; /* connected to the vhost-user socket */
	struct frontend *frontend;   /* the one in charge, or NULL */
	struct memory *memory;
	bool memory_missed; /* a warning said that memory is not shared */
	bool memory_seen;   /* it is shared: the driver was seen in a ring */
	/* Armed by a kick after which the driver does not show in its rings,
	 * until it does, or device_doubt() warns that memory is not shared. */
	struct timer doubt;
	uint64_t features;
	uint64_t protocol_features;
	uint8_t status;
	bool owes_reset; /* TRANSPORT_RESET, see events.h */
	struct guest_departure departure;
	char reason[224]; /* why the last request was refused, if composed */
};

/* What has not been shown to the guest yet, by guest/awake.c. */
struct guest_awake {
	struct list node;    /* on the service's list while kicks are off */
	uint32_t last_turn;  /* the last turn that it had a part in */
	uint32_t tx_held;    /* segments of used TX chains not yet published */
	uint8_t tx_turns;    /* turns that used TX chains have waited */
	uint8_t rx_turns;    /* turns that filled RX chains have waited */
	uint16_t rx_patient; /* filled RX chains that may wait */
};

/* The receive side. link/ puts links on the lists and takes them off where they
 * end; funnel/to_guest.c takes them off when they were served, and moves those
 * that used up the buffers to the end of ready. */
struct guest_rx {
	struct list ready;     /* other links */
	struct list light;     /* links that are light, as far as was known */
	bool short_of_buffers; /* a link waits for some, by rx_buffers.c */
	bool ready_first;      /* light left nothing, by funnel/to_guest.c */
};

/* Host programs that have no connection yet, by host/listener.c and link/. */
struct guest_greeters {
	struct list silent;   /* links without a CONNECT line, oldest first */
	struct list knocking; /* links of these that can be read from */
	struct list calling;  /* listeners on which a program may wait */
	unsigned count;	      /* of silent and knocking */
};

/* Host sockets that are being connected. link/ puts links on the list and takes
 * them off where they end; host/dial.c takes off the others. */
struct guest_dialing {
	struct list dialed; /* links whose connect(2) has come to an end */
	unsigned waiting;   /* links with a full backlog ahead, by link/ */
};

/* Connections that end, by link/. When a session ends, all connections in the
 * table are of that session, and session/ends.c ends them. */
struct guest_ending {
	struct list told;   /* links whose end the guest is shown next */
	struct list parted; /* links that only have bytes for the host */
	unsigned nparted;
	bool session; /* by session/ends.c: see ends_end_some() */
	uint32_t at;  /* by session/ends.c: where in the table to go on */
};

/* Connections with other guests, by link/. A request that waits for its port
 * counts as asked, too. */
struct guest_siblings {
	unsigned halves;
	unsigned asked;	 /* halves that this guest has not accepted yet */
	unsigned asking; /* halves that the other guest has not accepted yet */
};

/* Credit that the guest's links share. */
struct guest_grants {
	uint64_t bytes; /* by guest_grant() and its like */
};

/* File descriptors of the VM's connections. */
struct guest_fds {
	unsigned held;	  /* by the functions of turn/descriptors.h */
	unsigned closing; /* held by host_closer, by link/rights.c */
};

/* Lines in the log, limited by who can cause them: guest_log_limited(). */
struct guest_limits {
	struct log_limit guest;
	struct log_limit host;	  /* host programs */
	struct log_limit session; /* hypervisors */
};

struct guest {
	const struct vm_config *config;
	struct loop *loop;
	struct switch_vm *place;    /* by which other guests know this one */
	struct closer *closer;	    /* of hypervisors' descriptors */
	struct closer *host_closer; /* of host programs' descriptors */
	char label[48];		    /* "name[cid]", for log lines */

	struct guest_session session;
	struct guest_queue queue[GUEST_QUEUES]; /* set up by session/ */
	struct guest_awake awake;
	struct list active; /* on the loop's list while it has work */

	struct table conns; /* by link/ */
	/* Links whose host socket takes bytes again: put here by link/, and taken
	 * off by funnel/from_guest.c, or by link/ where they end. */
	struct list flushing;
	struct guest_rx rx;
	struct guest_greeters greeters;
	struct guest_dialing dialing;
	struct guest_ending ending;
	struct guest_siblings siblings;
	struct guest_grants grants;
	struct guest_fds fds;
	struct resets resets; /* RSTs owed to packets without a connection */
	struct ended ended;   /* connections whose late packets get no RST */

	struct guest_counts counts;
	struct guest_limits limits;
};

/* A guest on LOOP, with nothing open. NULL and errno on lack of memory. */
struct guest *guest_new(const struct vm_config *config, struct loop *loop);

/*
 * CLOSER closes the descriptors that hypervisors hand over, HOST_CLOSER those
 * that host programs do, so that neither waits for the other's. Both are the
 * caller's and outlive the guest. Where one is NULL, its descriptors are closed
 * at once.
 */
void guest_set_closers(struct guest *guest, struct closer *closer,
		       struct closer *host_closer);

/* Its connections, listeners and front end must be gone. Accepts NULL. */
void guest_free(struct guest *guest);

uint32_t guest_cid(const struct guest *guest);

/* Both data rings run and are healthy, and no connections of a past session are
 * left: packets can be exchanged. */
bool guest_running(const struct guest *guest);

/* The guest's packets are taken: its TX ring runs, its RX ring, which the
 * answers need, is not broken, and no connections of a past session are
 * left. */
bool guest_is_heard(const struct guest *guest);

/*
 * Grants credit to a new connection: WANTED bytes, or less where the guest's
 * other connections have used up most of what one guest is granted.
 */
uint32_t guest_grant(struct guest *guest, uint32_t wanted);

/* Grants more to a connection that has some: WANTED bytes, less, or none. */
uint32_t guest_grant_more(struct guest *guest, uint32_t wanted);

/* CREDIT of what was granted is free again. */
void guest_take_back(struct guest *guest, uint32_t credit);

/* The guest may use SOCK_SEQPACKET: VIRTIO_VSOCK_F_SEQPACKET was negotiated. */
bool guest_has_seqpacket(const struct guest *guest);

/* Something waits to be put into the guest's RX ring. */
static inline bool guest_has_output(const struct guest *guest)
{
	return !list_empty(&guest->rx.light) || !list_empty(&guest->rx.ready) ||
	       guest->resets.count;
}

/* Logs what the guest has and had, in one line. */
void guest_report(const struct guest *guest);

/* The guest has work: it has a part in the coming turn. */
void guest_wake(struct guest *guest);

/* Logs a line, prefixed with the VM's name and CID. */
#define guest_log(guest, level, ...)                                  \
	do {                                                          \
		if (log_on(level))                                    \
			log_line(level, (guest)->label, __VA_ARGS__); \
	} while (0)

/* The same, limited in number by LIMIT, a member of struct guest_limits: for
 * what a guest, host program or hypervisor can cause. */
#define guest_log_limited(guest, limit, level, ...)                   \
	do {                                                          \
		if (log_on(level) &&                                  \
		    log_allow(&(guest)->limits.limit, clock_ms()))    \
			log_line(level, (guest)->label, __VA_ARGS__); \
	} while (0)

#endif
