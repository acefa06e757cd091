/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How bench-load gives up: it prints the reason as its line of JSON. */
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "frontend/basics.h"

_Noreturn void die(const char *fmt, ...)
{
	va_list args;
	char text[300];

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* Not by stdout: another thread may be in the middle of a line. */
	dprintf(STDOUT_FILENO, "{\"error\": \"%s\"}\n", text);
	_exit(1);
}
