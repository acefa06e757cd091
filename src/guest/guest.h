/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One VM: its rings and memory, its connections, and what it owes and is owed.
 *
 * Lives while one worker serves the VM; hypervisors and kernels come and go in
 * it. Touched by that worker's thread only. Knows no sockets, moves no bytes.
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
#include "vsock/windows.h"

struct closer;
struct frontend;
struct frontends;
struct loop;
struct memory;
struct switch_vm;
struct vm_config;

enum guest_queue_index {
	GUEST_RX, /* to the guest (virtio 1.3, 5.10.2) */
	GUEST_TX, /* from the guest */
	GUEST_EVENT, /* to the guest: TRANSPORT_RESET; not all front ends give it */
	GUEST_QUEUES
};

/* Since the daemon's start: vm.c keeps them from one guest to the next. */
struct guest_counts {
	uint64_t connections;
	uint64_t bytes_out; /* that came from the guest */
	uint64_t bytes_in;  /* that were given to it */
};

/*
 * What follows is the guest's state, each part with those who write it. Others
 * only read it; guest.c makes and frees all of it.
 */

/* What session/departure.c knows of a driver whose rings were stopped. */
struct departure {
	struct timer timer;
	uint16_t index; /* the RX ring's available index at the last look */
	uint16_t looks;
};

/* The vhost-user session, by session/; guest/events.c sends what is owed. */
struct guest_session {
	struct frontends *frontends; /* connected to the vhost-user socket */
	struct frontend *frontend;   /* the one in charge, or NULL */
	struct memory *memory;
	bool memory_missed; /* a warning said that memory is not shared */
	bool memory_seen;   /* it is: the guest's driver shows in its rings */
	/* Armed from a kick after which the driver does not show in its rings,
	 * until it does or device_doubt() warns that memory is not shared. */
	struct timer doubt;
	uint64_t features;
	uint64_t protocol_features;
	uint8_t status;
	bool owes_reset; /* TRANSPORT_RESET, see events.h */
	struct departure departure;
	char reason[224]; /* why the last request was refused, composed */
};

/* What guest/awake.c knows of it; the funnel says how it fared in its turn. */
struct guest_awake {
	struct list node;    /* on the service's list while kicks are off */
	uint32_t last_turn;  /* that it had a part in */
	uint32_t tx_held;    /* segments of TX chains yet to be published */
	uint8_t tx_turns;    /* that taken TX chains wait to be published */
	uint8_t rx_turns;    /* that filled RX chains do */
	uint16_t rx_patient; /* of these, how many may wait */
};

/* The receive side: links that have something for the guest, by link/, and how
 * far its buffers went, by funnel/to_guest.c and guest/rx_buffers.c. */
struct guest_rx {
	struct list ready;     /* links that fill what they are offered */
	struct list small;     /* links that read little at a time */
	bool short_of_buffers; /* a link waits for receive buffers */
	bool ready_first; /* links of small left nothing in the last turn */
};

/* Host programs that have no connection yet, by host/listener.c;
 * link/host_end.c says which of them have sent something. */
struct guest_greeters {
	struct list silent;   /* links without a CONNECT line, oldest first */
	struct list knocking; /* links of these that can be read from */
	struct list calling;  /* listeners on which a program may wait */
	unsigned count;	      /* of silent and knocking */
};

/* Host sockets that are being connected, by host/dial.c and
 * link/host_end.c. */
struct guest_dialing {
	struct list dialed; /* links whose connect(2) has come to an end */
	unsigned waiting; /* links that a host program's full backlog delays */
};

/* Connections that end, by link/; those of a past session by
 * session/ends.c. */
struct guest_ending {
	struct list told;   /* links whose end the guest is shown next */
	struct list parted; /* links that only have bytes for the host */
	unsigned nparted;
	bool session; /* the table's are a past session's: ends_some() */
	uint32_t at;  /* where in the table the next of those may be */
};

/* Connections with other guests, by link/; a request that waits counts as
 * asked as well. */
struct guest_siblings {
	unsigned halves;
	unsigned asked;	 /* of these, not accepted by this guest yet */
	unsigned asking; /* of these, not accepted by the other guest yet */
};

