/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A bounded queue of bytes from one worker to another: one of them only writes,
 * the other only reads, and neither takes a lock. The memory is mapped twice in
 * a row, so that each message lies in one piece.
 *
 * The number of messages is bounded as well, as the reader deals at once with
 * all that it finds.
 */
#ifndef URING_VSOCK_SIBLING_LANE_H
#define URING_VSOCK_SIBLING_LANE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that one lane holds; they can be reserved in one piece. */
#define LANE_BYTES ((size_t)1 << 20)

/* Messages that one lane holds: in a turn the reader hears so many from each
 * other worker at the most. */
#define LANE_MESSAGES 512u

struct lane;

/* NULL and errno on failure. */
struct lane *lane_new(void);

/* Accepts NULL. */
void lane_free(struct lane *lane);

/*
 * For the writer. lane_reserve() returns SIZE bytes, a multiple of 8, to fill
 * in with a message; or NULL while there is no room for it, and then a later
 * lane_read() tells the reader that the writer waits. lane_commit() adds the
 * message, of SIZE bytes or less than were reserved, and lane_publish() shows
 * the reader all that were added: true if there is anything new.
 */
void *lane_reserve(struct lane *lane, size_t size);
void lane_commit(struct lane *lane, size_t size);
bool lane_publish(struct lane *lane);

/* For the reader: what was published and not read, *SIZE bytes. */
const void *lane_peek(struct lane *lane, size_t *size);

/* The reader has done with SIZE bytes, which were so many MESSAGES. True: the
 * writer waits for room, and the reader is to ring for it. */
bool lane_read(struct lane *lane, size_t size, unsigned messages);

#endif
