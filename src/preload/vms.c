/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * If one entry is wrong there are no guests at all, so that a program fails at
 * once and with a reason, rather than reach some guests only. Nothing is
 * printed here, as this runs in every process of a script; the mistake is
 * printed when the first socket of AF_VSOCK is asked for (calls_socket.c).
 */
#include "preload/vms.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/socket_path.h"
#include "preload/number.h"

static struct vm vms[VMS_MAX];
static unsigned int count;
static bool given;
static char mistake[160];

static const char *take_entry(const char *at, size_t length)
{
	const char *path = memchr(at, '=', length);
	struct vm *vm = &vms[count];
	uint32_t cid;

	if (!path || path == at)
		return "CID=PATH is expected";
	if (!number_read(at, (size_t)(path - at), &cid) ||
	    cid <= VMADDR_CID_HOST || cid == VMADDR_CID_ANY)
		return "a guest's CID is a number from 3 to 4294967294";
	path++;
	length -= (size_t)(path - at);
	if (!length)
		return "there is no path";
	if (length >= sizeof(vm->path))
		return "the path has more than 96 bytes";
	if (vms_find(cid))
		return "this CID was there already";
	if (count == VMS_MAX)
		return "there are more than 64 guests";
	vm->cid = cid;
	memcpy(vm->path, path, length);
	vm->path[length] = '\0';
	count++;
	return NULL;
}

int vms_load(const char *text)
{
	given = true;
	mistake[0] = '\0';
	count = 0;
	for (;; text++) {
		size_t length = strcspn(text, ",");
		const char *why = take_entry(text, length);

		if (why) {
			count = 0;
			snprintf(mistake, sizeof(mistake), "'%.*s': %s",
				 length < 64 ? (int)length : 64, text, why);
			return -EINVAL;
		}
		if (!text[length])
			return 0;
		text += length;
	}
}

const char *vms_mistake(void)
{
	return mistake[0] ? mistake : NULL;
}

bool vms_given(void)
{
	return given;
}

unsigned int vms_count(void)
{
	return count;
}

const struct vm *vms_at(unsigned int i)
{
	return &vms[i];
}

const struct vm *vms_find(uint32_t cid)
{
	for (unsigned int i = 0; i < count; i++) {
		if (vms[i].cid == cid)
			return &vms[i];
	}
	return NULL;
}

void vm_dial_address(const struct vm *vm, int type, struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(out->sun_path, sizeof(out->sun_path), "%s%s", vm->path,
		 type == SOCK_SEQPACKET ? SOCKET_PATH_SEQPACKET : "");
}

void vm_port_address(const struct vm *vm, uint32_t port,
		     struct sockaddr_un *out)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(out->sun_path, sizeof(out->sun_path), "%s" SOCKET_PATH_PORT,
		 vm->path, port);
}

const struct vm *vms_of_port(const struct sockaddr_un *address,
			     socklen_t length, uint32_t *port)
{
	size_t room = length - offsetof(struct sockaddr_un, sun_path);
	size_t used;

	if (length <= offsetof(struct sockaddr_un, sun_path) ||
	    address->sun_family != AF_UNIX)
		return NULL;
	used = strnlen(address->sun_path, room);
	for (unsigned int i = 0; i < count; i++) {
		size_t prefix = strlen(vms[i].path);

		if (used > prefix && address->sun_path[prefix] == '_' &&
		    !memcmp(address->sun_path, vms[i].path, prefix) &&
		    number_read(address->sun_path + prefix + 1,
				used - prefix - 1, port))
			return &vms[i];
	}
	return NULL;
}
