/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "unit/host/host_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "guest/guest.h"
#include "link/link.h"
#include "ring/ring.h"
#include "session/ends.h"
#include "suite.h"
#include "turn/loop.h"

static char uds[] = "/tmp/uv-host-XXXXXX";
static char name[] = "test";
static const struct vm_config config = {
	.name = name,
	.guest_cid = 3,
	.uds_path = uds,
	.fd = -1,
	.tx_buffer_size = 262144,
};

struct guest *host_begin(struct loop *loop, const char *engine)
{
	const char *why = "";
	struct ring *ring = ring_open(engine, &why);
	struct guest *guest;
	int fd;

	if (!ring) {
		printf("%s: %s\n", engine, why);
		return NULL;
	}
	fd = mkstemp(uds);
	ck_assert_int_ge(fd, 0);
	close(fd);
	unlink(uds);
	log_set_level(LOG_LEVEL_ERROR);
	loop_init(loop, ring);
	guest = guest_new(&config, loop);
	ck_assert_ptr_nonnull(guest);
	return guest;
}

void host_finish(struct guest *guest)
{
	struct loop *loop = guest->loop;

	ends_kill_connections(guest);
	ring_close(loop->ring);
	link_free_dead(loop);
	guest_free(guest);
}
