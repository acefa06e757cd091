/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A library for the daemon to preload where the kernel has no vsock_loopback:
 * it turns the daemon's AF_VSOCK sockets into TCP sockets of this machine. TCP
 * connects and ends as AF_VSOCK does: connect(2) is answered later, and a half-
 * closed socket is not hung up. Port P of CID C becomes port P of the address
 * FAKE_VSOCK_NET.C; a listener is always at CID 1.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#define FDS 65536

/* Descriptors that were refused and do not know yet. */
static bool refused[FDS];

typedef int option_function(int fd, int level, int name, void *value,
			    socklen_t *len);
typedef int socket_function(int domain, int type, int protocol);
typedef int address_function(int fd, const struct sockaddr *address,
			     socklen_t len);

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

int socket(int domain, int type, int protocol)
{
	socket_function *real = (socket_function *)next("socket");
	int fd = real(domain == AF_VSOCK ? AF_INET : domain, type, protocol);
	int yes = 1;

	if (fd >= 0 && domain == AF_VSOCK)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	return fd;
}

static int translate(const struct sockaddr *address, struct sockaddr_in *out)
{
	struct sockaddr_vm vm;
	const char *net = getenv("FAKE_VSOCK_NET");
	char text[64];

	memcpy(&vm, address, sizeof(vm));
	if (vm.svm_cid == VMADDR_CID_ANY)
		vm.svm_cid = VMADDR_CID_LOCAL;
	snprintf(text, sizeof(text), "%s.%u", net ? net : "127.0.0",
		 vm.svm_cid);
	*out = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)vm.svm_port),
	};
	if (vm.svm_port <= UINT16_MAX &&
	    inet_pton(AF_INET, text, &out->sin_addr) == 1)
		return 0;
	errno = EADDRNOTAVAIL;
	return -1;
}

static int pass(const char *name, int fd, const struct sockaddr *address,
		socklen_t len)
{
	address_function *real = (address_function *)next(name);
	struct sockaddr_in in;

	if (address->sa_family != AF_VSOCK)
		return real(fd, address, len);
	if (translate(address, &in) < 0)
		return -1;
	return real(fd, (const struct sockaddr *)&in, sizeof(in));
}

int bind(int fd, const struct sockaddr *address, socklen_t len)
{
	return pass("bind", fd, address, len);
}

/* On one machine TCP knows at once that nobody listens; AF_VSOCK says so later.
 * */
int connect(int fd, const struct sockaddr *address, socklen_t len)
{
	int ret = pass("connect", fd, address, len);

	if (address->sa_family != AF_VSOCK || fd >= FDS)
		return ret;
	refused[fd] = ret < 0 && errno == ECONNREFUSED;
	if (refused[fd])
		errno = EINPROGRESS;
	return ret;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	option_function *real = (option_function *)next("getsockopt");
	int ret = real(fd, level, name, value, len);

	if (ret == 0 && level == SOL_SOCKET && name == SO_ERROR && fd < FDS &&
	    refused[fd]) {
		refused[fd] = false;
		*(int *)value = ECONNRESET;
	}
	return ret;
}
