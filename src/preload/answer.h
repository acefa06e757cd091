/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How interposed functions are exported, and how they answer. */
#ifndef URING_VSOCK_PRELOAD_ANSWER_H
#define URING_VSOCK_PRELOAD_ANSWER_H

#include <errno.h>

#define EXPORT __attribute__((visibility("default")))

/* RESULT, or -1 and errno for a negative one.  A success leaves errno as it
 * was when the function was called: SAVED. */
static inline int answer(int result, int saved)
{
	errno = result < 0 ? -result : saved;
	return result < 0 ? -1 : result;
}

#endif
