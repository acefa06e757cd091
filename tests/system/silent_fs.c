/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The kernel's requests are answered until the file is open: INIT, LOOKUP of
 * any name, GETATTR, OPEN. Later ones are not, but a READ is noted.
 */
#include "system/silent_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/fuse.h>

#include "frontend/basics.h"

#define FILE_SIZE (64 * 1024 * 1024)
#define GUARD_MS 30000
#define REQUEST_MAX (1024 * 1024)

static void reply(int device, uint64_t unique, const void *bytes, size_t n)
{
	uint8_t out[512];
	struct fuse_out_header header = {
		.len = (uint32_t)(sizeof(header) + n),
		.unique = unique,
	};

	memcpy(out, &header, sizeof(header));
	memcpy(out + sizeof(header), bytes, n);
	if (write(device, out, header.len) < 0 && errno != ENOENT)
		die("silent_fs: %s", strerror(errno));
}

static struct fuse_attr attributes(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == 1 ? 0 : FILE_SIZE,
		.blocks = FILE_SIZE / 512,
		.mode = node == 1 ? S_IFDIR | 0755 : S_IFREG | 0600,
		.nlink = 1,
		.blksize = 4096,
	};
}

static void answer_init(int device, const struct fuse_in_header *in)
{
	const struct fuse_init_in *init = (const void *)(in + 1);
	struct fuse_init_out out = {
		.major = FUSE_KERNEL_VERSION,
		.minor = init->minor,
		.max_readahead = init->max_readahead,
		.max_write = 4096,
	};

	reply(device, in->unique, &out, sizeof(out));
}

static void answer_lookup(int device, const struct fuse_in_header *in)
{
	struct fuse_entry_out out = {
		.nodeid = 2,
		.attr_valid = 0, /* each fstat(2) asks again */
		.attr = attributes(2),
	};

	reply(device, in->unique, &out, sizeof(out));
}

static void answer_getattr(int device, const struct fuse_in_header *in)
{
	struct fuse_attr_out out = { .attr = attributes(in->nodeid) };

	reply(device, in->unique, &out, sizeof(out));
}

static void answer_open(int device, const struct fuse_in_header *in)
{
	struct fuse_open_out out = { .fh = 1 };

	reply(device, in->unique, &out, sizeof(out));
}

static void *serve(void *argument)
{
	const struct silent_fs *fs = argument;
	int device = fs->device;
	uint8_t *request = malloc(REQUEST_MAX);
	const struct fuse_in_header *in = (const void *)request;
	bool open = false;

	while (request && read(device, request, REQUEST_MAX) > 0) {
		if (in->opcode == FUSE_INIT)
			answer_init(device, in);
		else if (in->opcode == FUSE_LOOKUP)
			answer_lookup(device, in);
		else if (in->opcode == FUSE_GETATTR && !open)
			answer_getattr(device, in);
		else if (in->opcode == FUSE_OPEN)
			answer_open(device, in);
		else if (in->opcode == FUSE_READ &&
			 write(fs->asked[1], "", 1) != 1)
			die("silent_fs: %s", strerror(errno));
		open |= in->opcode == FUSE_OPEN;
	}
	free(request);
	return NULL;
}

static void unmount(const char *dir)
{
	umount2(dir, MNT_FORCE);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
}

/* Waits until the other end of PIPE is closed, but not for ever. */
static void guard(const char *dir, int pipe)
{
	struct pollfd p = { .fd = pipe };

	poll(&p, 1, GUARD_MS);
	unmount(dir);
	_exit(0);
}

/* The guardian is a process of its own, made before anything can sleep. It
 * leaves the test's process group, which Check kills if the test hangs. */
static void start_guard(struct silent_fs *fs)
{
	int ends[2];

	snprintf(fs->dir, sizeof(fs->dir), "/tmp/silent_fs.XXXXXX");
	if (!mkdtemp(fs->dir) || pipe2(ends, O_CLOEXEC) < 0)
		die("silent_fs: %s: %s", fs->dir, strerror(errno));
	fs->guardian = fork();
	if (fs->guardian < 0)
		die("silent_fs: %s", strerror(errno));
	if (!fs->guardian) {
		setsid();
		close(ends[1]);
		guard(fs->dir, ends[0]);
	}
	close(ends[0]);
	fs->guard = ends[1];
}

static void stop_guard(struct silent_fs *fs)
{
	close(fs->guard);
	waitpid(fs->guardian, NULL, 0);
}

bool silent_fs_open(struct silent_fs *fs)
{
	char options[96], path[96];

	*fs = (struct silent_fs){ .file = -1, .epoll = -1 };
	if (access("/dev/fuse", R_OK | W_OK) < 0)
		return false;
	start_guard(fs);
	fs->device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u", fs->device,
		 getuid(), getgid());
	if (mount("silent", fs->dir, "fuse.silent", MS_NOSUID | MS_NODEV,
		  options) < 0) {
		int saved = errno;

		close(fs->device);
		stop_guard(fs);
		errno = saved;
		return false;
	}
	if (pipe2(fs->asked, O_CLOEXEC) < 0 ||
	    pthread_create(&fs->server, NULL, serve, fs))
		die("silent_fs: no thread");
	snprintf(path, sizeof(path), "%s/file", fs->dir);
	fs->file = open(path, O_RDWR | O_CLOEXEC);
	if (fs->file < 0)
		die("silent_fs: %s: %s", path, strerror(errno));
	return true;
}

/* The thread finds an event at once, and sleeps in storing it. */
static void *sleep_in_epoll(void *argument)
{
	struct silent_fs *fs = argument;

	epoll_wait(fs->epoll, fs->events, 1, -1);
	return NULL;
}

void silent_fs_lock_epoll(struct silent_fs *fs)
{
	struct epoll_event event = { .events = EPOLLIN };
	char byte;

	fs->epoll = epoll_create1(EPOLL_CLOEXEC);
	while (fs->nwatched < SILENT_WATCHED) {
		int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

		if (epoll_ctl(fs->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			die("silent_fs: %s", strerror(errno));
		fs->watched[fs->nwatched++] = fd;
	}
	fs->events = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fs->file, 0);
	if (fs->events == MAP_FAILED ||
	    pthread_create(&fs->sleeper, NULL, sleep_in_epoll, fs))
		die("silent_fs: no thread");
	if (read(fs->asked[0], &byte, 1) != 1)
		die("silent_fs: %s", strerror(errno));
}

void silent_fs_close(struct silent_fs *fs)
{
	unmount(fs->dir);
	if (fs->events) {
		pthread_join(fs->sleeper, NULL);
		munmap(fs->events, 4096);
		close(fs->epoll);
	}
	while (fs->nwatched)
		close(fs->watched[--fs->nwatched]);
	close(fs->file);
	pthread_join(fs->server, NULL);
	close(fs->device);
	close(fs->asked[0]);
	close(fs->asked[1]);
	stop_guard(fs);
}
