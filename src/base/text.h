/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Numbers and lists in texts that people wrote. */
#ifndef URING_VSOCK_BASE_TEXT_H
#define URING_VSOCK_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The number that the LEN bytes of TEXT are: decimal digits alone, 19 at
 * most. False, and *OUT as it was, if they are anything else.
 */
bool text_number(const char *text, size_t len, uint64_t *out);

/*
 * The next item of a list, between whose items there are blanks, ',' or '+':
 * sets *ITEM and *LEN and moves *REST behind it. False at the list's end.
 */
bool text_item(const char **rest, const char **item, size_t *len);

#endif
