/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a connection has for the guest: packets that it owes, and data that it
 * may carry. At most one packet of a kind is owed, so that a connection's debt
 * is bounded however many packets caused it.
 */
#ifndef URING_VSOCK_VSOCK_CONN_OUTPUT_H
#define URING_VSOCK_VSOCK_CONN_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

struct conn;
struct packet;

/* Bytes of RW payload that may go to the guest now; packets are bounded by
 * credit_packets(). 0 also while a reply must come first. */
uint32_t conn_may_send(const struct conn *conn);

/*
 * There is data for the guest, but conn_may_send() is 0. If credit is what is
 * missing, the guest is asked for it: at once if it was never seen to send
 * updates by itself, or if the number of packets is the limit; otherwise after
 * CONN_PROBE_MS without progress, and then ever more seldom.
 */
void conn_starved(struct conn *conn);

/* Whether a control packet is owed; and whether one is owed that must go before
 * data, as data can neither overtake nor replace it. */
bool conn_has_control(const struct conn *conn);
bool conn_speaks_first(const struct conn *conn);

/* An RW packet's header for LEN bytes; counts them as sent. FLAGS: 0, or
 * PACKET_END_OF_* with a message's last ones. */
void conn_build_data(struct conn *conn, uint32_t guest_cid, uint32_t len,
		     uint32_t flags, struct packet *out);

/* PACKET, which was built last, becomes the header of another RW packet of the
 * same connection and flags, with LEN bytes; counts them as sent. */
void conn_build_next_data(struct conn *conn, uint32_t len,
			  struct packet *packet);

/* The next owed control packet, which then is no longer owed. */
bool conn_next_control(struct conn *conn, uint32_t guest_cid,
		       struct packet *out);

/* One of the RW packets that were built last went to the guest as two. */
void conn_split_data(struct conn *conn);

#endif
