/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the device wants in which order is in Linux's drivers/vhost: an owner
 * first, then features and memory, rings, the CID, and SET_RUNNING at last.
 */
#include "vhost_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

bool vhost_kernel_at(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISCHR(st.st_mode);
}

static void tell(int fd, unsigned long request, const void *value,
		 const char *what)
{
	if (ioctl(fd, request, value))
		die("vhost-vsock refuses %s: %s", what, strerror(errno));
}

int vhost_kernel_open(const char *path, uint64_t *features)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("open %s: %s", path, strerror(errno));
	tell(fd, VHOST_SET_OWNER, NULL, "SET_OWNER");
	tell(fd, VHOST_GET_FEATURES, features, "GET_FEATURES");
	return fd;
}

static void tell_memory(int fd, const struct ram *ram)
{
	struct vhost_memory *table =
		need_zeroed(1, sizeof(*table) + sizeof(table->regions[0]));

	table->nregions = 1;
	table->regions[0] = (struct vhost_memory_region){
		.guest_phys_addr = ram_guest_addr(ram, ram->base),
		.memory_size = ram->size,
		.userspace_addr = (uintptr_t)ram->base,
	};
	tell(fd, VHOST_SET_MEM_TABLE, table, "SET_MEM_TABLE");
	free(table);
}

static void tell_ring(int fd, unsigned i, const struct ring *r)
{
	struct vhost_vring_state size = { i, r->size }, base = { i, 0 };
	struct vhost_vring_file kick = { i, r->kick_fd };
	struct vhost_vring_file call = { i, r->call_fd };
	struct vhost_vring_addr addr = {
		.index = i,
		.desc_user_addr = (uintptr_t)r->desc,
		.avail_user_addr = (uintptr_t)r->avail,
		.used_user_addr = (uintptr_t)r->used,
	};

	tell(fd, VHOST_SET_VRING_NUM, &size, "SET_VRING_NUM");
	tell(fd, VHOST_SET_VRING_BASE, &base, "SET_VRING_BASE");
	tell(fd, VHOST_SET_VRING_ADDR, &addr, "SET_VRING_ADDR");
	tell(fd, VHOST_SET_VRING_CALL, &call, "SET_VRING_CALL");
	tell(fd, VHOST_SET_VRING_KICK, &kick, "SET_VRING_KICK");
}

void vhost_kernel_start(int fd, uint64_t cid, uint64_t features,
			const struct ram *ram, const struct ring *rx,
			const struct ring *tx)
{
	int on = 1;

	tell(fd, VHOST_SET_FEATURES, &features, "SET_FEATURES");
	tell_memory(fd, ram);
	tell_ring(fd, 0, rx);
	tell_ring(fd, 1, tx);
	tell(fd, VHOST_VSOCK_SET_GUEST_CID, &cid,
	     "the CID (is there another guest with it? see --cid)");
	tell(fd, VHOST_VSOCK_SET_RUNNING, &on, "SET_RUNNING");
}
