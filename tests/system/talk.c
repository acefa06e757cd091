/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A front end without a guest: it has negotiated all that is offered and set up
 * nothing. With REPLY_ACK each request gets an answer, so that a refusal is a
 * number and need not be guessed from silence.
 */
#include "system/talk.h"

void talk_again(struct talk *t)
{
	vhost_dial(&t->v, t->scene.daemon.socket[0]);
	vhost_ask_u64(&t->v, VU_GET_FEATURES);
	vhost_tell_u64(&t->v, VU_SET_PROTOCOL_FEATURES, TALK_PROTOCOL_FEATURES);
	t->v.reply_ack = true;
	ck_assert_uint_eq(vhost_tell(&t->v, VU_SET_OWNER, NULL, 0, NULL, 0), 0);
}

void talk_begin(struct talk *t, int engine)
{
	scene_daemon(&t->scene, engine, NULL);
	talk_again(t);
}

void talk_end(struct talk *t)
{
	ck_assert(vhost_silent(&t->v));
	vhost_hang_up(&t->v);
	scene_close(&t->scene);
}
