/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Not strtoul(3), which takes blanks, signs and whatever follows the digits.
 */
#include "base/text.h"

#include <string.h>

#define DIGITS_MAX 19 /* of which none can overflow 64 bits */
#define SEPARATORS " \t,+"

bool text_number(const char *text, size_t len, uint64_t *out)
{
	uint64_t n = 0;
	size_t i;

	if (!len || len > DIGITS_MAX)
		return false;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*out = n;
	return true;
}

bool text_item(const char **rest, const char **item, size_t *len)
{
	*item = *rest + strspn(*rest, SEPARATORS);
	*len = strcspn(*item, SEPARATORS);
	*rest = *item + *len;
	return *len > 0;
}
