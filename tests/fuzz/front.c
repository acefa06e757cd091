/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/front.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

/* More descriptors than the kernel passes with one message. */
#define FDS_MAX 16

/* Messages that follow each other without a descriptor go out in one write. */
struct batch {
	uint8_t bytes[2048];
	size_t n;
};

void front_open(struct front *front, struct stage_vm *vm)
{
	front->vm = vm;
	front->fd = stage_call(vm);
	for (unsigned i = 0; i < 3; i++)
		front->kicks[i] = front->calls[i] = -1;
}

void front_close(struct front *front)
{
	fd_close(&front->fd);
	for (unsigned i = 0; i < 3; i++) {
		fd_close(&front->kicks[i]);
		fd_close(&front->calls[i]);
	}
}

static void send_all(struct front *front, const void *bytes, size_t n,
		     const int *fds, unsigned nfds)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, n };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	memset(&control, 0, sizeof(control));
	if (nfds) {
		msg.msg_control = &control;
		msg.msg_controllen = (socklen_t)CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		fuzz_check(c);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = (socklen_t)CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	/* A front end that was dismissed talks to nobody. */
	(void)!sendmsg(front->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void add(struct batch *b, uint32_t request, uint32_t flags,
		const void *payload, uint32_t size)
{
	struct vhost_user_header header = { request, flags, size };

	fuzz_check(b->n + sizeof(header) + size <= sizeof(b->bytes));
	memcpy(b->bytes + b->n, &header, sizeof(header));
	if (size)
		memcpy(b->bytes + b->n + sizeof(header), payload, size);
	b->n += sizeof(header) + size;
}

static void add_number(struct batch *b, uint32_t request, uint64_t number)
{
	add(b, request, VHOST_USER_VERSION, &number, sizeof(number));
}

static void add_state(struct batch *b, uint32_t request, uint32_t index,
		      uint32_t num)
{
	struct vhost_vring_state state = { index, num };

	add(b, request, VHOST_USER_VERSION, &state, sizeof(state));
}

static void flush(struct front *front, struct batch *b, const int *fds,
		  unsigned nfds)
{
	if (b->n)
		send_all(front, b->bytes, b->n, fds, nfds);
	b->n = 0;
}

void front_say(struct front *front, uint32_t request, uint32_t flags,
	       const void *payload, uint32_t size, const int *fds,
	       unsigned nfds)
{
	struct batch b = { .n = 0 };

	add(&b, request, flags, payload, size);
	flush(front, &b, fds, nfds);
}

void front_say_state(struct front *front, uint32_t request, uint32_t index,
		     uint32_t num)
{
	struct batch b = { .n = 0 };

	add_state(&b, request, index, num);
	flush(front, &b, NULL, 0);
}

void front_say_bytes(struct front *front, const void *bytes, size_t n)
{
	send_all(front, bytes, n, NULL, 0);
}

void front_hear(struct front *front)
{
	uint8_t bytes[4096];

	while (recv(front->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

void front_make_eventfds(struct front *front, unsigned i)
{
	if (front->kicks[i] < 0)
		front->kicks[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (front->calls[i] < 0)
		front->calls[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fuzz_check(front->kicks[i] >= 0 && front->calls[i] >= 0);
}

void front_kick(struct front *front, unsigned i)
{
	if (front->kicks[i] >= 0)
		(void)!eventfd_write(front->kicks[i], 1);
}

static uint64_t features(unsigned how)
{
	uint64_t bits = 1ull << VIRTIO_F_VERSION_1 |
			1ull << VIRTIO_RING_F_INDIRECT_DESC;

	if (how & FRONT_EVENT_IDX)
		bits |= 1ull << VIRTIO_RING_F_EVENT_IDX;
	if (how & FRONT_IN_ORDER)
		bits |= 1ull << VIRTIO_F_IN_ORDER;
	if (!(how & FRONT_IMPLIED))
		bits |= 1ull << VHOST_USER_F_PROTOCOL_FEATURES;
	if (!(how & FRONT_NO_SEQPACKET))
		bits |= 1ull << VIRTIO_VSOCK_F_SEQPACKET;
	return bits;
}

static void add_table(struct batch *b)
{
	struct vhost_user_mem_table table = {
		.nregions = 1,
		.regions = { { 0, STAGE_RAM, STAGE_USER, 0 } },
	};

	add(b, VHOST_USER_SET_MEM_TABLE, VHOST_USER_VERSION, &table, 40);
}

static void add_queue(struct batch *b, uint32_t i, uint16_t base)
{
	uint64_t at = STAGE_USER + i * FRONT_QUEUE;
	struct vhost_vring_addr addr = {
		.index = i,
		.desc_user_addr = at,
		.avail_user_addr = at + FRONT_AVAIL,
		.used_user_addr = at + FRONT_USED,
	};

	add_state(b, VHOST_USER_SET_VRING_NUM, i, FRONT_ENTRIES);
	add_state(b, VHOST_USER_SET_VRING_BASE, i, base);
	add(b, VHOST_USER_SET_VRING_ADDR, VHOST_USER_VERSION, &addr,
	    sizeof(addr));
}

static void give_eventfds(struct front *front, struct batch *b, uint32_t i,
			  bool polled)
{
	uint64_t none = polled ? VHOST_USER_VRING_NO_FD : 0;

	if (!polled)
		front_make_eventfds(front, i);
	add_number(b, VHOST_USER_SET_VRING_CALL, i | none);
	flush(front, b, &front->calls[i], !polled);
	add_number(b, VHOST_USER_SET_VRING_KICK, i | none);
	flush(front, b, &front->kicks[i], !polled);
}

void front_set_up(struct front *front, unsigned how, uint16_t base)
{
	uint32_t queues = how & FRONT_NO_EVENTS ? 2 : 3;
	struct batch b = { .n = 0 };
	uint32_t i;

	add_table(&b);
	flush(front, &b, &front->vm->ram_fd, 1);
	add(&b, VHOST_USER_SET_OWNER, VHOST_USER_VERSION, NULL, 0);
	add_number(&b, VHOST_USER_SET_FEATURES, features(how));
	if (!(how & FRONT_IMPLIED))
		add_number(&b, VHOST_USER_SET_PROTOCOL_FEATURES,
			   1ull << VHOST_USER_PROTOCOL_F_REPLY_ACK |
				   1ull << VHOST_USER_PROTOCOL_F_RESET_DEVICE);
	for (i = 0; i < queues; i++)
		add_queue(&b, i, base);
	flush(front, &b, NULL, 0);
	for (i = 0; i < queues; i++)
		give_eventfds(front, &b, i, how & FRONT_POLLED);
	for (i = 0; i < queues; i++)
		add_state(&b, VHOST_USER_SET_VRING_ENABLE, i, 1);
	flush(front, &b, NULL, 0);
}
