/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Binary search in a sorted array. bsearch(3) finds some equal element, and
 * nothing where there is none; its callers here need the first of several, or
 * the place between two elements. It is inline because memory_find() uses it for
 * packets, where the call of IS_BEFORE would cost more than the rest.
 */
#ifndef URING_VSOCK_BASE_SORTED_H
#define URING_VSOCK_BASE_SORTED_H

#include <stdbool.h>
#include <stddef.h>

/* Whether ELEMENT of the array belongs before KEY. */
typedef bool sorted_before(const void *element, const void *key);

/*
 * The index of the first of COUNT elements, SIZE bytes each, that does not
 * belong before KEY: the place of an equal element, or else the place at which
 * KEY is to be inserted. COUNT if all elements belong before KEY.
 */
static inline size_t sorted_find(const void *array, size_t count, size_t size,
				 sorted_before *is_before, const void *key)
{
	const char *elements = array;
	size_t low = 0;
	size_t high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (is_before(elements + middle * size, key))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

#endif
