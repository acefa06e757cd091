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

/* What departure.h knows of the driver whose rings were stopped. */
struct departure {
	struct timer timer;
	uint16_t index; /* where it stood in the RX ring */
	uint16_t looks;
};

struct guest {
	const struct vm_config *config;
	struct loop *loop;
	struct switch_vm *place; /* by which other guests know it */
	char label[48];		 /* "name[cid]", for log lines */

	/* vhost-user session: written by frontends.c, device.c, queues.c. */
	struct frontends *frontends; /* who comes to the vhost-user socket */
	struct frontend *frontend;   /* NULL: no hypervisor */
	struct guest_queue queue[GUEST_QUEUES];
	struct closer *closer;	    /* of descriptors that came with it */
	struct closer *host_closer; /* of what came from host programs */
	struct memory *memory;
	bool memory_missed; /* a warning said that it is not shared */
	bool memory_seen;   /* it is: the guest's driver shows in its rings */
	/* Armed from a kick after which the driver does not show in its rings,
	 * until it does or device_doubt() warns that memory is not shared. */
	struct timer doubt;
	uint64_t features;
	uint64_t protocol_features;
	uint8_t status;
	struct departure departure;
	char reason[224]; /* why the last request was refused, made up */

	/* Connections: written by link.c, from_guest.c and to_guest.c. */
	struct table conns;
	struct list ready;    /* links with something for the guest */
	struct list small;    /* links as well, that read little at a time */
	struct list flushing; /* links whose host socket takes bytes again */
	struct list greeting; /* links without a CONNECT line, oldest first */
	struct list knocking; /* those of them from whom something came */
	struct list calling;  /* listeners on which somebody may wait */
	struct list dialed;   /* links whose connect(2) has come to an end */
	struct list parted;   /* links that only have bytes for the host */
	struct list told;     /* links whose end the guest is shown next */
	uint32_t ending_at;   /* where in the table the next of them may be */
	bool ending;	      /* conns are a past session's: ends_end_some() */
	unsigned descriptors; /* that its connections hold */
	unsigned closing;     /* of them, which the host_closer has */
	unsigned greetings;
	unsigned nparted;
	unsigned halves;  /* of connections with other guests */
	unsigned asked;	  /* of them, which this guest has not accepted yet */
	unsigned asking;  /* or the other one has not */
	unsigned waiting; /* links that a host program's full backlog delays */
	uint64_t granted; /* bytes of credit, all links together */
	struct guest_counts counts;
	struct windows windows; /* of its connections with host programs */
	struct resets resets;	/* RSTs owed to packets without a connection */
	struct ended ended;	/* whose packets are not answered any more */
	bool rx_short;		/* something waits for the guest's RX buffers */
	bool ready_first; /* those of small left nothing in the last turn */
	bool owes_reset;  /* TRANSPORT_RESET, see events.h */

	struct list active; /* on the loop's list while it has work */
	struct list awake;  /* on the service's while kicks are suppressed */
	uint32_t last_turn; /* that it had a part in */
	uint32_t tx_held; /* segments of TX chains that wait to be published */
	uint8_t tx_turns; /* that taken TX chains wait to be published */
	uint8_t rx_turns; /* that filled RX chains do */
	uint16_t rx_patient;		/* of these, how many may wait */
	struct log_limit limit_guest;	/* what the guest can cause */
	struct log_limit limit_host;	/* what host programs can cause */
	struct log_limit limit_session; /* what hypervisors can cause */
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
	return !list_empty(&guest->small) || !list_empty(&guest->ready) ||
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
#define guest_log_limited(guest, limit, level, ...)                          \
	do {                                                                 \
		if (log_on(level) && log_allow(&(guest)->limit, clock_ms())) \
			log_line(level, (guest)->label, __VA_ARGS__);        \
	} while (0)

#endif
