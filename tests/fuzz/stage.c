/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Two things make an input independent of those before it: what a VM has is
 * made anew, and what is left of a loop's past, its share, is put back. Time
 * goes on by an hour, so that no deadline of the past is near.
 *
 * All sockets are abstract, so that no file is made.
 */
#include "fuzz/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "daemon/service.h"
#include "fuzz/still.h"
#include "ring/ring.h"
#include "sibling/switchboard.h"
#include "turn/bell.h"
#include "turn/descriptors.h"
#include "turn/loop.h"

/* After so many turns without a rest, there will be none. */
#define RESTLESS 3000

/* How many descriptors are looked at to find one that was left open. */
#define CENSUS 192

/* How many a VM may have at any time, and how many all VMs may have beyond
 * that. */
#define SHARE 24

struct stage stage;
uint8_t stage_bytes[2 * STAGE_PERIOD];

static struct config config;
static struct service *services[STAGE_LOOPS_MAX];
static struct switchboard *board;
static struct descriptors descriptors = {
	.share = SHARE,
	.common = SHARE,
	.surplus = 16,
};
static uint8_t places[STAGE_VMS_MAX];
static bool open_before[CENSUS];

static void name(struct sockaddr_un *addr, const char *what, unsigned vm,
		 unsigned port)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(addr->sun_path, sizeof(addr->sun_path),
		 "@vsock-fuzz-%d-%s%u-%u", (int)getpid(), what, vm, port);
}

static socklen_t abstract(struct sockaddr_un *addr)
{
	size_t len = strlen(addr->sun_path);

	addr->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static int listen_at(const char *what, unsigned vm, unsigned port, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	socklen_t len;

	name(&addr, what, vm, port);
	len = abstract(&addr);
	fuzz_check(fd >= 0);
	fuzz_check(!bind(fd, (struct sockaddr *)&addr, len));
	fuzz_check(!listen(fd, 64));
	return fd;
}

static int connect_to(const char *what, unsigned vm, int type)
{
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;
	socklen_t len;

	name(&addr, what, vm, 0);
	len = abstract(&addr);
	fuzz_check(fd >= 0);
	if (connect(fd, (struct sockaddr *)&addr, len) < 0)
		fd_close(&fd);
	return fd;
}

int stage_call(struct stage_vm *vm)
{
	return connect_to("front", (unsigned)(vm - stage.vms), SOCK_STREAM);
}

int stage_knock(struct stage_vm *vm, bool messages)
{
	return connect_to(messages ? "messages" : "host",
			  (unsigned)(vm - stage.vms),
			  messages ? SOCK_SEQPACKET : SOCK_STREAM);
}

static void make_bytes(void)
{
	uint32_t state = 1;

	for (unsigned i = 0; i < STAGE_PERIOD; i++) {
		state = state * 1664525u + 1013904223u;
		stage_bytes[i] = (uint8_t)(state >> 24);
	}
	memcpy(stage_bytes + STAGE_PERIOD, stage_bytes, STAGE_PERIOD);
}

static void open_ram(struct stage_vm *vm)
{
	void *at;

	vm->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	fuzz_check(vm->ram_fd >= 0 && !ftruncate(vm->ram_fd, STAGE_RAM));
	at = mmap(NULL, STAGE_RAM, PROT_READ | PROT_WRITE, MAP_SHARED,
		  vm->ram_fd, 0);
	fuzz_check(at != MAP_FAILED);
	vm->ram = at;
	memcpy(vm->ram + STAGE_BYTES, stage_bytes, sizeof(stage_bytes));
}

static void open_vm(unsigned i)
{
	struct stage_vm *vm = &stage.vms[i];
	struct sockaddr_un addr;

	vm->vm = (struct vm){
		.config = vm->config,
		.front = UNIX_SOCKET_NONE,
		.host = UNIX_SOCKET_NONE,
		.seqpacket = UNIX_SOCKET_NONE,
		.arrived = -1,
	};
	list_init(&vm->vm.node);
	vm->vm.front.fd = listen_at("front", i, 0, SOCK_STREAM);
	vm->vm.host.fd = listen_at("host", i, 0, SOCK_STREAM);
	vm->vm.seqpacket.fd = listen_at("messages", i, 0, SOCK_SEQPACKET);
	for (unsigned p = 0; p < STAGE_PORTS; p++) {
		vm->programs[p] = listen_at("port", i, p,
					    p < STAGE_STREAMS ? SOCK_STREAM
							      : SOCK_SEQPACKET);
		name(&addr, "port", i, p);
		fuzz_check(!config_add_map(vm->config, STAGE_PORT + p,
					   addr.sun_path));
	}
	open_ram(vm);
}

static void configure(unsigned nvms, uint32_t tx_buffer_size)
{
	struct vm_config *vm;

	config_init(&config);
	for (unsigned i = 0; i < nvms; i++) {
		vm = config_add_vm(&config);
		fuzz_check(vm);
		vm->name = strdup("fuzz");
		vm->guest_cid = STAGE_CID + i;
		vm->fd = -1;
		vm->tx_buffer_size = tx_buffer_size;
		vm->queue_size = 128;
		vm->seqpacket = true;
		fuzz_check(!config_add_group(vm, "all", 3));
	}
	for (unsigned i = 0; i < nvms; i++)
		stage.vms[i].config = &config.vms[i];
}

static void open_loop(unsigned i)
{
	const char *why = "";
	const struct service_setup setup = {
		.ring = ring_open("epoll", &why),
		.guests = stage.nvms,
		.descriptors = &descriptors,
		.board = board,
		.index = i,
	};

	fuzz_check(setup.ring);
	services[i] = service_new(&setup);
	fuzz_check(services[i]);
	stage.loops[i] = service_loop(services[i]);
}

/* Which of the first descriptors are open. The fuzzer opens some of its own,
 * but not while an input runs. */
static void take_census(bool *open)
{
	struct pollfd fds[CENSUS];

	for (int i = 0; i < CENSUS; i++)
		fds[i] = (struct pollfd){ .fd = i };
	fuzz_check(poll(fds, CENSUS, 0) >= 0);
	for (int i = 0; i < CENSUS; i++)
		open[i] = !(fds[i].revents & POLLNVAL);
}

void stage_open(unsigned nvms, unsigned nloops, const uint8_t *where,
		uint32_t tx_buffer_size)
{
	log_set_level(LOG_LEVEL_ERROR);
	still_ns = 1000000000;
	stage.nvms = nvms;
	stage.nloops = nloops;
	memcpy(places, where, nvms);
	make_bytes();
	configure(nvms, tx_buffer_size);
	board = switchboard_new(&config, nloops);
	fuzz_check(board);
	for (unsigned i = 0; i < nloops; i++)
		open_loop(i);
	for (unsigned i = 0; i < nvms; i++)
		open_vm(i);
}

void stage_begin(void)
{
	take_census(open_before);
	stage_pass_ms(3600000);
	for (unsigned i = 0; i < stage.nloops; i++)
		stage.loops[i]->share = (struct share){ .now_ms = 0 };
	for (unsigned i = 0; i < stage.nvms; i++) {
		memset(stage.vms[i].ram, 0, STAGE_HEADERS);
		fuzz_check(!vm_start(&stage.vms[i].vm, stage.loops[places[i]]));
	}
}

/* Connections that nobody accepted would be in the way of the next input. */
static void drain(int listening)
{
	int fd;

	while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0)
		close(fd);
}

