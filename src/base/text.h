/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Numbers and lists in texts that people wrote. */
#ifndef URING_VSOCK_BASE_TEXT_H
#define URING_VSOCK_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The number that the LEN bytes of TEXT are, written as in YAML 1.2: "16",
 * "+16", "0x10" or "0o20", and "0b10000" as in YAML 1.1. Digits after a 0 are
 * decimal. False, and *OUT as it was, if they are anything else or do not fit.
 */
bool text_number(const char *text, size_t len, uint64_t *out);

/*
 * The length of the character in UTF-8 that the LEN > 0 bytes of TEXT begin
 * with: 1 for ASCII. 0 if it is none (RFC 3629), or a control character that
 * lies beyond ASCII.
 */
size_t text_letter(const char *text, size_t len);

/*
 * The next item of a list, between whose items there are blanks, ',' or '+':
 * sets *ITEM and *LEN and moves *REST behind it. False at the list's end.
 */
bool text_item(const char **rest, const char **item, size_t *len);

#endif
