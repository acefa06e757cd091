/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A library for the daemon to preload. It stands for a kernel before Linux
 * 6.16, which does not know SO_PASSRIGHTS, so that host programs can send
 * descriptors.
 */
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

typedef int option_function(int fd, int level, int name, const void *value,
			    socklen_t len);

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	option_function *real =
		(option_function *)dlsym(RTLD_NEXT, "setsockopt");

	if (level == SOL_SOCKET && name == SO_PASSRIGHTS) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return real(fd, level, name, value, len);
}
