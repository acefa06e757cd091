/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vm.h"

#include <errno.h>
#include <string.h>

#include "base/fd.h"
#include "config.h"
#include "frontends.h"
#include "guest.h"
#include "lifecycle.h"
#include "listener.h"

/* Host programs may come in crowds, hypervisors do not. */
#define HOST_BACKLOG 4096
#define FRONT_BACKLOG 1024

static int complain(const struct vm_config *config, const char *what, int err,
		    const char *why)
{
	log_line(LOG_LEVEL_ERROR, config->name, "%s: %s", what,
		 why ? why : strerror(-err));
	return err;
}

/* A socket that was inherited: one to accept from, or a front end itself. */
static int inherit_front(struct vm *vm, const struct vm_config *config)
{
	bool listening;
	const char *why = NULL;
	int err = usock_inherit(config->fd, &listening, &why);

	if (!err && listening) {
		vm->front.fd = config->fd;
		err = frontends_listen(vm->guest->frontends, config->fd);
	} else if (!err) {
		err = frontends_adopt(vm->guest->frontends, config->fd);
	}
	return err ? complain(config, "--fd", err, why) : 0;
}

static int open_front(struct vm *vm, const struct vm_config *config)
{
	const char *why = NULL;
	int err;

	if (config->fd >= 0)
		return inherit_front(vm, config);
	err = usock_listen(&vm->front, config->socket, FRONT_BACKLOG, config,
			   &why);
	if (!err)
		err = frontends_listen(vm->guest->frontends, vm->front.fd);
	return err ? complain(config, config->socket, err, why) : 0;
}

static int open_host(struct vm *vm, const struct vm_config *config)
{
	const char *why = NULL;
	int err;

	if (!config->uds_path)
		return 0;
	err = usock_listen(&vm->host, config->uds_path, HOST_BACKLOG, config,
			   &why);
	if (err)
		return complain(config, config->uds_path, err, why);
	vm->listener = listener_new(vm->guest, vm->host.fd);
	return vm->listener ? 0
			    : complain(config, config->uds_path, -errno, NULL);
}

int vm_open(struct vm *vm, const struct vm_config *config, struct loop *loop)
{
	int err = -ENOMEM;

	*vm = (struct vm){ .front = USOCK_NONE, .host = USOCK_NONE };
	vm->guest = guest_new(config, loop);
	if (vm->guest)
		vm->guest->frontends = frontends_new(vm->guest);
	if (!vm->guest || !vm->guest->frontends) {
		complain(config, "cannot start", err, NULL);
		goto failed;
	}
	err = open_host(vm, config);
	if (!err)
		err = open_front(vm, config);
	if (!err)
		return 0;
failed:
	vm_stop(vm);
	return err;
}

void vm_stop(struct vm *vm)
{
	if (vm->guest && vm->guest->frontends)
		frontends_stop(vm->guest->frontends);
	if (vm->listener)
		listener_stop(vm->listener);
	if (vm->guest)
		lifecycle_kill_connections(vm->guest);
	usock_close(&vm->front);
	usock_close(&vm->host);
}

void vm_free(struct vm *vm)
{
	listener_free(vm->listener);
	if (vm->guest)
		frontends_free(vm->guest->frontends);
	guest_free(vm->guest);
	*vm = (struct vm){ .front = USOCK_NONE, .host = USOCK_NONE };
}

void vm_resume(struct vm *vm)
{
	if (vm->listener)
		listener_resume(vm->listener);
	frontends_resume(vm->guest->frontends);
}
