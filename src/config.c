/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

/* "_4294967295", what follows uds-path for the highest port. */
#define PORT_SUFFIX_MAX 11

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
	};
}

void config_free(struct config *config)
{
	unsigned i;

	for (i = 0; i < config->nvms; i++) {
		free(config->vms[i].name);
		free(config->vms[i].socket);
		free(config->vms[i].uds_path);
	}
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
		.queue_size = 1024,
	};
	return vms;
}

static void print_vm(const struct vm_config *vm, FILE *out)
{
	fprintf(out, "\n[vm %s]\n", vm->name);
	fprintf(out, "guest-cid = %u\n", vm->guest_cid);
	if (vm->socket)
		fprintf(out, "socket = %s\n", vm->socket);
	else
		fprintf(out, "fd = %d\n", vm->fd);
	if (strlen(vm->uds_path) + PORT_SUFFIX_MAX > CONFIG_PATH_MAX)
		fprintf(out,
			"; with a name as long as this the guest reaches"
			" no port of %zu digits or more\n",
			CONFIG_PATH_MAX - strlen(vm->uds_path));
	fprintf(out, "uds-path = %s\n", vm->uds_path);
	fprintf(out, "tx-buffer-size = %u\n", vm->tx_buffer_size);
	fprintf(out, "queue-size = %u\n", vm->queue_size);
	if (vm->socket_mode_set)
		fprintf(out, "socket-mode = %04o\n", vm->socket_mode);
	if (vm->socket_owner_set)
		fprintf(out, "socket-owner = %u:%u\n", vm->owner_uid,
			vm->owner_gid);
}

void config_print(const struct config *config, FILE *out)
{
	unsigned i;

	fprintf(out, "[daemon]\nengine = %s\nlog-level = %s\n",
		engine_name(config->engine), log_level_name(config->log_level));
	for (i = 0; i < config->nvms; i++)
		print_vm(&config->vms[i], out);
}
