/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Endpoints do not come from malloc(), as the interposed functions may be
 * called in a signal handler that has interrupted malloc(). */
#include "preload/endpoint.h"

#include <linux/vm_sockets.h>
#include <stddef.h>
#include <sys/mman.h>

/* Defaults of net/vmw_vsock/af_vsock.c */
#define BUFFER_SIZE (256 * 1024)
#define BUFFER_MIN 128

#define SLAB_BYTES (64 * 1024)

static struct endpoint *free_list;

void endpoint_init(struct endpoint *endpoint, int type)
{
	*endpoint = (struct endpoint){
		.type = type,
		.local = { VMADDR_CID_ANY, VMADDR_PORT_ANY },
		.remote = { VMADDR_CID_ANY, VMADDR_PORT_ANY },
		.buffer_size = BUFFER_SIZE,
		.buffer_min = BUFFER_MIN,
		.buffer_max = BUFFER_SIZE,
		.connect_timeout = ENDPOINT_CONNECT_TIMEOUT,
	};
}

bool endpoint_bound(const struct endpoint *endpoint)
{
	return endpoint->local.port != VMADDR_PORT_ANY;
}

static void grow(void)
{
	struct endpoint *slab = mmap(NULL, SLAB_BYTES, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (slab == MAP_FAILED)
		return;
	for (size_t i = 0; i < SLAB_BYTES / sizeof(*slab); i++)
		endpoint_free(&slab[i]);
}

struct endpoint *endpoint_new(void)
{
	struct endpoint *endpoint;

	if (!free_list)
		grow();
	endpoint = free_list;
	if (endpoint)
		free_list = endpoint->next_free;
	return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
	endpoint->next_free = free_list;
	free_list = endpoint;
}
