/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A bounded queue of bytes from one worker to another: one of them only
 * writes, the other only reads, and neither takes a lock. The memory is mapped
 * twice in a row, so that whatever is written and read lies in one piece.
 *
 * The bytes are messages, and those are bounded as well: what the reader finds
 * at once it also deals with at once.
 */
#ifndef URING_VSOCK_SIBLING_LANE_H
#define URING_VSOCK_SIBLING_LANE_H

#include <stdbool.h>
#include <stddef.h>

/* What one lane holds; it can be reserved in one piece. */
#define LANE_BYTES ((size_t)1 << 20)

/* Messages that one lane holds, and so what one turn of the reader deals with
 * of each other worker. */
#define LANE_MESSAGES 512u

struct lane;

/* NULL and errno on failure. */
struct lane *lane_new(void);
void lane_free(struct lane *lane);

/*
 * The writer: SIZE bytes to fill in with a message, a multiple of 8, or NULL
 * while there is no room for it; lane_read() then tells the reader that the
 * writer waits. The message counts with lane_commit(), which may take back some
 * of its bytes, and is seen with lane_publish(): true if anything is new.
 */
void *lane_reserve(struct lane *lane, size_t size);
void lane_commit(struct lane *lane, size_t size);
bool lane_publish(struct lane *lane);

/* The reader: what was published, *SIZE bytes of it. */
const void *lane_peek(struct lane *lane, size_t *size);

/* The reader has done with SIZE bytes, which were so many messages. True: the
 * writer waits for room, and is to be told. */
bool lane_read(struct lane *lane, size_t size, unsigned messages);

#endif
