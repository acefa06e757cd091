/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the preloaded library is told by others: its environment variable,
 * sockets' names, what a program hands over as an address, and the answer to
 * CONNECT. The first byte of the input says which it is. Each is held in memory
 * of exactly its size.
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuzz/fuzz.h"
#include "preload/address.h"
#include "preload/greet.h"
#include "preload/hold.h"
#include "preload/inherit.h"
#include "preload/state.h"
#include "preload/table.h"
#include "preload/vms.h"

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
#define GREETED_MAX 256

/* The input's bytes as a string, which the caller frees. */
static char *text_of(const struct fuzz_input *in)
{
	char *text = calloc(1, in->left + 1);

	fuzz_check(text);
	if (in->left)
		memcpy(text, in->at, in->left);
	return text;
}

static void check_vm(const struct vm *vm)
{
	struct sockaddr_un address;
	const struct vm *found;
	uint32_t port = 0;

	fuzz_check(vm->cid > VMADDR_CID_HOST && vm->cid != VMADDR_CID_ANY);
	fuzz_check(vms_find(vm->cid) == vm);
	fuzz_check(vm->path[0] && strlen(vm->path) < sizeof(vm->path));
	vm_dial_address(vm, SOCK_SEQPACKET, &address);
	fuzz_check(!strncmp(address.sun_path, vm->path, strlen(vm->path)));
	vm_port_address(vm, UINT32_MAX, &address);
	found = vms_of_port(&address, sizeof(address), &port);
	fuzz_check(found && port == UINT32_MAX);
	fuzz_check(found == vm || !strcmp(found->path, vm->path) ||
		   strlen(found->path) != strlen(vm->path));
}

static void try_variable(struct fuzz_input *in)
{
	char *text = text_of(in);
	int rc = vms_load(text);

	fuzz_check(rc == 0 || rc == -EINVAL);
	fuzz_check((rc == 0) == (vms_mistake() == NULL));
	fuzz_check((rc == 0) == (vms_count() > 0) && vms_count() <= VMS_MAX);
	for (unsigned i = 0; i < vms_count(); i++)
		check_vm(vms_at(i));
	free(text);
}

/* A socket's name and its length, as the kernel has returned them. */
static void try_name(struct fuzz_input *in)
{
	socklen_t length = (socklen_t)(in->left < sizeof(struct sockaddr_un)
					       ? in->left
					       : sizeof(struct sockaddr_un));
	struct sockaddr_un *name = calloc(1, sizeof(*name));
	struct vm_address remote = { 0 };
	struct sockaddr_un again;
	uint32_t port = 0;

	fuzz_check(name);
	fuzz_bytes(in, name, length);
	fuzz_check(vms_load("3=/run/vm3,4=/run/vm3_7") == 0);
	if (vms_of_port(name, length, &port))
		fuzz_check(!strncmp(name->sun_path, "/run/vm3_", 9));
	if (address_of_name(name, length, &port, &remote)) {
		struct vm_address found;
		uint32_t found_port;

		length = address_name(port, &remote, &again);
		fuzz_check(length <= sizeof(again));
		fuzz_check(
			address_of_name(&again, length, &found_port, &found));
		fuzz_check(found_port == port && found.cid == remote.cid &&
			   found.port == remote.port);
	}
	free(name);
}

/* The same name on a socket that the program has inherited across exec(). */
static void try_inheritance(struct fuzz_input *in)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	size_t n = in->left < sizeof(name.sun_path) - 1
			   ? in->left
			   : sizeof(name.sun_path) - 1;
	socklen_t length = (socklen_t)(PATH_OFFSET + 1 + n);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct vm_address remote;
	struct endpoint endpoint;
	uint32_t port;
	bool ours;

	fuzz_check(fd >= 0);
	fuzz_bytes(in, name.sun_path + 1, n);
	fuzz_check(vms_load("3=v3,4=v4") == 0);
	ours = address_of_name(&name, length, &port, &remote);
	if (bind(fd, (void *)&name, length) == 0) {
		inherit_all();
		fuzz_check(table_has(fd) == ours);
	}
	if (table_view(fd, &endpoint)) {
		fuzz_check(endpoint.state == ENDPOINT_CONNECTED);
		fuzz_check(endpoint.remote.cid == remote.cid &&
			   endpoint.remote.port == remote.port &&
			   endpoint.local.port == port);
		fuzz_check(table_drop(fd, &endpoint));
	}
	close(fd);
}

