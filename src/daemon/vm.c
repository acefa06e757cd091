/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The sockets, which the outside knows, are made once and stay. The guest and
 * everything that is watched belong to the worker that serves the VM, and are
 * made anew when another worker does. A program that connects in between waits in
 * a backlog. The guest is entered into the switchboard last, so that other guests
 * never find one that is not ready.
 */
#include "daemon/vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/closer.h"
#include "base/fd.h"
#include "base/socket_path.h"
#include "config/config.h"
#include "config/remarks.h"
#include "guest/guest.h"
#include "host/listener.h"
#include "session/ends.h"
#include "session/frontends.h"
#include "sibling/switchboard.h"
#include "turn/loop.h"
#include "vsock/packet.h"

/* Backlogs: host programs may come in crowds, hypervisors do not. */
#define HOST_BACKLOG 4096
#define FRONT_BACKLOG 1024

static const struct unix_socket_kind for_streams = { SOCK_STREAM, HOST_BACKLOG,
						     false };
static const struct unix_socket_kind for_messages = { SOCK_SEQPACKET,
						      HOST_BACKLOG, false };
static const struct unix_socket_kind for_front_ends = { SOCK_STREAM,
							FRONT_BACKLOG, true };

static int complain(const struct vm_config *config, const char *what, int err,
		    const char *why)
{
	if (why)
		log_line(LOG_LEVEL_ERROR, config->name, "%s: %s (%s)", what,
			 why, strerror(-err));
	else
		log_line(LOG_LEVEL_ERROR, config->name, "%s: %s", what,
			 strerror(-err));
	return err;
}

static int inherit_front(struct vm *vm)
{
	bool listening = false;
	const char *why = NULL;
	int err = unix_socket_inherit(vm->config->fd, &listening, &why);

	if (err)
		return complain(vm->config, "--fd", err, why);
	/* A socket to accept from, or the connection of a front end. */
	if (listening)
		vm->front.fd = vm->config->fd;
	else
		vm->arrived = vm->config->fd;
	return 0;
}

static int listen_on(struct unix_socket *s, const char *path,
		     const struct unix_socket_kind *kind,
		     const struct vm_config *config)
{
	const char *why = NULL;
	int err;

	if (!path)
		return 0;
	err = unix_socket_listen(s, path, kind, config, &why);
	return err ? complain(config, path, err, why) : 0;
}

static void log_remark(void *user, enum log_level level, const char *text)
{
	const struct vm *vm = user;

	if (level <= LOG_LEVEL_WARN)
		log_line(level, vm->config->name, "%s", text);
}

/* A uds-path that leaves no room for the suffix still serves streams, as it did
 * before there were messages. */
static int open_messages(struct vm *vm)
{
	const struct vm_config *config = vm->config;

	if (!config->uds_path || !config->seqpacket)
		return 0;
	if (strlen(config->uds_path) + strlen(SOCKET_PATH_SEQPACKET) >
	    SOCKET_PATH_MAX) {
		log_line(LOG_LEVEL_WARN, config->name,
			 "%s: too long for a name with " SOCKET_PATH_SEQPACKET
			 " behind it, so host programs cannot ask for the "
			 "guest's SOCK_SEQPACKET sockets",
			 config->uds_path);
		return 0;
	}
	if (asprintf(&vm->seqpacket_path, "%s" SOCKET_PATH_SEQPACKET,
		     config->uds_path) < 0) {
		vm->seqpacket_path = NULL;
		return complain(config, config->uds_path, -ENOMEM, NULL);
	}
	return listen_on(&vm->seqpacket, vm->seqpacket_path, &for_messages,
			 config);
}

int vm_open(struct vm *vm, const struct vm_config *config)
{
	int err;

	*vm = (struct vm){
		.config = config,
		.front = UNIX_SOCKET_NONE,
		.host = UNIX_SOCKET_NONE,
		.seqpacket = UNIX_SOCKET_NONE,
		.arrived = -1,
	};
	list_init(&vm->node);
	vm->closer = closer_new();
	vm->host_closer = closer_new();
	if (!vm->closer || !vm->host_closer)
		return complain(config, "cannot start", -ENOMEM, NULL);
	err = listen_on(&vm->host, config->uds_path, &for_streams, config);
	config_remarks(config, log_remark, vm);
	if (!err)
		err = open_messages(vm);
	if (!err)
		err = forwards_open(&vm->forwards, config);
	if (err)
		return err;
	if (config->fd >= 0)
		return inherit_front(vm);
	return listen_on(&vm->front, config->socket, &for_front_ends, config);
}

