/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The name is abstract: "vsock-over-uds:CID:PORT:LOCAL:PID.SERIAL" behind a
 * NUL, where CID and PORT are the remote end's. It needs no file and goes with
 * the socket. PID and SERIAL make it unlike any other, as no two sockets can
 * have one name; nobody reads them.
 */
#include "preload/address.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "preload/number.h"

#define NAME_PREFIX "vsock-over-uds:"
#define NAME_OFFSET (offsetof(struct sockaddr_un, sun_path) + 1)

#define LAST_RESERVED_PORT 1023u

/* The guest's driver passes this to the host; for us it changes nothing. */
#define KNOWN_FLAGS VMADDR_FLAG_TO_HOST

int address_take(const struct sockaddr *from, socklen_t length,
		 struct vm_address *out)
{
	struct sockaddr_vm vm;

	if (length < sizeof(vm))
		return -EINVAL;
	if (!from)
		return -EFAULT;
	memcpy(&vm, from, sizeof(vm));
	if (vm.svm_family != AF_VSOCK || (vm.svm_flags & ~KNOWN_FLAGS))
		return -EINVAL;
	*out = (struct vm_address){ vm.svm_cid, vm.svm_port };
	return 0;
}

int address_give(const struct vm_address *from, struct sockaddr *to,
		 socklen_t *length)
{
	const struct sockaddr_vm vm = { .svm_family = AF_VSOCK,
					.svm_cid = from->cid,
					.svm_port = from->port };

	if (!to || !length)
		return -EFAULT;
	if (*length > INT32_MAX)
		return -EINVAL;
	memcpy(to, &vm, *length < sizeof(vm) ? *length : sizeof(vm));
	*length = sizeof(vm);
	return 0;
}

uint32_t address_any_port(void)
{
	uint16_t random;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = (uint16_t)clock_ns();
	return LAST_RESERVED_PORT + 1 +
	       random % (UINT16_MAX - LAST_RESERVED_PORT);
}

socklen_t address_name(uint32_t local_port, const struct vm_address *remote,
		       struct sockaddr_un *out)
{
	static atomic_uint serial;

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	return (socklen_t)NAME_OFFSET +
	       (socklen_t)snprintf(out->sun_path + 1, sizeof(out->sun_path) - 1,
				   NAME_PREFIX "%u:%u:%u:%d.%u", remote->cid,
				   remote->port, local_port, (int)getpid(),
				   atomic_fetch_add(&serial, 1));
}

/* The number up to the next colon; NULL if there is none. */
static const char *read_field(const char *at, const char *end, uint32_t *out)
{
	const char *colon = at ? memchr(at, ':', (size_t)(end - at)) : NULL;

	if (!colon || !number_read(at, (size_t)(colon - at), out))
		return NULL;
	return colon + 1;
}

bool address_of_name(const struct sockaddr_un *name, socklen_t length,
		     uint32_t *local_port, struct vm_address *remote)
{
	const size_t prefix = strlen(NAME_PREFIX);
	const char *at = name->sun_path + 1;
	const char *end = (const char *)name + length;

	if (length < NAME_OFFSET + prefix || length > sizeof(*name) ||
	    name->sun_family != AF_UNIX || name->sun_path[0] ||
	    memcmp(at, NAME_PREFIX, prefix) != 0)
		return false;
	at = read_field(at + prefix, end, &remote->cid);
	at = read_field(at, end, &remote->port);
	return read_field(at, end, local_port) != NULL;
}
