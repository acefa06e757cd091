/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * This runs in the library's constructor, where all descriptors that are open
 * have come through exec() or from another constructor, and the program has
 * seen none of them yet.
 *
 * A fan is told by what its epoll watches: listeners of one port, as many as
 * there are VMs. The kernel says so in /proc, as no call does.
 */
#include "preload/inherit.h"

#include <dirent.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>

#include "preload/fan.h"
#include "preload/listen.h"
#include "preload/real.h"
#include "preload/table.h"

static int option_of(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	real()->getsockopt(fd, SOL_SOCKET, option, &value, &length);
	return value;
}

/* Bound, listening, accepted, or bound and connected since. */
static bool recognize_port(int fd, struct endpoint *out)
{
	struct sockaddr_un peer = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(peer);
	bool connected = real()->getpeername(fd, (void *)&peer, &length) == 0;

	if (!listen_addresses(fd, &peer, length, &out->local, &out->remote))
		return false;
	if (connected) {
		out->state = ENDPOINT_CONNECTED;
		return true;
	}
	out->remote = (struct vm_address){ VMADDR_CID_ANY, VMADDR_PORT_ANY };
	out->local.cid = VMADDR_CID_ANY;
	out->claimed = true;
	if (option_of(fd, SO_ACCEPTCONN) == 1)
		out->state = ENDPOINT_LISTENING;
	return true;
}

static bool recognize_name(int fd, struct endpoint *out)
{
	struct sockaddr_un own;
	socklen_t length = sizeof(own);

	if (real()->getsockname(fd, (void *)&own, &length) < 0 ||
	    !address_of_name(&own, length, &out->local.port, &out->remote))
		return false;
	out->state = ENDPOINT_CONNECTED;
	return true;
}

static bool recognize(int fd, struct endpoint *out)
{
	if (option_of(fd, SO_DOMAIN) != AF_UNIX)
		return false;
	endpoint_init(out, option_of(fd, SO_TYPE));
	return recognize_port(fd, out) || recognize_name(fd, out);
}

/* What the epoll FD watches (see proc(5) about fdinfo); 0 if it is none. */
static unsigned int watched_by(int fd, int *fds, unsigned int room)
{
	char path[64];
	char line[128];
	unsigned int count = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	if (!info)
		return 0;
	while (count < room && fgets(line, sizeof(line), info))
		count += sscanf(line, "tfd: %d", &fds[count]) == 1;
	fclose(info);
	return count;
}

/* An epoll that watches listeners, all of one port, is a fan. */
static bool recognize_fan(int fd, struct endpoint *out)
{
	int fds[VMS_MAX];
	unsigned int count = watched_by(fd, fds, VMS_MAX);

	if (count < 2 || count != vms_count())
		return false;
	for (unsigned int i = 0; i < count; i++) {
		struct endpoint member;

		if (!recognize(fds[i], &member) ||
		    member.state != ENDPOINT_LISTENING ||
		    (i && member.local.port != out->local.port))
			return false;
		*out = member;
	}
	out->fan = fan_inherit(fds, count);
	return out->fan;
}

static void inherit(int fd, bool (*recognize_it)(int, struct endpoint *))
{
	struct endpoint found;

	if (!table_has(fd) && recognize_it(fd, &found))
		table_add(fd, &found);
}

static void for_all(bool (*recognize_it)(int, struct endpoint *))
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (!directory)
		return;
	while ((entry = readdir(directory))) {
		if (entry->d_name[0] != '.')
			inherit(atoi(entry->d_name), recognize_it);
	}
	closedir(directory);
}

/* Fans first: their members are nobody else's. */
void inherit_all(void)
{
	for_all(recognize_fan);
	for_all(recognize);
}
