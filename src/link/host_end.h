/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The socket at the host's end of a link: what a host program reported, what is
 * asked of it, and the guest's bytes that it has not taken yet. Nothing here
 * knows of the connection: functions return what they found, and the link
 * (link.h) makes of it what the connection has to know.
 *
 * The socket ends when every byte for the host program is in it, whatever
 * became of the connection.
 */
#ifndef URING_VSOCK_LINK_HOST_END_H
#define URING_VSOCK_LINK_HOST_END_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/watch.h"
#include "vsock/backlog.h"
#include "vsock/messages.h"

struct guest;
struct loop;

/* A host program's message of which the guest has got the first SENT bytes. */
struct held_message {
	char *bytes; /* NULL: none */
	uint32_t len;
	uint32_t sent;
};

struct host_end {
	struct ring_watch watch;  /* of fd, once it is connected */
	struct backlog backlog;	  /* for the host program */
	struct messages ends;	  /* SEQPACKET: the messages in the backlog */
	struct held_message held; /* SEQPACKET: for the guest */
	int fd;			  /* the host socket, or -1 */
	uint8_t line;	  /* bytes of the CONNECT line, still to be read */
	bool widened;	  /* host_end_widen() was called */
	bool waiting;	  /* it waits for room in the program's backlog */
	bool unanswered;  /* the CONNECT line has no OK yet, or is awaited */
	bool forwarded;	  /* fd is of AF_VSOCK: no line is spoken */
	bool connecting;  /* its connect(2) is under way */
	bool readable;	  /* a read may find bytes or the end */
	bool half_closed; /* POLLRDHUP was reported: its data ends */
	bool hung_up;	  /* POLLHUP was reported: it is gone */
	bool end_writes;  /* shutdown(SHUT_WR) is due after the backlog */
	bool hang_up;	  /* close is due after the backlog */
};

/* *FD, the VM's (turn/descriptors.h), becomes the host end's. */
void host_end_init(struct host_end *host, int *fd);

/* The host program will send no more than what is in the socket. */
static inline bool host_end_source_ended(const struct host_end *host)
{
	return host->half_closed || host->hung_up;
}

/* Sets the socket up and watches it; reports go to REPORT, which hands them to
 * host_end_note(). 0 or -errno. */
int host_end_watch(struct host_end *host, struct loop *loop, ring_done *report);

/* A report of the socket's, poll(2) bits, is remembered. True: the socket takes
 * bytes, or connect(2) has come to an end. */
bool host_end_note(struct host_end *host, int events);

/* Bytes that are in the socket to be read; HOST_END_HOLDS_UNKNOWN where the
 * kernel does not say. 0: a report will come if there is more. */
#define HOST_END_HOLDS_UNKNOWN UINT32_MAX
uint32_t host_end_holds(const struct host_end *host);

/* Lets the socket take more bytes than by default. A system call the first time,
 * which most short connections have no use for: call it when a send falls short. */
void host_end_widen(struct host_end *host);

/* The longest message that a SEQPACKET socket takes in one send; widens it. */
uint32_t host_end_longest_message(struct host_end *host);

/* The guest accepted the connection, whose host port is PORT: answers the
 * CONNECT line and takes it off the socket. False: the program did not get the
 * answer whole, and the connection must end. */
bool host_end_accept(struct host_end *host, uint32_t port);

/* Remembers what the connection asks of the socket (enum conn_order bits). Where
 * an end of reads is asked for, they are shut down at once. FLUSHED: all bytes
 * for the program are in the socket. Then a socket that is to be closed is closed
 * next, and its reads are not shut down before. */
void host_end_order(struct host_end *host, unsigned orders, bool flushed);

/* Shuts the socket's writes down. Call when nothing waits to be sent. */
void host_end_end_writes(struct host_end *host);

/* Forgets bytes that the socket has not taken. Returns how many. */
uint32_t host_end_drop_backlog(struct host_end *host);

/* Forgets the message that is held, if any. */
void host_end_drop_held(struct host_end *host);

/* Watches the socket no more and forgets all bytes, either way: all that
 * remains is to close it. */
void host_end_leave(struct host_end *host, struct loop *loop);

/* Leaves and closes the socket, which was GUEST's, unless it is closed. */
void host_end_close(struct host_end *host, struct guest *guest);

#endif
