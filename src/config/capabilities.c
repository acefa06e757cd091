/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "config/capabilities.h"

/* Optional features exist for input and gpu devices alone. */
void capabilities_print(FILE *out)
{
	fputs("{\n  \"type\": \"vsock\"\n}\n", out);
}