void vm_close(struct vm *vm)
{
	if (!vm->config)
		return;
	fd_close(&vm->arrived);
	unix_socket_close(&vm->front);
	unix_socket_close(&vm->host);
	unix_socket_close(&vm->seqpacket);
	free(vm->seqpacket_path);
	vm->seqpacket_path = NULL;
	forwards_close(&vm->forwards);
	closer_free(vm->closer);
	closer_free(vm->host_closer);
	vm->closer = NULL;
	vm->host_closer = NULL;
}

static int start_front(struct vm *vm)
{
	int err = 0;

	if (vm->arrived >= 0)
		err = frontends_adopt(vm->guest->session.frontends,
				      fd_take(&vm->arrived));
	if (!err && vm->front.fd >= 0)
		err = frontends_listen(vm->guest->session.frontends,
				       vm->front.fd);
	return err;
}

static int start_host(struct vm *vm)
{
	if (vm->host.fd < 0)
		return 0;
	vm->listener = listener_new(vm->guest, vm->host.fd, PACKET_STREAM);
	if (!vm->listener)
		return -errno;
	if (vm->seqpacket.fd < 0)
		return 0;
	vm->messages =
		listener_new(vm->guest, vm->seqpacket.fd, PACKET_SEQPACKET);
	return vm->messages ? 0 : -errno;
}

/* Logs the first of several failures, and the success after them. */
static void tell(struct vm *vm, int err)
{
	if (err && !vm->failed)
		complain(vm->config, "cannot start", err, NULL);
	else if (!err && vm->failed)
		log_line(LOG_LEVEL_INFO, vm->config->name, "started at last");
	vm->failed = err;
}

int vm_start(struct vm *vm, struct loop *loop)
{
	int err = -ENOMEM;

	vm->guest = guest_new(vm->config, loop);
	if (vm->guest) {
		vm->guest->counts = vm->counts;
		guest_set_closers(vm->guest, vm->closer, vm->host_closer);
		if (frontends_new(vm->guest))
			err = start_host(vm);
	}
	if (!err)
		err = forwards_start(&vm->forwards, vm->guest);
	if (!err)
		err = start_front(vm);
	if (!err)
		switchboard_enter(loop->board, vm->guest);
	tell(vm, err);
	return err;
}

void vm_report(struct vm *vm)
{
	if (vm->guest)
		guest_report(vm->guest);
}

void vm_stop(struct vm *vm)
{
	if (vm->guest && vm->guest->session.frontends)
		frontends_stop(vm->guest->session.frontends);
	if (vm->listener)
		listener_stop(vm->listener);
	if (vm->messages)
		listener_stop(vm->messages);
	forwards_stop(&vm->forwards);
	if (vm->guest)
		ends_kill_connections(vm->guest);
	if (vm->guest && vm->guest->place)
		switchboard_leave(vm->guest->loop->board, vm->guest);
}

bool vm_busy(const struct vm *vm)
{
	return (vm->guest && vm->guest->siblings.halves) ||
	       (vm->listener && listener_busy(vm->listener)) ||
	       (vm->messages && listener_busy(vm->messages)) ||
	       forwards_busy(&vm->forwards) ||
	       (vm->guest && vm->guest->session.frontends &&
		frontends_busy(vm->guest->session.frontends));
}

void vm_free(struct vm *vm)
{
	listener_free(vm->listener);
	listener_free(vm->messages);
	vm->listener = NULL;
	vm->messages = NULL;
	forwards_free(&vm->forwards);
	if (vm->guest)
		frontends_free(vm->guest->session.frontends);
	if (vm->guest)
		vm->counts = vm->guest->counts;
	guest_free(vm->guest);
	vm->guest = NULL;
}
