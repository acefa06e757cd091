/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What happens when the library is loaded, and when the program exits. */
#include <stdlib.h>

#include "preload/hold.h"
#include "preload/inherit.h"
#include "preload/listen.h"
#include "preload/real.h"
#include "preload/state.h"
#include "preload/vms.h"

/* The library does nothing in a program that runs with other rights than those
 * of the user who started it: secure_getenv(3) finds nothing then. */
__attribute__((constructor)) static void load(void)
{
	const char *text = secure_getenv("VSOCK_OVER_UDS");

	real();
	if (!text)
		return;
	state_init(hold_end_all);
	vms_load(text);
	inherit_all();
}

__attribute__((destructor)) static void unload(void)
{
	if (state_is_ours())
		listen_end_all();
}
