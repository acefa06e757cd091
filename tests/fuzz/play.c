/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz/play.h"

#include "base/fd.h"

#define CALLER_PORT 1000u
#define CALLED_PORT 2000u
#define ASKER_PORT 3000u
#define ASKED_PORT 4000u

#define FIRST_BUFFERS 8

struct play play;

/* The number of the N-th VM that is not VM itself. */
static unsigned other(unsigned vm, unsigned n)
{
	return n < vm ? n : n + 1;
}

/* The number W's guest has among the others, for the guest V. */
static unsigned rank(unsigned v, unsigned w)
{
	return w < v ? w : w - 1;
}

struct end *play_partner(const struct end *end)
{
	unsigned i, vm, mine;

	if (end->index < PLAY_ASKER)
		return NULL;
	i = (end->index - PLAY_ASKER) % 8;
	vm = other(end->vm, i / 4);
	mine = rank(vm, end->vm) * 4 + i % 4;
	return &play.guests[vm].ends[(end->index < PLAY_ASKED ? PLAY_ASKED
							      : PLAY_ASKER) +
				     mine];
}

static void address(struct end *end)
{
	unsigned i = end->index;
	bool asker = i < PLAY_ASKED;

	end->peer_cid = 2;
	if (i < PLAY_CALLED) {
		end->port = CALLER_PORT + i;
		end->peer_port = STAGE_PORT + i;
		return;
	}
	if (i < PLAY_ASKER) {
		end->port = CALLED_PORT + i;
		return;
	}
	i = (i - PLAY_ASKER) % 8;
	end->peer_cid = STAGE_CID + other(end->vm, i / 4);
	end->port = (asker ? ASKER_PORT : ASKED_PORT) + i % 4;
	end->peer_port = (asker ? ASKED_PORT : ASKER_PORT) + i % 4;
}

static bool is_of_messages(unsigned index)
{
	return index < PLAY_CALLED ? index >= STAGE_STREAMS : index % 4 >= 2;
}

static void begin_end(unsigned vm, unsigned index)
{
	struct end *end = &play.guests[vm].ends[index];

	*end = (struct end){
		.vm = vm,
		.index = index,
		.type = is_of_messages(index) ? VIRTIO_VSOCK_TYPE_SEQPACKET
					      : VIRTIO_VSOCK_TYPE_STREAM,
		.program.fd = -1,
	};
	address(end);
}

void play_begin(void)
{
	stage_begin();
	play.nflows = 0;
	for (unsigned i = 0; i < PLAY_VMS; i++) {
		play.guests[i].vm = &stage.vms[i];
		play.guests[i].front.fd = -1;
		play.guests[i].strange = 0;
		play.guests[i].strange_resets = 0;
		for (unsigned e = 0; e < PLAY_ENDS; e++)
			begin_end(i, e);
	}
}

void play_end(void)
{
	for (unsigned i = 0; i < PLAY_VMS; i++) {
		if (play.guests[i].front.fd >= 0)
			front_close(&play.guests[i].front);
		for (unsigned e = 0; e < PLAY_ENDS; e++)
			fd_close(&play.guests[i].ends[e].program.fd);
	}
	stage_rest();
	stage_end();
}

struct guest_play *play_guest(unsigned vm, unsigned how)
{
	struct guest_play *guest = &play.guests[vm];

	if (guest->front.fd >= 0)
		return guest;
	front_open(&guest->front, guest->vm);
	fuzz_check(guest->front.fd >= 0);
	how &= ~(unsigned)FRONT_NO_SEQPACKET;
	front_set_up(&guest->front, how, 0);
	driver_init(&guest->driver, guest->vm->ram, how, 0);
	packets_offer(guest, DRIVER_LINUX, 4096, FIRST_BUFFERS);
	/* The other guests notice as well: what they do next is to come after
	 * that. */
	stage_rest();
	packets_collect();
	return guest;
}

/* An answer that the daemon has not taken yet may come too late. */
static void pass_end(struct end *end)
{
	if (end->open && !end->posted)
		return;
	end->spoilt = true;
	end->clean = end->sure = false;
	if (play_partner(end))
		play_partner(end)->sure = false;
}

void play_pass_ms(uint64_t ms)
{
	stage_pass_ms(ms);
	for (unsigned i = 0; i < PLAY_VMS; i++)
		for (unsigned e = 0; e < PLAY_ENDS; e++)
			pass_end(&play.guests[i].ends[e]);
}
