/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The CIDs and groups never change; the pointers that change have one writer
 * each: the thread that serves a VM stores its loop, the worker that writes to
 * a lane stores the lane, and bells are stored before the threads run. Lanes
 * are not freed before the end, so that a worker that has found one may use it.
 *
 * switch_vm.guest is a plain pointer. It is stored before the loop is, and read
 * only by the thread that finds its own loop there.
 */
#include "sibling/switchboard.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/sorted.h"
#include "config/config.h"
#include "guest/guest.h"
#include "sibling/lane.h"

struct switchboard {
	unsigned nvms;
	unsigned nworkers;
	struct switch_vm *vms;	       /* by ascending CID */
	_Atomic(struct lane *) *lanes; /* nworkers times nworkers */
	_Atomic(struct bell *) *bells;
};

static int by_cid(const void *a, const void *b)
{
	uint32_t left = ((const struct switch_vm *)a)->config->guest_cid;
	uint32_t right = ((const struct switch_vm *)b)->config->guest_cid;

	return (left > right) - (left < right);
}

static void list_vms(struct switchboard *board, const struct config *config)
{
	unsigned i;

	for (i = 0; i < config->nvms; i++)
		board->vms[i].config = &config->vms[i];
	qsort(board->vms, config->nvms, sizeof(*board->vms), by_cid);
}

struct switchboard *switchboard_new(const struct config *config,
				    unsigned nworkers)
{
	struct switchboard *board = calloc(1, sizeof(*board));

	if (!board)
		return NULL;
	board->nvms = config->nvms;
	board->nworkers = nworkers;
	board->vms = calloc(config->nvms, sizeof(*board->vms));
	board->lanes =
		calloc((size_t)nworkers * nworkers, sizeof(*board->lanes));
	board->bells = calloc(nworkers, sizeof(*board->bells));
	if (!board->vms || !board->lanes || !board->bells) {
		switchboard_free(board);
		return NULL;
	}
	list_vms(board, config);
	return board;
}

void switchboard_free(struct switchboard *board)
{
	unsigned i;

	if (!board)
		return;
	for (i = 0; board->lanes && i < board->nworkers * board->nworkers; i++)
		lane_free(atomic_load(&board->lanes[i]));
	free(board->vms);
	free(board->lanes);
	free(board->bells);
	free(board);
}

static bool is_before(const void *vm, const void *cid)
{
	return ((const struct switch_vm *)vm)->config->guest_cid <
	       *(const uint32_t *)cid;
}

struct switch_vm *switchboard_find(const struct switchboard *board,
				   uint32_t cid)
{
	size_t at = sorted_find(board->vms, board->nvms, sizeof(*board->vms),
				is_before, &cid);

	return at < board->nvms && board->vms[at].config->guest_cid == cid
		       ? &board->vms[at]
		       : NULL;
}

void switchboard_enter(struct switchboard *board, struct guest *guest)
{
	struct switch_vm *vm = switchboard_find(board, guest_cid(guest));

	debug_assert(vm); /* guests are those of the configuration */
	guest->place = vm;
	vm->guest = guest;
	atomic_store(&vm->loop, guest->loop);
}

void switchboard_leave(struct switchboard *board, struct guest *guest)
{
	struct switch_vm *vm = switchboard_find(board, guest_cid(guest));

	debug_assert(vm);
	if (atomic_load(&vm->loop) == guest->loop)
		atomic_store(&vm->loop, NULL);
}

struct guest *switchboard_guest(const struct switch_vm *vm,
				const struct loop *loop)
{
	return atomic_load(&vm->loop) == loop ? vm->guest : NULL;
}

bool switchboard_together(const struct vm_config *a, const struct vm_config *b)
{
	unsigned i = 0, j = 0;
	int order;

	while (i < a->ngroups && j < b->ngroups) {
		order = strcmp(a->groups[i], b->groups[j]);
		if (!order)
			return true;
		if (order < 0)
			i++;
		else
			j++;
	}
	return false;
}

struct lane *switchboard_lane(struct switchboard *board, unsigned from,
			      unsigned to, bool make)
{
	_Atomic(struct lane *) *at = &board->lanes[from * board->nworkers + to];
	struct lane *lane = atomic_load(at);

	if (!lane && make) {
		lane = lane_new();
		atomic_store(at, lane);
	}
	return lane;
}

unsigned switchboard_workers(const struct switchboard *board)
{
	return board->nworkers;
}

void switchboard_set_bell(struct switchboard *board, unsigned i,
			  struct bell *bell)
{
	atomic_store(&board->bells[i], bell);
}

struct bell *switchboard_bell(const struct switchboard *board, unsigned i)
{
	return atomic_load(&board->bells[i]);
}
