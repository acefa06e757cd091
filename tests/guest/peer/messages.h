/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#ifndef URING_VSOCK_GUEST_MESSAGES_H
#define URING_VSOCK_GUEST_MESSAGES_H

#include "transfer.h"

/* Sends each message of a SOCK_SEQPACKET connection back, as one, until its
 * peer ends it. */
void messages_echo(struct transfer *transfer);

#endif
