/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Numbers are not read by strtoul(3), which takes blanks, a minus and whatever
 * follows the digits, and takes each number that begins with a 0 for an octal
 * or hexadecimal one.
 */
#include "base/text.h"

#include <string.h>

#include "base/check.h"

#define SEPARATORS " \t,+"

/* The value of C as a digit; 16 if it is none. */
static unsigned digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

/* Moves *TEXT behind "0x", "0o" or "0b" and returns the base. */
static unsigned take_base(const char **text, size_t *len)
{
	static const struct {
		char letter;
		unsigned base;
	} bases[] = { { 'x', 16 }, { 'o', 8 }, { 'b', 2 } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		if (*len < 2 || (*text)[0] != '0' ||
		    (*text)[1] != bases[i].letter)
			continue;
		*text += 2;
		*len -= 2;
		return bases[i].base;
	}
	return 10;
}

bool text_number(const char *text, size_t len, uint64_t *out)
{
	uint64_t n = 0;
	unsigned base, digit;
	size_t i;

	if (len && *text == '+') {
		text++;
		len--;
	}
	base = take_base(&text, &len);
	for (i = 0; i < len; i++) {
		digit = digit_of(text[i]);
		if (digit >= base || n > (UINT64_MAX - digit) / base)
			return false;
		n = n * base + digit;
	}
	if (len)
		*out = n;
	return len;
}

size_t text_letter(const char *text, size_t len)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t lowest; /* what fewer bytes cannot hold */
	} forms[] = {
		{ 0x80, 0x00, 0 },
		{ 0xe0, 0xc0, 0xa0 }, /* 0x80 to 0x9f are controls */
		{ 0xf0, 0xe0, 0x800 },
		{ 0xf8, 0xf0, 0x10000 },
	};
	const unsigned char *bytes = (const unsigned char *)text;
	uint32_t c;
	size_t n, i;

	for (n = 0; n < ARRAY_SIZE(forms); n++)
		if ((bytes[0] & forms[n].mask) == forms[n].lead)
			break;
	if (n == ARRAY_SIZE(forms) || n >= len)
		return 0;
	c = bytes[0] & (unsigned char)~forms[n].mask;
	for (i = 1; i <= n; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (bytes[i] & 0x3f);
	}
	if (c < forms[n].lowest || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n + 1;
}

bool text_item(const char **rest, const char **item, size_t *len)
{
	*item = *rest + strspn(*rest, SEPARATORS);
	*len = strcspn(*item, SEPARATORS);
	*rest = *item + *len;
	return *len > 0;
}