static void try_address(struct fuzz_input *in)
{
	uint32_t length = fuzz_u8(in);
	uint32_t declared = fuzz_u8(in) ? length : fuzz_u32(in);
	uint8_t *bytes = calloc(1, length ? length : 1);
	struct vm_address found = { .cid = fuzz_u32(in) };
	int rc;

	fuzz_check(bytes);
	found.port = fuzz_u32(in);
	rc = address_give(&found, (void *)bytes, &(socklen_t){ length });
	fuzz_check(rc == 0);
	rc = address_give(&found, NULL, &declared);
	fuzz_check(rc == -EFAULT);
	fuzz_bytes(in, bytes, length);
	rc = address_take((void *)bytes, length, &found);
	fuzz_check(rc == 0 || rc == -EINVAL);
	fuzz_check(rc || length >= sizeof(struct sockaddr_vm));
	free(bytes);
}

/* The number in an answer that is whole and right, or -1. */
static int64_t right_answer(const char *answer, size_t n)
{
	uint64_t value = 0;

	if (n < 4 || n > 13 || memcmp(answer, "OK ", 3) != 0)
		return -1;
	for (size_t i = 3; i < n; i++) {
		if (answer[i] < '0' || answer[i] > '9')
			return -1;
		value = value * 10 + (uint64_t)(answer[i] - '0');
	}
	return value <= UINT32_MAX ? (int64_t)value : -1;
}

/* What a greeting may consume of a stream: a line, or as much as an answer may
 * have. All the rest belongs to the guest's stream. */
static void check_stream(int fd, const char *answer, size_t n, int rc,
			 uint32_t host_port)
{
	const char *newline = memchr(answer, '\n', n < 32 ? n : 32);
	size_t line = newline ? (size_t)(newline - answer) : 0;
	int64_t right = newline ? right_answer(answer, line) : -1;
	char rest[GREETED_MAX + 1];
	ssize_t left;

	fuzz_check((rc == 0) == (right >= 0));
	if (rc == 0)
		fuzz_check(host_port == (uint32_t)right);
	if (!newline)
		return;
	left = recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
	fuzz_check(left == (ssize_t)(n - line - 1));
	fuzz_check(!memcmp(rest, newline + 1, (size_t)left));
}

static void check_message(const char *answer, size_t n, int rc)
{
	/* A message that is longer than any answer is cut off, and wrong. */
	size_t line = n - (n && n <= 32 && answer[n - 1] == '\n');

	fuzz_check((rc == 0) == (n <= 32 && right_answer(answer, line) >= 0));
}

static void try_answer(struct fuzz_input *in)
{
	unsigned kind = fuzz_u8(in);
	int type = kind & 1 ? SOCK_SEQPACKET : SOCK_STREAM;
	size_t n = in->left < GREETED_MAX ? in->left : GREETED_MAX;
	char *answer = text_of(in);
	uint32_t host_port = 0;
	int pair[2];
	char line[32];
	int rc;

	fuzz_check(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) == 0);
	if (n)
		fuzz_check(send(pair[1], answer, n, 0) == (ssize_t)n);
	shutdown(pair[1], SHUT_WR);
	if (kind & 2 && kind & 4) {
		rc = greet(pair[0], type, 7, 0, &host_port);
		fuzz_check(rc == -ETIMEDOUT);
	} else {
		rc = greet(pair[0], type, 7, UINT64_MAX, &host_port);
		fuzz_check(rc == 0 || rc == -ECONNRESET || rc == -EPROTO);
		fuzz_check((rc == -ECONNRESET) == !n);
		if (type == SOCK_STREAM)
			check_stream(pair[0], answer, n, rc, host_port);
		else if (n)
			check_message(answer, n, rc);
	}
	fuzz_check(recv(pair[1], line, sizeof(line), 0) ==
		   (type == SOCK_STREAM ? 10 : 9));
	fuzz_check(!memcmp(line, "CONNECT 7", 9));
	close(pair[0]);
	close(pair[1]);
	free(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const tries[])(struct fuzz_input *) = {
		try_variable, try_name,	  try_inheritance,
		try_address,  try_answer,
	};
	static bool initialized;
	struct fuzz_input in = { data, size };
	unsigned which = fuzz_below(&in, sizeof(tries) / sizeof(tries[0]));

	if (!initialized)
		state_init(hold_end_all);
	initialized = true;
	tries[which](&in);
	return 0;
}
