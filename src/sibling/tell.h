/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A half tells the other one its news and the payload that its guest sent in
 * this turn: by a call where the same worker serves the other guest, else
 * through the lane to its worker.
 */
#ifndef URING_VSOCK_SIBLING_TELL_H
#define URING_VSOCK_SIBLING_TELL_H

struct loop;
struct turn;

/* Tells what all halves on the loop's list have to tell, and the loop's
 * refusals. What finds no room stays on the lists. */
void sibling_tell_all(struct loop *loop, struct turn *turn);

#endif
