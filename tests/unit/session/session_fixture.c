/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The protocol code with everything around it but the daemon: front ends on
 * socket pairs, a real ring and real memory. The guest has one connection, the
 * witness, whose host program sees the end of file when the guest's connections
 * end; then it gets a new one.
 *
 * Nothing runs by itself. A test says something and pumps, and so decides what
 * the daemon's side finds in one turn: a new front end beside the end of the old
 * one, half a message, or two hundred of them.
 *
 * Every message can bring eight descriptors, which might leak: the process's
 * descriptors are counted before and after each test.
 */
#include "unit/session/session_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/closer.h"
#include "base/fd.h"
#include "config/config.h"
#include "link/link.h"
#include "ring/ring.h"
#include "session/ends.h"
#include "session/frontend.h"
#include "session/frontends.h"
#include "turn/descriptors.h"
#include "turn/bell.h"
#include "turn/loop.h"
#include "vsock/packet.h"

#define QUEUE_SPACE 0x10000
#define AVAIL_AT 0x4000
#define USED_AT 0x8000

struct session_facts facts;
int kicks[GUEST_QUEUES];
int calls[GUEST_QUEUES];

static char name[] = "test";
static const struct vm_config config = {
	.name = name,
	.guest_cid = 0x89abcdef,
	.fd = -1,
	.tx_buffer_size = 262144,
	.queue_size = 1024,
};
static struct closer *closer;
static struct loop loop;
static struct bell bell;
int ram_fd;
uint8_t *ram;
static unsigned descriptors_before;
static int witness = -1; /* the host program's end */
static uint32_t witness_port;

static void call_witness(void)
{
	const struct packet request = {
		.op = PACKET_REQUEST,
		.type = PACKET_STREAM,
		.src_cid = config.guest_cid,
		.dst_cid = PACKET_HOST_CID,
		.src_port = ++witness_port,
		.dst_port = 1,
	};
	struct link *link;
	int ends[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	witness = ends[0];
	ck_assert(descriptors_take(NULL, &facts.guest->fds.held));
	link = link_new_from_guest(facts.guest, &request, &ends[1]);
	ck_assert_ptr_nonnull(link);
	ck_assert_int_eq(link_join(link), 0);
}

/* Counts an end of the guest's connections, if there was one. */
static void ask_witness(void)
{
	char byte;

	if (recv(witness, &byte, 1, MSG_DONTWAIT) != 0)
		return;
	facts.ended++;
	fd_close(&witness);
	call_witness();
}

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void open_ram(void)
{
	void *at;

	ram_fd = memfd_create("ram", MFD_CLOEXEC);
	ck_assert_int_ge(ram_fd, 0);
	ck_assert_int_eq(ftruncate(ram_fd, RAM_SIZE), 0);
	at = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd,
		  0);
	ck_assert(at != MAP_FAILED);
	ram = at;
}

void session_open(int engine)
{
	const char *why = "";

	log_set_level(LOG_LEVEL_ERROR);
	descriptors_before = open_descriptors();
	memset(&facts, 0, sizeof(facts));
	memset(&loop, 0, sizeof(loop));
	loop_init(&loop, ring_open(engine ? "io_uring" : "epoll", &why));
	ck_assert_int_eq(bell_open(&bell), 0);
	loop.bell = &bell;
	if (!loop.ring && engine) /* not allowed here: epoll twice */
		loop.ring = ring_open("epoll", &why);
	ck_assert_msg(loop.ring, "%s", why);
	facts.guest = guest_new(&config, &loop);
	closer = closer_new();
	guest_set_closers(facts.guest, closer, NULL);
	facts.frontends = frontends_new(facts.guest);
	call_witness();
	open_ram();
	for (unsigned i = 0; i < GUEST_QUEUES; i++)
		kicks[i] = calls[i] = -1;
}

/* The ring is closed before the memory of its watches is freed: until then the
 * kernel may still report to them. */
void session_close(void)
{
	frontends_stop(facts.frontends);
	ends_kill_connections(facts.guest);
	fd_close(&witness);
	ring_close(loop.ring);
	link_free_dead(&loop);
	frontends_free(facts.frontends);
	bell_close(&bell);
	guest_free(facts.guest);
	closer_free(closer);
	munmap(ram, RAM_SIZE);
	fd_close(&ram_fd);
	for (unsigned i = 0; i < GUEST_QUEUES; i++) {
		fd_close(&kicks[i]);
		fd_close(&calls[i]);
	}
	/* The closer takes its time: a leak is a hang. */
	while (open_descriptors() != descriptors_before)
		sched_yield();
}

