/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Several daemons may start at once on the same path. Each holds the lock of
 * the directory (socket_path_lock()) from its look at an old file until it
 * listens on the new one, so that none of them takes another's new socket for a
 * stale one.
 */
#include "host/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/socket_path.h"
#include "config/config.h"

static int fail(int err, const char *sentence, const char **why)
{
	*why = sentence;
	return -err;
}

static int new_socket(int type)
{
	return socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int fill_address(struct sockaddr_un *address, const char *path)
{
	size_t len = strlen(path);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, len);
	return 0;
}

/* What connect(2) says about the socket at ADDRESS: 0 or an errno. */
static int knock(const struct sockaddr_un *address)
{
	int fd = new_socket(SOCK_STREAM);
	int err = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		err = errno;
	fd_close(&fd);
	return err;
}

/* Sees to it that nothing is at ADDRESS, unless it is in use. */
static int make_way(const struct sockaddr_un *address, const char **why)
{
	struct stat st;
	int err;

	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT
			       ? 0
			       : fail(errno, "cannot be looked at", why);
	if (!S_ISSOCK(st.st_mode))
		return fail(ENOTSOCK, "is there already and not a socket", why);
	err = knock(address);
	if (err == ENOENT)
		return 0;
	if (!err || err == EAGAIN || err == EPROTOTYPE)
		return fail(EADDRINUSE, "somebody listens on it already", why);
	if (err != ECONNREFUSED)
		return fail(err,
			    "a socket is there, and whether somebody "
			    "listens on it cannot be found out",
			    why);
	if (unlink(address->sun_path) < 0 && errno != ENOENT)
		return fail(errno,
			    "a stale socket is there that cannot be "
			    "removed",
			    why);
	return 0;
}

/* Linux gives the file the mode of the socket's inode, less the umask: it is
 * never there with another mode than the one asked for. */
static int bind_with_mode(int fd, const struct sockaddr_un *address,
			  const struct vm_config *vm)
{
	mode_t mask = 0;
	int err = 0;

	if (vm->socket_mode_set) {
		if (fchmod(fd, vm->socket_mode) < 0)
			return -errno;
		mask = umask(0);
	}
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		err = -errno;
	if (vm->socket_mode_set)
		umask(mask);
	return err;
}

/* Remembers the new file, by which it is known when it is to be removed. */
static int note_file(struct unix_socket *s, const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return -errno;
	s->path = path;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

/* Gives away the file that was noted, and no other that took its place. It
 * refuses connections yet. */
static int change_owner(const struct unix_socket *s, const struct vm_config *vm,
			const char **why)
{
	int file = open(s->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int err = 0;

	if (file < 0)
		return fail(errno, "the new socket cannot be opened", why);
	if (fstat(file, &st) < 0 || st.st_dev != s->dev || st.st_ino != s->ino)
		err = fail(ESTALE, "somebody replaced the new socket", why);
	else if (fchownat(file, "", vm->owner_uid, vm->owner_gid,
			  AT_EMPTY_PATH) < 0)
		err = fail(errno,
			   errno == EPERM
				   ? "its owner cannot be changed: that needs "
				     "root, but a group that we are in can be "
				     "given as :GROUP"
				   : "its owner cannot be changed",
			   why);
	fd_close(&file);
	return err;
}

static int create(struct unix_socket *s, const struct sockaddr_un *address,
		  const char *path, const struct unix_socket_kind *kind,
		  const struct vm_config *vm, const char **why)
{
	int err = make_way(address, why);

	if (err)
		return err;
	s->fd = new_socket(kind->type);
	if (s->fd < 0)
		return fail(errno, "no socket can be had", why);
	/* What an older kernel lets through is seen to by rights.h. */
	if (!kind->takes_rights)
		fd_refuse_rights(s->fd);
	err = bind_with_mode(s->fd, address, vm);
	if (err)
		return fail(-err, "the socket cannot be created", why);
	err = note_file(s, path);
	if (err)
		return fail(-err, "the new socket is not there", why);
	if (vm->socket_owner_set) {
		err = change_owner(s, vm, why);
		if (err)
			return err;
	}
	if (listen(s->fd, kind->backlog) < 0)
		return fail(errno, "cannot be listened on", why);
	return 0;
}

static void remove_ours(const struct unix_socket *s)
{
	struct stat st;

	if (s->path && lstat(s->path, &st) == 0 && st.st_dev == s->dev &&
	    st.st_ino == s->ino)
		unlink(s->path);
}

int unix_socket_listen(struct unix_socket *s, const char *path,
		       const struct unix_socket_kind *kind,
		       const struct vm_config *vm, const char **why)
{
	struct sockaddr_un address;
	int lock;
	int err;

	*s = UNIX_SOCKET_NONE;
	if (fill_address(&address, path) < 0)
		return fail(ENAMETOOLONG, "a path has at most 107 bytes", why);
	lock = socket_path_lock(path, SOCKET_PATH_WAIT, open);
	err = create(s, &address, path, kind, vm, why);
	if (err) {
		remove_ours(s);
		fd_close(&s->fd);
		s->path = NULL;
	}
	fd_close(&lock);
	return err;
}

/* The open socket keeps the inode, and so its number, from being used anew
 * until after the comparison. */
void unix_socket_close(struct unix_socket *s)
{
	int lock;

	if (s->path) {
		/* The way out waits for nobody. */
		lock = socket_path_lock(s->path, SOCKET_PATH_NO_WAIT, open);
		remove_ours(s);
		fd_close(&lock);
	}
	fd_close(&s->fd);
	s->path = NULL;
}

static int option_of(int fd, int option)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1
								    : value;
}

int unix_socket_inherit(int fd, bool *listening, const char **why)
{
	int accepts = option_of(fd, SO_ACCEPTCONN);
	int err;

	if (accepts < 0)
		return fail(errno, "this descriptor is not an open socket",
			    why);
	if (option_of(fd, SO_DOMAIN) != AF_UNIX ||
	    option_of(fd, SO_TYPE) != SOCK_STREAM)
		return fail(EPROTOTYPE, "this is not a Unix stream socket",
			    why);
	err = fd_nonblock(fd);
	if (err || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return fail(err ? -err : errno, "cannot be set up", why);
	*listening = accepts;
	return 0;
}
