/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A vhost-user session without a guest, for tests of single requests. */
#ifndef URING_VSOCK_TESTS_TALK_H
#define URING_VSOCK_TESTS_TALK_H

#include "system/system.h"

/* All that the daemon offers. */
#define TALK_FEATURES                                                     \
	(VU_F_VERSION_1 | VU_F_INDIRECT | VU_F_EVENT_IDX |                \
	 VU_F_NOTIFY_ON_EMPTY | VU_F_PROTOCOL_FEATURES | VU_F_SEQPACKET | \
	 VU_F_IN_ORDER)
#define TALK_PROTOCOL_FEATURES                                               \
	(VU_P_MQ | VU_P_REPLY_ACK | VU_P_CONFIG | VU_P_CONFIGURE_MEM_SLOTS | \
	 VU_P_RESET_DEVICE | VU_P_STATUS)

struct talk {
	struct scene scene;
	struct vhost v;
};

/* A daemon, and a session that has negotiated everything. */
void talk_begin(struct talk *t, int engine);
/* Another session, after the last one has ended. */
void talk_again(struct talk *t);
/* Fails if the daemon has said anything that nobody asked for. */
void talk_end(struct talk *t);

#endif
