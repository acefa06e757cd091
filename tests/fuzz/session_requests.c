/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Most requests are right. The others have one wrong field, or come in the
 * wrong order or at the wrong time.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/session.h"

static int pipe_ends[2];
static int other_memory;

void session_open_descriptors(void)
{
	fuzz_check(!pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC));
	other_memory = memfd_create("other", MFD_CLOEXEC);
	fuzz_check(other_memory >= 0);
	fuzz_check(!ftruncate(other_memory, STAGE_RAM));
}

void session_empty_descriptors(void)
{
	uint8_t bytes[4096];

	while (read(pipe_ends[0], bytes, sizeof(bytes)) > 0)
		continue;
}

union payload {
	uint64_t number;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhost_user_mem_table table;
	struct vhost_user_mem_region region;
	struct vhost_user_config config;
	uint8_t bytes[512];
};

struct request {
	uint32_t code;
	uint32_t size;
	int fds[10]; /* one descriptor more than the regions of a table that is too long */
	unsigned nfds;
	union payload payload;
};

/* Descriptors of all kinds that a front end may send along, right or wrong. */
static int some_descriptor(struct front *front, unsigned queue, unsigned kind)
{
	switch (kind % 8) {
	default:
		front_make_eventfds(front, queue);
		return kind % 2 ? front->calls[queue] : front->kicks[queue];
	case 4:
		return front->vm->ram_fd;
	case 5:
		return pipe_ends[1];
	case 6:
		return front->fd;
	case 7:
		return other_memory;
	}
}

static struct vhost_user_region region_of(unsigned which, unsigned how)
{
	struct vhost_user_region r = {
		.guest_addr = which * 0x40000u,
		.size = 0x40000,
		.user_addr = STAGE_USER + which * 0x40000u,
		.mmap_offset = which * 0x40000u,
	};

	switch (how % 12) {
	case 1: /* another place in the front end's memory, */
		r.user_addr += 0x10000000ull;
		break;
	case 2: /* in the guest's, */
		r.guest_addr += 0x10000000ull;
		break;
	case 3: /* in the file */
		r.mmap_offset ^= 0x40000;
		break;
	case 4:
		r.size = 0x20000 - which;
		break;
	case 5:
		r.size = UINT64_MAX - how;
		break;
	case 6:
		r.guest_addr = UINT64_MAX - 0x1000;
		break;
	case 7:
		r.size = 0;
		break;
	case 8:
		r.mmap_offset += 0x800;
		break;
	case 9:
		r.size = STAGE_RAM;
		break;
	}
	return r;
}

static void make_table(struct request *q, struct front *front,
		       const struct record *r)
{
	struct vhost_user_mem_table *t = &q->payload.table;
	unsigned n = r->c % 8 < 6 ? 2 : r->c % 10;

	t->nregions = n;
	for (unsigned i = 0; i < n && i < 8; i++) {
		t->regions[i] = region_of(i, i == r->d % 8 ? r->e : 0);
		q->fds[i] = (r->d >> 3) % 16 == 15 && i ? other_memory
							: front->vm->ram_fd;
	}
	q->nfds = n;
	q->size = 8 + n * (uint32_t)sizeof(t->regions[0]);
}

static void make_region(struct request *q, struct front *front,
			const struct record *r)
{
	q->payload.region.region = region_of(r->c % 3, r->e);
	q->size = sizeof(q->payload.region);
	q->fds[0] = front->vm->ram_fd;
	q->nfds = q->code == VHOST_USER_ADD_MEM_REG;
}

static void make_addr(struct request *q, const struct record *r)
{
	uint64_t at = STAGE_USER + r->c % 3 * FRONT_QUEUE;

	if (r->d & 1)
		at += r->e;
	q->payload.addr = (struct vhost_vring_addr){
		.index = r->c % 4,
		.flags = r->d >> 1 & 1,
		.desc_user_addr = at,
		.avail_user_addr = at + FRONT_AVAIL + (r->d >> 2 & 0xff),
		.used_user_addr = at + FRONT_USED + (r->d >> 10 & 0x3f),
	};
	q->size = sizeof(q->payload.addr);
}

static void make_descriptor(struct request *q, struct front *front,
			    const struct record *r)
{
	bool none = r->d & 1;

	q->payload.number = r->c % 4 | (none ? VHOST_USER_VRING_NO_FD : 0);
	q->size = sizeof(q->payload.number);
	q->fds[0] = some_descriptor(front, r->c % 3, r->e);
	q->nfds = !none;
}

