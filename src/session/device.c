/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Front ends differ in the order of their requests, and repeat some. So a request
 * only notes what it says, and device_start_queues() then starts the queues for
 * which all has been said. A ring whose addresses are in no memory map yet waits
 * for one that has them. A ring that runs is stopped only for a change that it
 * cannot run through.
 *
 * The index at which a ring starts tells whose it is. Where it is the index at
 * which the ring was stopped, the same driver goes on after a pause or a change
 * of memory, and so do its connections. Otherwise the driver is new, and the old
 * one's connections end. A ring that begins in the middle, and not where we
 * stopped it, belongs to a guest that was restored or whose device was
 * restarted. That guest believes in connections that are gone, and is told so
 * (events.h).
 */
#include "session/device.h"

#include <errno.h>
#include <stdio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>

#include "base/check.h"
#include "config/config.h"
#include "guest/guest.h"
#include "protocol/wire.h"
#include "session/departure.h"
#include "session/ends.h"
#include "turn/loop.h"

#define BIT(n) (1ull << (n))

/* Features that change how a ring works. */
#define RING_FEATURES                                                   \
	(BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_NOTIFY_ON_EMPTY) | \
	 BIT(VIRTIO_F_IN_ORDER))

#define FEATURES                                                      \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | \
	 BIT(VHOST_USER_F_PROTOCOL_FEATURES) | RING_FEATURES)

uint64_t device_features(const struct guest *guest)
{
	if (!guest->config->seqpacket)
		return FEATURES;
	return FEATURES | BIT(VIRTIO_VSOCK_F_SEQPACKET);
}

const uint64_t device_protocol_features =
	BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
	BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
	BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
	BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
	BIT(VHOST_USER_PROTOCOL_F_STATUS);

static void start_queue(struct guest *guest, unsigned i)
{
	struct guest_queue *q = &guest->queue[i];
	bool moved = queue_moved(q);
	bool goes_on = (moved || !q->returned) && q->setup.base;
	const char *why;

	if (virtq_running(&q->vq) || !queue_configured(q) ||
	    !guest->session.memory)
		return;
	if (queue_start(q, guest->session.memory, guest->session.features,
			&why) < 0) {
		guest_log(guest, LOG_LEVEL_DEBUG, "queue %u waits: %s", i, why);
		return;
	}
	guest_log(guest, LOG_LEVEL_DEBUG, "queue %u runs from index %u", i,
		  q->setup.base);
	/* The driver is in the middle of something that we know nothing of. */
	guest->session.owes_reset |= goes_on && i != GUEST_EVENT;
	if (i == GUEST_RX)
		departure_forget(guest);
	if (moved)
		ends_end_connections(guest);
	guest_wake(guest);
}

void device_start_queues(struct guest *guest)
{
	for (unsigned i = 0; i < GUEST_QUEUES; i++)
		start_queue(guest, i);
}

void device_pause_queue(struct guest *guest, unsigned i)
{
	ends_settle(guest);
	queue_stop(&guest->queue[i]);
}

static void pause_all(struct guest *guest)
{
	ends_settle(guest);
	for (unsigned i = 0; i < GUEST_QUEUES; i++)
		queue_stop(&guest->queue[i]);
}

/*
 * Without PROTOCOL_FEATURES no request enables rings, so they are enabled from
 * the start. A front end that negotiates it later enables them by requests.
 */
static void enable_by_features(struct guest *guest, uint64_t old)
{
	const uint64_t bit = BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	bool was_implied = old && !(old & bit);
	struct guest_queue *q;

	for (unsigned i = 0; i < GUEST_QUEUES; i++) {
		q = &guest->queue[i];
		if (!(guest->session.features & bit))
			q->enabled = true;
		else if (was_implied && !virtq_running(&q->vq))
			q->enabled = false;
	}
}

/* Features that are not offered, but that a hypervisor may be told to negotiate,
 * and what to do about it. */
