/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What workers tell each other about a connection between guests. Two VMs are on
 * loops without rings, and the test ends each worker's turn when it wants to: so
 * a message can wait in a lane while the VM that it is for moves to another
 * worker.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "config/config.h"
#include "guest/guest.h"
#include "link/half_message.h"
#include "link/link.h"
#include "sibling/lane.h"
#include "sibling/refuse.h"
#include "sibling/sibling.h"
#include "sibling/switchboard.h"
#include "suite.h"
#include "turn/bell.h"
#include "turn/loop.h"
#include "turn/turn.h"
#include "vsock/packet.h"

#define WORKERS 3
#define VMS 2
#define ASKING 0 /* VMs */
#define ASKED 1
#define FIRST_CID 3
#define PORT 1000

static char name[] = "vm", group[] = "default";
static char *groups[] = { group };
static struct vm_config vms[VMS];
static const struct config config = { .vms = vms, .nvms = VMS };
static struct switchboard *board;
static struct loop loops[WORKERS];
static struct bell bells[WORKERS];
static struct guest *guests[VMS];
static struct turn turn;

static void enter(unsigned vm, unsigned worker)
{
	guests[vm] = guest_new(&vms[vm], &loops[worker]);
	ck_assert_ptr_nonnull(guests[vm]);
	switchboard_enter(board, guests[vm]);
}

static void leave(unsigned vm)
{
	switchboard_leave(board, guests[vm]);
	guest_free(guests[vm]);
	guests[vm] = NULL;
}

static void set_up(void)
{
	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned i = 0; i < VMS; i++)
		vms[i] = (struct vm_config){
			.name = name,
			.guest_cid = FIRST_CID + i,
			.fd = -1,
			.groups = groups,
			.ngroups = 1,
		};
	board = switchboard_new(&config, WORKERS);
	ck_assert_ptr_nonnull(board);
	for (unsigned i = 0; i < WORKERS; i++) {
		loop_init(&loops[i], NULL);
		loops[i].index = i;
		loops[i].board = board;
		ck_assert_int_eq(bell_open(&bells[i]), 0);
		switchboard_set_bell(board, i, &bells[i]);
	}
}

static void tear_down(void)
{
	for (unsigned i = 0; i < VMS; i++) {
		struct conn *conn;
		uint32_t pos = 0;

		if (!guests[i])
			continue;
		while ((conn = table_next(&guests[i]->conns, &pos)))
			link_kill(link_of(conn));
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		link_free_dead(&loops[i]);
		sibling_drop_refusals(&loops[i]);
		bell_close(&bells[i]);
	}
	for (unsigned i = 0; i < VMS; i++)
		guest_free(guests[i]);
	switchboard_free(board);
}

/* Ends a turn of the worker's: it hears and tells. */
static void finish(unsigned worker)
{
	sibling_finish(&loops[worker], &turn);
	turn_clear(&turn);
}

static void ask(void)
{
	const struct packet request = {
		.op = PACKET_REQUEST,
		.type = PACKET_STREAM,
		.src_cid = FIRST_CID + ASKING,
		.dst_cid = FIRST_CID + ASKED,
		.src_port = PORT,
		.dst_port = PORT,
		.buf_alloc = 65536,
	};

	ck_assert(sibling_ask(guests[ASKING], &request));
}

/* The connection of the guest that asks. */
static struct conn *asking(void)
{
	struct conn *conn = table_find(&guests[ASKING]->conns,
				       FIRST_CID + ASKED, PORT, PORT);

	ck_assert_ptr_nonnull(conn);
	return conn;
}

static void expect_refused(void)
{
	ck_assert_int_eq(asking()->state, CONN_CLOSED);
	ck_assert_uint_eq(asking()->pending, OWES_RST);
}

/* The VM's new worker never hears of the request: the old one refuses it. */
START_TEST(refused_at_once_where_the_vm_has_just_left)
{
	enter(ASKING, 0);
	enter(ASKED, 1);
	ask();
	finish(0);
	leave(ASKED);
	if (_i)
		enter(ASKED, 2); /* else the VM is between workers */
	finish(1);
	ck_assert(bell_rung(&bells[0]));
	finish(0);
	expect_refused();
}
END_TEST

START_TEST(refused_at_once_where_the_guest_does_not_run)
{
	enter(ASKING, 0);
	enter(ASKED, (unsigned)_i);
	ask();
	finish(0);
	finish(1);
	finish(0);
	expect_refused();
	ck_assert_uint_eq(guests[ASKED]->siblings.halves, 0);
}
END_TEST

/* A refusal waits for room in the lane, like everything that is told. */
START_TEST(refused_when_the_lane_has_room_again)
{
	struct lane *back = switchboard_lane(board, 1, 0, true);
	const size_t size = sizeof(struct half_message);

	enter(ASKING, 0);
	enter(ASKED, 1);
	ask();
	finish(0);
	leave(ASKED);
	for (void *at; (at = lane_reserve(back, size)); lane_commit(back, size))
		*(struct half_message *)at = (struct half_message){
			.from = guests[ASKING]->place,
			.to = guests[ASKING]->place,
		};
	finish(1);
	finish(0);
	ck_assert_int_eq(asking()->state, CONN_HOST_PENDING);
	finish(1);
	finish(0);
	expect_refused();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("siblings");
	TCase *tcase = tcase_create("refusals");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, refused_at_once_where_the_vm_has_just_left,
			    0, 2);
	tcase_add_loop_test(tcase, refused_at_once_where_the_guest_does_not_run,
			    0, 2);
	tcase_add_test(tcase, refused_when_the_lane_has_room_again);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