static void make_config(struct request *q, const struct record *r)
{
	q->payload.config.offset = r->d;
	q->payload.config.size = r->e;
	q->size = 12 + r->c;
}

/* The request as it should be, apart from what the record's numbers make of it.
 * */
static void make_request(struct request *q, struct front *front,
			 const struct record *r)
{
	q->code = r->a % 46;
	switch (q->code) {
	case VHOST_USER_SET_FEATURES:
		q->payload.number = 1ull << 32 | 1ull << 28;
		q->payload.number ^= r->d % 2 ? 0 : 1ull << 30;
		q->payload.number ^= 1ull << r->e % 64;
		q->size = 8;
		break;
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		q->payload.number = r->d;
		q->size = 8;
		break;
	case VHOST_USER_SET_STATUS:
		q->payload.number = r->d % 512;
		q->size = 8;
		break;
	case VHOST_USER_SET_VRING_NUM:
		q->payload.state.num = r->d % 2 ? FRONT_ENTRIES : r->e;
		q->payload.state.index = r->c % 4;
		q->size = 8;
		break;
	case VHOST_USER_SET_VRING_BASE:
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_SET_VRING_ENABLE:
		q->payload.state.index = r->c % 4;
		q->payload.state.num = r->d;
		q->size = 8;
		break;
	case VHOST_USER_SET_VRING_ADDR:
		make_addr(q, r);
		break;
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
	case VHOST_USER_SET_VRING_ERR:
		make_descriptor(q, front, r);
		break;
	case VHOST_USER_SET_MEM_TABLE:
		make_table(q, front, r);
		break;
	case VHOST_USER_ADD_MEM_REG:
	case VHOST_USER_REM_MEM_REG:
		make_region(q, front, r);
		break;
	case VHOST_USER_GET_CONFIG:
	case VHOST_USER_SET_CONFIG:
		make_config(q, r);
		break;
	case VHOST_USER_SET_BACKEND_REQ_FD:
		q->fds[0] = some_descriptor(front, 0, r->e);
		q->nfds = 1;
		break;
	}
}

/* What is wrong with it, in bits. */
enum {
	NEED_REPLY = 1,
	LONGER = 2,
	SHORTER = 4,
	OTHER_VERSION = 8,
	MORE_FDS = 16,
	FEWER_FDS = 32,
	BROKEN = 64,
};

void session_say(struct front *front, const struct record *r)
{
	uint32_t flags = VHOST_USER_VERSION;
	struct request q;

	memset(&q, 0, sizeof(q));
	make_request(&q, front, r);
	if (r->b & NEED_REPLY)
		flags |= VHOST_USER_NEED_REPLY;
	if (r->b & OTHER_VERSION)
		flags ^= r->e;
	/* Most are right, or each session would be a short one. */
	if ((r->b & (BROKEN | LONGER)) == (BROKEN | LONGER))
		q.size += 1 + r->e % 64;
	if ((r->b & (BROKEN | SHORTER)) == (BROKEN | SHORTER) && q.size)
		q.size -= 1;
	if ((r->b & (BROKEN | MORE_FDS)) == (BROKEN | MORE_FDS))
		q.fds[q.nfds++] = front->vm->ram_fd;
	if ((r->b & (BROKEN | FEWER_FDS)) == (BROKEN | FEWER_FDS) && q.nfds)
		q.nfds--;
	front_say(front, q.code, flags, &q.payload, q.size, q.fds, q.nfds);
}

void session_set_up(struct session *s, struct front *front,
		    const struct record *r)
{
	if (front->fd < 0) {
		front_close(front);
		front_open(front, s->vm);
	}
	front_set_up(front, r->b, r->d);
	driver_init(&s->driver, s->vm->ram, r->b, r->d);
	s->heard = s->driver.queue[DRIVER_RX].used;
}

void session_stop(struct front *front, const struct record *r)
{
	static const uint8_t stops[] = {
		VHOST_USER_GET_VRING_BASE,
		VHOST_USER_SET_VRING_ENABLE,
		VHOST_USER_RESET_DEVICE,
		VHOST_USER_RESET_OWNER,
	};
	const uint8_t code = stops[r->a % 4];

	if (code == VHOST_USER_GET_VRING_BASE ||
	    code == VHOST_USER_SET_VRING_ENABLE)
		front_say_state(front, code, r->c % 3, r->d % 2);
	else
		front_say(front, code, VHOST_USER_VERSION, NULL, 0, NULL, 0);
}
