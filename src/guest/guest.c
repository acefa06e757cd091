/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest is state alone: making one opens nothing and watches nothing. Front
 * ends, listeners and connections take what they have off the ring before the
 * guest is freed.
 */
#include "guest/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <linux/virtio_vsock.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/check.h"
#include "config/config.h"
#include "turn/descriptors.h"
#include "turn/loop.h"
#include "vsock/packet.h"

/* The credit of one guest's connections together, in bytes, which bounds what
 * slow host programs make us keep. A new connection is granted one part in
 * CREDIT_SHARE of what is left: late ones start small and are not refused. */
#define CREDIT_TOTAL (512ull * 1024 * 1024)
#define CREDIT_SHARE 16
#define CREDIT_LEAST 4096u /* of a connection, however many there are */

/*
 * A receive buffer has room for a header and one byte of data at the least. A
 * TX chain may be shorter than a header: that is the packet's fault, and does
 * not break the ring.
 */
static const struct chain_rule queue_rules[] = {
	[GUEST_RX] = { CHAIN_TO_WRITE, PACKET_HEADER_SIZE + 1 },
	[GUEST_TX] = { CHAIN_TO_READ, 0 },
	[GUEST_EVENT] = { CHAIN_TO_WRITE, sizeof(struct virtio_vsock_event) },
};
static_assert(ARRAY_SIZE(queue_rules) == GUEST_QUEUES, "a rule for each");

/* The seed of the connection table's hash. Where the kernel gives no random
 * bytes a weaker one does: collisions cost time, not memory. */
static uint64_t random_secret(const struct guest *guest)
{
	uint64_t secret;

	if (getrandom(&secret, sizeof(secret), 0) != sizeof(secret))
		secret = clock_ns() ^ (uintptr_t)guest;
	return secret;
}

struct guest *guest_new(const struct vm_config *config, struct loop *loop)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	unsigned i;

	if (!guest)
		return NULL;
	guest->config = config;
	guest->loop = loop;
	snprintf(guest->label, sizeof(guest->label), "%.31s[%u]", config->name,
		 config->guest_cid);
	for (i = 0; i < GUEST_QUEUES; i++)
		queue_init(&guest->queue[i], queue_rules[i]);
	table_init(&guest->conns, random_secret(guest));
	timer_init(&guest->session.doubt);
	list_init(&guest->rx.ready);
	list_init(&guest->rx.light);
	list_init(&guest->flushing);
	list_init(&guest->greeters.silent);
	list_init(&guest->greeters.knocking);
	list_init(&guest->greeters.calling);
	list_init(&guest->dialing.dialed);
	list_init(&guest->ending.parted);
	list_init(&guest->ending.told);
	timer_init(&guest->session.departure.timer);
	list_init(&guest->active);
	list_init(&guest->awake.node);
	resets_init(&guest->resets);
	ended_init(&guest->ended);
	return guest;
}

void guest_set_closers(struct guest *guest, struct closer *closer,
		       struct closer *host_closer)
{
	unsigned i;

	guest->closer = closer;
	guest->host_closer = host_closer;
	for (i = 0; i < GUEST_QUEUES; i++)
		guest->queue[i].closer = closer;
}

void guest_free(struct guest *guest)
{
	unsigned i;

	if (!guest)
		return;
	debug_assert(!guest->session.frontend && !guest->greeters.count);
	/* Those that host_closer has may take long, and are not waited for. */
	descriptors_return(guest->loop->descriptors, &guest->fds.held,
			   guest->fds.closing);
	debug_assert(!guest->fds.held);
	list_remove(&guest->active);
	list_remove(&guest->awake.node);
	timer_disarm(&guest->session.departure.timer);
	timer_disarm(&guest->session.doubt);
	for (i = 0; i < GUEST_QUEUES; i++)
		queue_free(&guest->queue[i]);
	memory_put(guest->session.memory);
	table_free(&guest->conns);
	resets_free(&guest->resets);
	ended_free(&guest->ended);
	free(guest);
}

uint32_t guest_cid(const struct guest *guest)
{
	return guest->config->guest_cid;
}

bool guest_running(const struct guest *guest)
{
	return !guest->ending.session &&
	       queue_active(&guest->queue[GUEST_RX]) &&
	       queue_active(&guest->queue[GUEST_TX]);
}

bool guest_is_heard(const struct guest *guest)
{
	return !guest->ending.session &&
	       queue_active(&guest->queue[GUEST_TX]) &&
	       !virtq_broken(&guest->queue[GUEST_RX].vq);
}

uint32_t guest_grant_more(struct guest *guest, uint32_t wanted)
{
	uint64_t left = guest->grants.bytes < CREDIT_TOTAL
				? CREDIT_TOTAL - guest->grants.bytes
				: 0;
	uint32_t grant = min_u32((uint32_t)(left / CREDIT_SHARE), wanted);

	guest->grants.bytes += grant;
	return grant;
}

uint32_t guest_grant(struct guest *guest, uint32_t wanted)
{
	uint32_t least = min_u32(CREDIT_LEAST, wanted);
	uint32_t grant = guest_grant_more(guest, wanted);

	if (grant >= least)
		return grant;
	guest->grants.bytes += least - grant;
	return least;
}

void guest_take_back(struct guest *guest, uint32_t credit)
{
	debug_assert(credit <= guest->grants.bytes);
	guest->grants.bytes -= credit;
}

bool guest_has_seqpacket(const struct guest *guest)
{
	return guest->session.features >> VIRTIO_VSOCK_F_SEQPACKET & 1;
}

void guest_report(const struct guest *guest)
{
	const struct guest_counts *counts = &guest->counts;

	guest_log(guest, LOG_LEVEL_INFO,
		  "hypervisor %s; connections: %u, %llu so far; bytes: %llu "
		  "from the guest, %llu to it",
		  guest->session.frontend ? "connected" : "absent",
		  guest->conns.count, (unsigned long long)counts->connections,
		  (unsigned long long)counts->bytes_out,
		  (unsigned long long)counts->bytes_in);
}

void guest_wake(struct guest *guest)
{
	if (list_empty(&guest->active))
		list_append(&guest->loop->active, &guest->active);
}
