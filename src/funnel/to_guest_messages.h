/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * SEQPACKET's part of the funnel to the guest (to_guest.h): a host program's
 * messages, each in packets of which only the last says that the message ends. A
 * message is never cut short: one that the guest's socket cannot take as a whole
 * resets the connection.
 */
#ifndef URING_VSOCK_FUNNEL_TO_GUEST_MESSAGES_H
#define URING_VSOCK_FUNNEL_TO_GUEST_MESSAGES_H

#include "turn/step.h"

struct link;
struct turn;

/*
 * Sends messages while there are some, within credit, buffers and the link's
 * share of a turn. Call link_refresh() afterwards. STEP_DONE or STEP_NO_BUFFER.
 */
enum step to_guest_messages(struct link *link, struct turn *turn);

#endif