static const struct {
	unsigned bit;
	const char *name;
	const char *remedy;
} not_offered[] = {
	{ VIRTIO_F_RING_PACKED, "VIRTIO_F_RING_PACKED",
	  "QEMU's packed=on: leave it out" },
	{ VIRTIO_F_ACCESS_PLATFORM, "VIRTIO_F_ACCESS_PLATFORM",
	  "QEMU's iommu_platform=on, as a vIOMMU or an encrypted guest needs: "
	  "leave it out for this device" },
	{ VIRTIO_F_IN_ORDER, "VIRTIO_F_IN_ORDER",
	  "QEMU's in_order=on: leave it out" },
	{ VIRTIO_F_RING_RESET, "VIRTIO_F_RING_RESET",
	  "QEMU's queue_reset=on: set it to off" },
	{ VIRTIO_VSOCK_F_SEQPACKET, "VIRTIO_VSOCK_F_SEQPACKET",
	  "seqpacket=no is set here: QEMU's seqpacket=on does not go with it" },
};

/* Says in words which feature the lowest of BITS is. */
static const char *name_feature(struct guest *guest, uint64_t bits)
{
	unsigned bit = (unsigned)__builtin_ctzll(bits);
	size_t i = 0;

	while (i < ARRAY_SIZE(not_offered) && not_offered[i].bit != bit)
		i++;
	if (i == ARRAY_SIZE(not_offered))
		snprintf(guest->session.reason, sizeof(guest->session.reason),
			 "feature bit %u was not offered", bit);
	else
		snprintf(guest->session.reason, sizeof(guest->session.reason),
			 "feature bit %u, %s, was not offered (%s)", bit,
			 not_offered[i].name, not_offered[i].remedy);
	return guest->session.reason;
}

int device_set_features(struct guest *guest, uint64_t features,
			const char **why)
{
	uint64_t old = guest->session.features;

	if (features & ~device_features(guest)) {
		*why = name_feature(guest, features & ~device_features(guest));
		return -EINVAL;
	}
	if ((features ^ old) & RING_FEATURES)
		pause_all(guest);
	guest->session.features = features;
	enable_by_features(guest, old);
	device_start_queues(guest);
	guest_wake(guest);
	return 0;
}

int device_set_protocol_features(struct guest *guest, uint64_t features,
				 const char **why)
{
	if (features & ~device_protocol_features) {
		*why = "a protocol feature that was not offered";
		return -EINVAL;
	}
	guest->session.protocol_features = features;
	return 0;
}

static void remap_queue(struct guest *guest, unsigned i, struct memory *memory)
{
	struct guest_queue *q = &guest->queue[i];
	const char *why;

	if (!virtq_running(&q->vq) || !virtq_remap(&q->vq, memory, &why))
		return;
	guest_log(guest, LOG_LEVEL_DEBUG, "queue %u waits: %s", i, why);
	queue_stop(q);
}

void device_set_memory(struct guest *guest, struct memory *memory)
{
	ends_settle(guest);
	for (unsigned i = 0; i < GUEST_QUEUES; i++)
		remap_queue(guest, i, memory);
	memory_put(guest->session.memory);
	guest->session.memory = memory;
	device_start_queues(guest);
	guest_wake(guest);
}

/* The hypervisor does not say that it shares no memory: QEMU does so when its
 * machine has no memory-backend, or one that is not shared. */
static void warn_of_memory(struct guest *guest)
{
	if (guest->session.memory_missed)
		return;
	guest->session.memory_missed = true;
	guest_log_limited(guest, session, LOG_LEVEL_WARN,
			  "the guest uses its device, but the hypervisor does "
			  "not share the guest's memory: start it with shared "
			  "memory (QEMU: memory-backend= with share=on, "
			  "cloud-hypervisor: --memory shared=on)");
}

static bool any_running(const struct guest *guest)
{
	for (unsigned i = 0; i < GUEST_QUEUES; i++) {
		if (virtq_running(&guest->queue[i].vq))
			return true;
	}
	return false;
}

/* The guest's driver has made a buffer available in a ring that runs, as is seen
 * in the memory that the hypervisor shares. */
