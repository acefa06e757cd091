/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a half has to tell: the payload that its guest sent in this turn, and
 * its news, by a call where the same worker serves the other guest, else
 * through the lane to its worker.
 */
#ifndef URING_VSOCK_SIBLING_TELL_H
#define URING_VSOCK_SIBLING_TELL_H

struct loop;
struct turn;

/* For all halves on the loop's list, and then its refusals; what finds no room
 * stays there. */
void sibling_tell_all(struct loop *loop, struct turn *turn);

#endif