/* One poll(2) looks at all of the sockets, as few have anybody waiting. */
static void drain_vm(struct stage_vm *vm)
{
	struct pollfd fds[STAGE_PORTS + 3] = {
		{ .fd = vm->vm.front.fd, .events = POLLIN },
		{ .fd = vm->vm.host.fd, .events = POLLIN },
		{ .fd = vm->vm.seqpacket.fd, .events = POLLIN },
	};

	for (unsigned p = 0; p < STAGE_PORTS; p++)
		fds[3 + p] = (struct pollfd){ .fd = vm->programs[p],
					      .events = POLLIN };
	fuzz_check(poll(fds, ARRAY_SIZE(fds), 0) >= 0);
	for (unsigned i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i].revents)
			drain(fds[i].fd);
}

/* For people who analyse the find. */
static void say_descriptor(int fd)
{
	char link[32], what[128];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, what, sizeof(what));
	fprintf(stderr, "descriptor %d: %.*s\n", fd, (int)n, n < 0 ? "" : what);
}

static bool any_busy(void)
{
	for (unsigned i = 0; i < stage.nvms; i++)
		if (vm_busy(&stage.vms[i].vm))
			return true;
	return false;
}

void stage_end(void)
{
	bool open_after[CENSUS];
	unsigned i;

	for (i = 0; i < stage.nvms; i++)
		vm_stop(&stage.vms[i].vm);
	stage_rest();
	fuzz_check(!any_busy());
	for (i = 0; i < stage.nvms; i++)
		vm_free(&stage.vms[i].vm);
	for (i = 0; i < stage.nloops; i++) {
		fuzz_check(list_empty(&stage.loops[i]->links.dead));
		fuzz_check(list_empty(&stage.loops[i]->active));
		fuzz_check(!stage.loops[i]->hypervisors);
	}
	for (i = 0; i < stage.nvms; i++)
		drain_vm(&stage.vms[i]);
	fuzz_check(!descriptors.borrowed);
	take_census(open_after);
	for (i = 0; i < CENSUS; i++)
		if (open_before[i] != open_after[i])
			say_descriptor((int)i);
	fuzz_check(!memcmp(open_before, open_after, sizeof(open_before)));
}

/* Whether it has slept. */
static bool turn(struct service *service)
{
	bool slept;

	still_slept = false;
	service_wait(service);
	slept = still_slept;
	bell_answer(service_bell(service));
	service_turn(service);
	return slept;
}

bool stage_turn(void)
{
	bool rest = true;
	unsigned i;

	for (i = 0; i < stage.nloops; i++)
		rest &= turn(services[i]);
	for (i = 0; i < stage.nloops; i++)
		rest &= list_empty(&stage.loops[i]->active) &&
			!bell_rung(service_bell(services[i]));
	return rest;
}

void stage_rest(void)
{
	for (unsigned n = 0; !stage_turn(); n++)
		fuzz_check(n < RESTLESS);
}

void stage_pass_ms(uint64_t ms)
{
	still_ns += ms * 1000000;
}