static bool driver_shows(const struct guest *guest)
{
	for (unsigned i = 0; i < GUEST_QUEUES; i++) {
		const struct virtq *vq = &guest->queue[i].vq;

		if (virtq_running(vq) && !virtq_untouched(vq))
			return true;
	}
	return false;
}

void device_doubt(struct guest *guest)
{
	guest->session.memory_seen |= driver_shows(guest);
	if (!guest->session.memory_seen && any_running(guest))
		warn_of_memory(guest);
}

/*
 * A kick came, and the driver has not been seen in the memory yet. Front ends
 * kick by themselves when they start, just before the driver fills its receive
 * ring, so the rings are looked at again after a while.
 */
static void doubt_memory(struct guest *guest)
{
	if (!guest->session.memory)
		warn_of_memory(guest);
	guest->session.memory_seen = guest->session.memory &&
				     driver_shows(guest);
	if (guest->session.memory_seen)
		timer_disarm(&guest->session.doubt);
	else if (!guest->session.memory_missed &&
		 !timer_armed(&guest->session.doubt))
		timer_arm(&guest->loop->doubting, &guest->session.doubt,
			  clock_ms());
}

static void kicked(struct ring_watch *watch, int what)
{
	struct guest *guest = queue_kick_owner(watch);

	(void)what;
	if (unlikely(!guest->session.memory_seen))
		doubt_memory(guest);
	guest_wake(guest);
}

int device_set_kick(struct guest *guest, unsigned i, int fd, const char **why)
{
	struct guest_queue *q = &guest->queue[i];
	struct ring *ring = guest->loop->ring;
	int ret = 0;

	if (fd >= 0)
		ret = queue_set_kick(q, ring, fd, kicked, guest, why);
	else
		queue_set_polled(q, ring);
	if (ret < 0)
		return ret;
	device_start_queues(guest);
	guest_wake(guest);
	return 0;
}

uint16_t device_stop_queue(struct guest *guest, unsigned i)
{
	struct guest_queue *q = &guest->queue[i];

	device_pause_queue(guest, i);
	queue_drop_kick(q, guest->loop->ring);
	if (i == GUEST_RX)
		departure_expect(guest);
	guest_log(guest, LOG_LEVEL_DEBUG, "queue %u stopped at index %u", i,
		  q->setup.base);
	return q->setup.base;
}

void device_enable_queue(struct guest *guest, unsigned i, bool enable)
{
	if (!enable)
		ends_settle(guest);
	guest->queue[i].enabled = enable;
	guest_wake(guest);
}

/* Status 0 beside stopped rings is a pause, not a reset: QEMU does that. */
void device_set_status(struct guest *guest, uint8_t status)
{
	if (!status && any_running(guest))
		device_reset(guest);
	guest->session.status = status;
}

static void stop_all(struct guest *guest)
{
	pause_all(guest);
	departure_forget(guest);
	for (unsigned i = 0; i < GUEST_QUEUES; i++)
		queue_drop_kick(&guest->queue[i], guest->loop->ring);
}

void device_reset(struct guest *guest)
{
	guest_log(guest, LOG_LEVEL_DEBUG, "device reset");
	stop_all(guest);
	for (unsigned i = 0; i < GUEST_QUEUES; i++)
		queue_reset(&guest->queue[i]);
	guest->session.status = 0;
	guest->session.owes_reset = false;
	enable_by_features(guest, 0);
	ends_end_connections(guest);
}

void device_release(struct guest *guest)
{
	stop_all(guest);
	for (unsigned i = 0; i < GUEST_QUEUES; i++)
		queue_clear(&guest->queue[i]);
	memory_put(guest->session.memory);
	guest->session.memory = NULL;
	guest->session.memory_missed = false;
	guest->session.memory_seen = false;
	timer_disarm(&guest->session.doubt);
	guest->session.features = 0;
	guest->session.owes_reset = false;
	guest->session.protocol_features = 0;
	guest->session.status = 0;
	ends_end_connections(guest);
}