int session_connect(void)
{
	int ends[2];

	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(frontends_adopt(facts.frontends, ends[1]), 0);
	return ends[0];
}

/* Until three rounds were quiet: an engine may report what one round has started,
 * such as a watch, only in the next one. */
void session_pump(void)
{
	bool more = false;

	for (unsigned idle = 0; idle < 3; idle++) {
		ring_wait(loop.ring, 0);
		if (list_empty(&facts.guest->active) && !more)
			continue;
		list_remove(&facts.guest->active);
		loop.chores = 0;
		/* no front end is heard meanwhile */
		while (frontend_choked(facts.guest))
			sched_yield();
		more = frontends_run(facts.frontends) == STEP_MORE ||
		       frontends_waiting(facts.frontends);
		more |= ends_end_some(facts.guest) == STEP_MORE;
		ask_witness();
		link_sweep(&loop);
		idle = 0;
	}
}

void say(int fd, uint32_t request, uint32_t flags, const void *payload,
	 uint32_t size, const int *fds, unsigned nfds)
{
	struct vhost_user_header header = { request, flags, size };
	struct iovec iov[2] = {
		{ &header, sizeof(header) },
		{ (void *)(uintptr_t)payload, size },
	};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(253 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = size ? 2 : 1 };
	struct cmsghdr *c;

	if (nfds) {
		msg.msg_control = &control;
		msg.msg_controllen = (socklen_t)CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		ck_assert_ptr_nonnull(c);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = (socklen_t)CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(fd, &msg, MSG_NOSIGNAL),
			 (int)(sizeof(header) + size));
}

void say_nothing(int fd, uint32_t request)
{
	say(fd, request, VHOST_USER_VERSION, NULL, 0, NULL, 0);
}

void say_number(int fd, uint32_t request, uint64_t number)
{
	say(fd, request, VHOST_USER_VERSION, &number, sizeof(number), NULL, 0);
}

void say_state(int fd, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_vring_state state = { index, num };

	say(fd, request, VHOST_USER_VERSION, &state, sizeof(state), NULL, 0);
}

int hear(int fd, uint32_t request, void *payload)
{
	struct vhost_user_header header;
	ssize_t n;

	session_pump();
	n = recv(fd, &header, sizeof(header), MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? -1 : -2;
	if (n == 0)
		return -2;
	ck_assert_int_eq((int)n, sizeof(header));
	ck_assert_uint_eq(header.request, request);
	ck_assert_uint_eq(header.flags, VHOST_USER_VERSION | VHOST_USER_REPLY);
	ck_assert_uint_le(header.size, 4096);
	if (!header.size)
		return 0;
	ck_assert_int_eq((int)recv(fd, payload, header.size, MSG_DONTWAIT),
			 (int)header.size);
	return (int)header.size;
}

uint64_t hear_number(int fd, uint32_t request)
{
	uint8_t payload[4096];
	uint64_t number;

	ck_assert_int_eq(hear(fd, request, payload), sizeof(number));
	memcpy(&number, payload, sizeof(number));
	return number;
}

void expect_silence(int fd)
{
	uint8_t payload[4096];

	ck_assert_int_eq(hear(fd, 0, payload), -1);
}

void expect_closed(int fd)
{
	uint8_t payload[4096];

	ck_assert_int_eq(hear(fd, 0, payload), -2);
}

uint64_t ask(int fd, uint32_t request, const void *payload, uint32_t size,
	     const int *fds, unsigned nfds)
{
	say(fd, request, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY, payload,
	    size, fds, nfds);
	return hear_number(fd, request);
}

void negotiate(int fd, bool protocol_features)
{
	uint64_t features;

	say_nothing(fd, VHOST_USER_GET_FEATURES);
	features = hear_number(fd, VHOST_USER_GET_FEATURES);
	if (!protocol_features)
		features &= ~(1ull << VHOST_USER_F_PROTOCOL_FEATURES);
	say_nothing(fd, VHOST_USER_GET_PROTOCOL_FEATURES);
	say_number(fd, VHOST_USER_SET_PROTOCOL_FEATURES,
		   hear_number(fd, VHOST_USER_GET_PROTOCOL_FEATURES));
	say_number(fd, VHOST_USER_SET_FEATURES, features);
	expect_silence(fd);
}

void give_memory(int fd)
{
	struct vhost_user_mem_table table = {
		.nregions = 1,
		.regions = { { 0, RAM_SIZE, RAM_USER, 0 } },
	};

	say(fd, VHOST_USER_SET_MEM_TABLE, VHOST_USER_VERSION, &table, 40,
	    &ram_fd, 1);
}

void give_addresses(int fd, uint32_t index)
{
	uint64_t at = RAM_USER + index * QUEUE_SPACE;
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = at,
		.avail_user_addr = at + AVAIL_AT,
		.used_user_addr = at + USED_AT,
	};

	say(fd, VHOST_USER_SET_VRING_ADDR, VHOST_USER_VERSION, &addr,
	    sizeof(addr), NULL, 0);
}

