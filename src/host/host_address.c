/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "host/host_address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/socket_path.h"
#include "config/config.h"

/* An abstract address is as long as its name, with a NUL in front
 * (unix(7)). */
int host_address_unix(const struct vm_config *vm, uint32_t port,
		      struct host_address *out)
{
	const char *path = config_mapped(vm, port);
	char *to = out->un.sun_path;
	size_t room = sizeof(out->un.sun_path);
	int n;

	memset(out, 0, sizeof(*out));
	out->un.sun_family = AF_UNIX;
	if (!path && !vm->uds_path)
		return -ENOENT;
	n = path ? snprintf(to, room, "%s", path)
		 : snprintf(to, room, "%s" SOCKET_PATH_PORT, vm->uds_path,
			    port);
	if (n >= (int)room)
		return -ENAMETOOLONG;
	out->len = sizeof(out->un);
	if (path && path[0] == '@') {
		to[0] = '\0';
		out->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				       (size_t)n);
	}
	return 0;
}

void host_address_vsock(uint32_t cid, uint32_t port, struct host_address *out)
{
	memset(out, 0, sizeof(*out));
	out->vm.svm_family = AF_VSOCK;
	out->vm.svm_cid = cid;
	out->vm.svm_port = port;
	out->len = sizeof(out->vm);
}

void host_address_text(const struct host_address *address,
		       char out[HOST_ADDRESS_TEXT_MAX])
{
	const char *path = address->un.sun_path;

	if (address->any.sa_family == AF_VSOCK)
		snprintf(out, HOST_ADDRESS_TEXT_MAX, "AF_VSOCK CID %u port %u",
			 address->vm.svm_cid, address->vm.svm_port);
	else if (path[0])
		snprintf(out, HOST_ADDRESS_TEXT_MAX, "%s", path);
	else
		snprintf(out, HOST_ADDRESS_TEXT_MAX, "@%s", path + 1);
}
