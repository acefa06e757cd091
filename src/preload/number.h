/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Decimal numbers of 32 bits: CIDs and ports. */
#ifndef URING_VSOCK_PRELOAD_NUMBER_H
#define URING_VSOCK_PRELOAD_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All of the LENGTH bytes at TEXT are digits and make *OUT. */
static inline bool number_read(const char *text, size_t length, uint32_t *out)
{
	uint64_t value = 0;

	if (!length || length > 10)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	*out = (uint32_t)value;
	return value <= UINT32_MAX;
}

#endif