static void give_descriptor(int fd, uint32_t request, uint32_t index,
			    int descriptor)
{
	uint64_t number = index;

	if (descriptor < 0)
		number |= VHOST_USER_VRING_NO_FD;
	say(fd, request, VHOST_USER_VERSION, &number, sizeof(number),
	    &descriptor, descriptor >= 0);
}

void give_kick(int fd, uint32_t index, int kick)
{
	give_descriptor(fd, VHOST_USER_SET_VRING_KICK, index, kick);
}

void give_call(int fd, uint32_t index, int call)
{
	give_descriptor(fd, VHOST_USER_SET_VRING_CALL, index, call);
}

void set_up_queue(int fd, uint32_t index, uint16_t base)
{
	fd_close(&kicks[index]);
	fd_close(&calls[index]);
	kicks[index] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	calls[index] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	say_state(fd, VHOST_USER_SET_VRING_NUM, index, SIZE);
	say_state(fd, VHOST_USER_SET_VRING_BASE, index, base);
	give_addresses(fd, index);
	give_kick(fd, index, kicks[index]);
	give_call(fd, index, calls[index]);
	expect_silence(fd);
}

void start_queues(int fd, uint16_t base)
{
	give_memory(fd);
	for (uint32_t i = 0; i < 2; i++)
		set_up_queue(fd, i, base);
	for (uint32_t i = 0; i < 2; i++)
		say_state(fd, VHOST_USER_SET_VRING_ENABLE, i, 1);
	expect_silence(fd);
}

/* The number that is sent means nothing, and is one that no test expects. */
uint16_t stop_queue(int fd, uint32_t index)
{
	struct vhost_vring_state state = { index, 0xdddd };
	uint8_t payload[4096];

	say(fd, VHOST_USER_GET_VRING_BASE, VHOST_USER_VERSION, &state,
	    sizeof(state), NULL, 0);
	ck_assert_int_eq(hear(fd, VHOST_USER_GET_VRING_BASE, payload),
			 sizeof(state));
	memcpy(&state, payload, sizeof(state));
	ck_assert_uint_eq(state.index, index);
	ck_assert_uint_le(state.num, UINT16_MAX);
	return (uint16_t)state.num;
}

struct vring_desc *desc_of(uint32_t index)
{
	return (struct vring_desc *)(void *)(ram + index * QUEUE_SPACE);
}

uint16_t *avail_of(uint32_t index)
{
	return (uint16_t *)(void *)(ram + index * QUEUE_SPACE + AVAIL_AT);
}

uint16_t *used_of(uint32_t index)
{
	return (uint16_t *)(void *)(ram + index * QUEUE_SPACE + USED_AT);
}

void show_more(uint32_t index, uint16_t n)
{
	uint16_t *at = avail_of(index) + 1;

	*at = htole16((uint16_t)(le16toh(*at) + n));
}

void take_one(uint32_t index)
{
	struct virtq *vq = &facts.guest->queue[index].vq;
	struct iovec iov[4];
	struct chain chain;

	desc_of(index)[0] = (struct vring_desc){
		.len = htole32(64),
		.flags = htole16(index == GUEST_TX ? 0 : VRING_DESC_F_WRITE),
	};
	show_more(index, 1);
	ck_assert_int_eq(virtq_take(vq, iov, ARRAY_SIZE(iov), &chain), 1);
	virtq_give(vq, &chain, 0);
}
