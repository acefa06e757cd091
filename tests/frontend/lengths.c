/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "frontend/lengths.h"

#include <stdlib.h>

void lengths_add(struct lengths *lengths, uint32_t length)
{
	if (lengths->count == lengths->room) {
		lengths->room = lengths->room ? lengths->room * 2 : 64;
		lengths->at = realloc(lengths->at,
				      lengths->room * sizeof(*lengths->at));
		need(lengths->at != NULL, "memory");
	}
	lengths->at[lengths->count++] = length;
}

void lengths_free(struct lengths *lengths)
{
	free(lengths->at);
	*lengths = (struct lengths){ .at = NULL };
}
