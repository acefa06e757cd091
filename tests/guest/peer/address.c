/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "address.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	BACKLOG = 1024,
	CONNECT_SECONDS = 20, /* for slow machines; the kernel's default is 2 */
	OK_LINE_MAX = 32,
};

static int parse_number(const char *text, unsigned int *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value > UINT32_MAX)
		return -EINVAL;
	*out = (unsigned int)value;
	return 0;
}

static int parse_path(const char *text, size_t length, struct address *out)
{
	if (length == 0 || length >= sizeof(out->un.sun_path))
		return -EINVAL;
	out->un.sun_family = AF_UNIX;
	memcpy(out->un.sun_path, text, length);
	return 0;
}

static int parse_vsock(const char *text, struct address *out)
{
	unsigned int cid;
	const char *colon = strchr(text, ':');
	char word[16] = "";

	if (!colon || (size_t)(colon - text) >= sizeof(word))
		return -EINVAL;
	memcpy(word, text, (size_t)(colon - text));
	if (strcmp(word, "any") == 0)
		cid = VMADDR_CID_ANY;
	else if (parse_number(word, &cid) < 0)
		return -EINVAL;
	out->kind = ADDRESS_VSOCK;
	out->vm.svm_family = AF_VSOCK;
	out->vm.svm_cid = cid;
	return parse_number(colon + 1, &out->vm.svm_port);
}

static int parse_hybrid(const char *text, struct address *out)
{
	const char *colon = strrchr(text, ':');

	if (!colon)
		return -EINVAL;
	out->kind = ADDRESS_HYBRID;
	if (parse_number(colon + 1, &out->port) < 0)
		return -EINVAL;
	return parse_path(text, (size_t)(colon - text), out);
}

int address_parse(const char *text, struct address *out)
{
	memset(out, 0, sizeof(*out));
	out->type = SOCK_STREAM;
	if (strncmp(text, "vsock:", 6) == 0)
		return parse_vsock(text + 6, out);
	if (strncmp(text, "hybrid:", 7) == 0)
		return parse_hybrid(text + 7, out);
	if (strncmp(text, "unix:", 5) != 0)
		return -EINVAL;
	out->kind = ADDRESS_UNIX;
	return parse_path(text + 5, strlen(text + 5), out);
}

static const struct sockaddr *socket_address(const struct address *address,
					     socklen_t *length)
{
	if (address->kind == ADDRESS_VSOCK) {
		*length = sizeof(address->vm);
		return (const struct sockaddr *)&address->vm;
	}
	*length = sizeof(address->un);
	return (const struct sockaddr *)&address->un;
}

static int new_socket(const struct address *address)
{
	const struct timeval patience = { .tv_sec = CONNECT_SECONDS };
	int family = address->kind == ADDRESS_VSOCK ? AF_VSOCK : AF_UNIX;
	int fd = socket(family, address->type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (family == AF_VSOCK)
		setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT,
			   &patience, sizeof(patience));
	return fd;
}

/* The answer is read byte by byte, as data follows it. */
static int ask_for_port(int fd, unsigned int port)
{
	char line[OK_LINE_MAX] = "";
	size_t used = 0;

	if (dprintf(fd, "CONNECT %u\n", port) < 0)
		return -errno;
	while (used + 1 < sizeof(line)) {
		ssize_t n = read(fd, line + used, 1);

		if (n < 0)
			return -errno;
		if (n == 0)
			return -ECONNRESET;
		if (line[used++] == '\n')
			return strncmp(line, "OK ", 3) == 0 ? 0 : -EPROTO;
	}
	return -EPROTO;
}

int address_connect(const struct address *address)
{
	socklen_t length;
	const struct sockaddr *where = socket_address(address, &length);
	int fd = new_socket(address);
	int error = 0;

	if (fd < 0)
		return fd;
	if (connect(fd, where, length) < 0)
		error = -errno;
	else if (address->kind == ADDRESS_HYBRID)
		error = ask_for_port(fd, address->port);
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

int address_listen(const struct address *address)
{
	socklen_t length;
	const struct sockaddr *where = socket_address(address, &length);
	int fd, error;

	if (address->kind == ADDRESS_HYBRID)
		return -EOPNOTSUPP;
	fd = new_socket(address);
	if (fd < 0)
		return fd;
	address_forget(address);
	if (bind(fd, where, length) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

void address_forget(const struct address *address)
{
	if (address->kind == ADDRESS_UNIX)
		unlink(address->un.sun_path);
}
