/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Mappings of other people's files. The owner of such a file can shrink it at
 * any time, and the next access through the mapping raises SIGBUS. A guarded
 * span is then replaced, whole, by private zero memory; the access goes on,
 * and the span is marked lost for its owner to find. A SIGBUS anywhere else
 * has the effect that it had before guard_install().
 *
 * System calls on such memory fail with EFAULT and do not mark the span. A
 * thread that blocks SIGBUS dies of it all the same.
 */
#ifndef URING_VSOCK_VIRTQ_GUARD_H
#define URING_VSOCK_VIRTQ_GUARD_H

#include <stdbool.h>
#include <stddef.h>

struct guard_span;

/* Once, before the first access to guarded memory. 0 or negative errno. */
int guard_install(void);

/*
 * Guards LENGTH bytes at START, whole pages of one mapping. NULL if there is
 * no memory. Any thread may call these; a span's mapping is accessed only
 * between the two calls, and unmapped only after guard_remove().
 */
struct guard_span *guard_add(void *start, size_t length);
void guard_remove(struct guard_span *span);

/* Whether SPAN was replaced by zero memory since guard_add(). */
bool guard_lost(const struct guard_span *span);

/* Whether any span was ever lost in this process: a cheap test before the exact
 * one. */
bool guard_any_lost(void);

#endif