/* Credit that the guest's links share: bytes by guest_grant() and its like,
 * windows by funnel/from_guest.c. */
struct guest_grants {
	uint64_t bytes;
	struct windows windows; /* of its connections with host programs */
};

/* File descriptors of the VM's connections, by turn/descriptors.c and
 * link/rights.c. */
struct guest_fds {
	unsigned held;
	unsigned closing; /* of these, those that the host_closer has */
};

/* What can be caused by whom is limited in the log. */
struct guest_limits {
	struct log_limit guest;
	struct log_limit host;	  /* host programs */
	struct log_limit session; /* hypervisors */
};

struct guest {
	const struct vm_config *config;
	struct loop *loop;
	struct switch_vm *place;    /* by which other guests know it */
	struct closer *closer;	    /* of the session's descriptors */
	struct closer *host_closer; /* of host programs' descriptors */
	char label[48];		    /* "name[cid]", for log lines */

	struct guest_session session;
	struct guest_queue queue[GUEST_QUEUES]; /* set up by session/ */
	struct guest_awake awake;
	struct list active; /* on the loop's list while it has work */

	struct table conns;   /* by link/ */
	struct list flushing; /* links whose host socket takes bytes again */
	struct guest_rx rx;
	struct guest_greeters greeters;
	struct guest_dialing dialing;
	struct guest_ending ending;
	struct guest_siblings siblings;
	struct guest_grants grants;
	struct guest_fds fds;
	struct resets resets; /* RSTs owed to packets without a connection */
	struct ended ended;   /* whose packets are not answered any more */

	struct guest_counts counts;
	struct guest_limits limits;
};

/* NULL and errno on lack of memory. */
struct guest *guest_new(const struct vm_config *config, struct loop *loop);

/* What hypervisors hand over is closed by CLOSER, what host programs do by
 * HOST_CLOSER, so that neither waits for the other's. They are the caller's and
 * outlive the guest. Without one it is closed at once. */
void guest_set_closers(struct guest *guest, struct closer *closer,
		       struct closer *host_closer);

/* Its connections, listener and front end must be gone. Accepts NULL. */
void guest_free(struct guest *guest);

uint32_t guest_cid(const struct guest *guest);

/* Both data rings run and are healthy, and no connections of a past session are
 * left: packets can be exchanged. */
bool guest_running(const struct guest *guest);

/* Packets of the guest are taken: its TX ring runs, no broken RX ring keeps the
 * answers from it, and no connections of a past session are left. */
bool guest_is_heard(const struct guest *guest);

/*
 * The credit of a new connection: WANTED bytes, or less where the guest's
 * other connections have used up most of what is granted to one guest. It
 * counts until guest_take_back().
 */
uint32_t guest_grant(struct guest *guest, uint32_t wanted);

/* More for a connection that has some: WANTED bytes, less, or none. */
uint32_t guest_grant_more(struct guest *guest, uint32_t wanted);
void guest_take_back(struct guest *guest, uint32_t credit);

/* It may use SOCK_SEQPACKET: VIRTIO_VSOCK_F_SEQPACKET was negotiated. */
bool guest_has_seqpacket(const struct guest *guest);

/* Something waits to be put into its RX ring. */
static inline bool guest_has_output(const struct guest *guest)
{
	return !list_empty(&guest->rx.small) || !list_empty(&guest->rx.ready) ||
	       guest->resets.count;
}

/* Logs what it has and had, in one line. */
void guest_report(const struct guest *guest);

/* It has work: it is served in the coming turn. */
void guest_wake(struct guest *guest);

/* A line prefixed with the VM's name and CID. */
#define guest_log(guest, level, ...)                                  \
	do {                                                          \
		if (log_on(level))                                    \
			log_line(level, (guest)->label, __VA_ARGS__); \
	} while (0)

/* The same, limited in number: for what a guest or host program can cause. */
#define guest_log_limited(guest, limit, level, ...)                   \
	do {                                                          \
		if (log_on(level) &&                                  \
		    log_allow(&(guest)->limits.limit, clock_ms()))    \
			log_line(level, (guest)->label, __VA_ARGS__); \
	} while (0)

#endif
