/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Groups and maps are kept sorted as they grow, so that the guests' requests
 * are cheap afterwards: two VMs' groups are compared in one pass, and the map
 * of a port is found by binary search.
 */
#include "config/config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/sorted.h"

static const char *const engine_names[] = {
	[ENGINE_AUTO] = "auto",
	[ENGINE_IO_URING] = "io_uring",
	[ENGINE_EPOLL] = "epoll",
};
static_assert(ARRAY_SIZE(engine_names) == ENGINES, "a name for each engine");

const char *engine_name(enum engine engine)
{
	return engine_names[engine];
}

void config_init(struct config *config)
{
	*config = (struct config){
		.engine = ENGINE_AUTO,
		.log_level = LOG_LEVEL_INFO,
		.workers = 1,
		.poll_us = 50,
	};
}

static void free_vm(struct vm_config *vm)
{
	unsigned i;

	free(vm->name);
	free(vm->socket);
	free(vm->uds_path);
	for (i = 0; i < vm->ngroups; i++)
		free(vm->groups[i]);
	free(vm->groups);
	for (i = 0; i < vm->nmaps; i++)
		free(vm->maps[i].path);
	free(vm->maps);
	ranges_free(&vm->forward_listen);
	ranges_free(&vm->allow_guest);
	ranges_free(&vm->allow_host);
}

void config_free(struct config *config)
{
	unsigned i;

	for (i = 0; i < config->nvms; i++)
		free_vm(&config->vms[i]);
	ranges_free(&config->cpus);
	free(config->vms);
	config->vms = NULL;
	config->nvms = 0;
}

struct vm_config *config_add_vm(struct config *config)
{
	struct vm_config *vms;

	vms = reallocarray(config->vms, config->nvms + 1u, sizeof(*vms));
	if (!vms)
		return NULL;
	config->vms = vms;
	vms += config->nvms++;
	*vms = (struct vm_config){
		.guest_cid = CONFIG_CID_MIN,
		.fd = -1,
		.tx_buffer_size = 262144,
		.tx_buffer_asked = 262144,
		.queue_size = 1024,
		.seqpacket = true,
	};
	return vms;
}

static bool group_before(const void *group, const void *name)
{
	return strcmp(*(char *const *)group, name) < 0;
}

/* The first group that is not below NAME. */
static unsigned find_group(const struct vm_config *vm, const char *name)
{
	return (unsigned)sorted_find(vm->groups, vm->ngroups,
				     sizeof(*vm->groups), group_before, name);
}

int config_add_group(struct vm_config *vm, const char *name, size_t len)
{
	char *copy = strndup(name, len);
	char **groups;
	unsigned at;

	groups = reallocarray(vm->groups, vm->ngroups + 1u, sizeof(*groups));
	if (groups)
		vm->groups = groups;
	if (!groups || !copy) {
		free(copy);
		return -ENOMEM;
	}
	at = find_group(vm, copy);
	if (at < vm->ngroups && strcmp(groups[at], copy) == 0) {
		free(copy);
		return 0;
	}
	memmove(groups + at + 1, groups + at,
		(vm->ngroups++ - at) * sizeof(*groups));
	groups[at] = copy;
	return 0;
}

static bool map_before(const void *map, const void *port)
{
	return ((const struct port_map *)map)->port < *(const uint32_t *)port;
}

/* The first map that is not of a lower port. */
static unsigned find_map(const struct vm_config *vm, uint32_t port)
{
	return (unsigned)sorted_find(vm->maps, vm->nmaps, sizeof(*vm->maps),
				     map_before, &port);
}

int config_add_map(struct vm_config *vm, uint32_t port, const char *path)
{
	unsigned at = find_map(vm, port);
	struct port_map *maps;
	char *copy;

	if (at < vm->nmaps && vm->maps[at].port == port)
		return -EEXIST;
	maps = reallocarray(vm->maps, vm->nmaps + 1u, sizeof(*maps));
	if (!maps)
		return -ENOMEM;
	vm->maps = maps;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	memmove(maps + at + 1, maps + at, (vm->nmaps++ - at) * sizeof(*maps));
	maps[at] = (struct port_map){ .port = port, .path = copy };
	return 0;
}

const char *config_mapped(const struct vm_config *vm, uint32_t port)
{
	unsigned at = find_map(vm, port);

	return at < vm->nmaps && vm->maps[at].port == port ? vm->maps[at].path
							   : NULL;
}

bool config_is_host(const struct vm_config *vm, uint32_t cid)
{
	if (cid == CONFIG_CID_HOST)
		return true;
	return vm->forward_cid && (cid == vm->forward_cid || !vm->uds_path);
}

bool config_allows_guest(const struct vm_config *vm, uint32_t port)
{
	return !vm->guest_limited || ranges_contain(&vm->allow_guest, port);
}

bool config_allows_host(const struct vm_config *vm, uint32_t port)
{
	return !vm->host_limited || ranges_contain(&vm->allow_host, port);
}
