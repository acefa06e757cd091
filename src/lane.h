/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A bounded queue of bytes from one worker to another: one of them only
 * writes, the other only reads, and neither takes a lock. The memory is mapped
 * twice in a row, so that whatever is written and read lies in one piece.
 */
#ifndef URING_VSOCK_LANE_H
#define URING_VSOCK_LANE_H

#include <stdbool.h>
#include <stddef.h>

/* What one lane holds; it can be reserved in one piece. */
#define LANE_BYTES ((size_t)1 << 20)

struct lane;

/* NULL and errno on failure. */
struct lane *lane_new(void);
void lane_free(struct lane *lane);

/*
 * The writer: SIZE bytes to fill in, a multiple of 8, or NULL while there is no
 * room; lane_read() then tells the reader that the writer waits. They count
 * with lane_commit(), which may take back some of them, and are seen with
 * lane_publish(): true if there was anything new.
 */
void *lane_reserve(struct lane *lane, size_t size);
void lane_commit(struct lane *lane, size_t size);
bool lane_publish(struct lane *lane);

/* The reader: what was published, *SIZE bytes of it. */
const void *lane_peek(struct lane *lane, size_t *size);

/* The reader has done with SIZE bytes. True: the writer waits for room, and is
 * to be told. */
bool lane_read(struct lane *lane, size_t size);

#endif
