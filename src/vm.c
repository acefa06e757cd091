/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vm.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

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

static int inherit_front(struct vm *vm)
{
	bool listening;
	const char *why = NULL;
	int err = usock_inherit(vm->config->fd, &listening, &why);

	if (err)
		return complain(vm->config, "--fd", err, why);
	/* One to accept from, or a front end itself. */
	if (listening)
		vm->front.fd = vm->config->fd;
	else
		vm->arrived = vm->config->fd;
	return 0;
}

static int listen_on(struct usock *s, const char *path, int type, int backlog,
		     const struct vm_config *config)
{
	const char *why = NULL;
	int err;

	if (!path)
		return 0;
	err = usock_listen(s, path, type, backlog, config, &why);
	return err ? complain(config, path, err, why) : 0;
}

int vm_open(struct vm *vm, const struct vm_config *config)
{
	int err;

	*vm = (struct vm){
		.config = config,
		.front = USOCK_NONE,
		.host = USOCK_NONE,
		.arrived = -1,
	};
	list_init(&vm->node);
	err = listen_on(&vm->host, config->uds_path, SOCK_STREAM, HOST_BACKLOG,
			config);
	if (err)
		return err;
	if (config->fd >= 0)
		return inherit_front(vm);
	return listen_on(&vm->front, config->socket, SOCK_STREAM,
			 FRONT_BACKLOG, config);
}

void vm_close(struct vm *vm)
{
	if (!vm->config)
		return;
	fd_close(&vm->arrived);
	usock_close(&vm->front);
	usock_close(&vm->host);
}

static int start_front(struct vm *vm)
{
	int err = 0;

	if (vm->arrived >= 0)
		err = frontends_adopt(vm->guest->frontends,
				      fd_take(&vm->arrived));
	if (!err && vm->front.fd >= 0)
		err = frontends_listen(vm->guest->frontends, vm->front.fd);
	return err;
}

static int start_host(struct vm *vm)
{
	if (vm->host.fd < 0)
		return 0;
	vm->listener = listener_new(vm->guest, vm->host.fd);
	return vm->listener ? 0 : -errno;
}

int vm_start(struct vm *vm, struct loop *loop)
{
	int err = -ENOMEM;

	vm->guest = guest_new(vm->config, loop);
	if (vm->guest)
		vm->guest->frontends = frontends_new(vm->guest);
	if (vm->guest && vm->guest->frontends)
		err = start_host(vm);
	if (!err)
		err = start_front(vm);
	return err ? complain(vm->config, "cannot start", err, NULL) : 0;
}

void vm_stop(struct vm *vm)
{
	if (vm->guest && vm->guest->frontends)
		frontends_stop(vm->guest->frontends);
	if (vm->listener)
		listener_stop(vm->listener);
	if (vm->guest)
		lifecycle_kill_connections(vm->guest);
}

bool vm_busy(const struct vm *vm)
{
	return (vm->listener && listener_busy(vm->listener)) ||
	       (vm->guest && vm->guest->frontends &&
		frontends_busy(vm->guest->frontends));
}

void vm_free(struct vm *vm)
{
	listener_free(vm->listener);
	vm->listener = NULL;
	if (vm->guest)
		frontends_free(vm->guest->frontends);
	guest_free(vm->guest);
	vm->guest = NULL;
}
