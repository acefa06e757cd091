/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest's connection to port N goes to whatever is at <uds-path>_N: who may
 * make names in that directory decides where it goes, by a symbolic link to any
 * socket that the daemon may connect to. A sticky directory is no better, as
 * its bit keeps others from removing names, not from making them. In the
 * directories above it is good enough: there the danger is that the name of the
 * lower one is removed and made anew.
 */
#include "config/remarks.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/socket_path.h"
#include "config/config.h"

/* Whom the remarks are given to. */
struct listener {
	config_remark *say;
	void *user;
};

static void __attribute__((format(printf, 3, 4)))
remark(const struct listener *to, enum log_level level, const char *fmt, ...)
{
	char text[768];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	to->say(to->user, level, text);
}

/* '_' and the five digits of ports that programs choose by themselves. */
#define USUAL_SUFFIX_LEN 6
/* "_4294967294", for the highest port. */
#define PORT_SUFFIX_MAX 11

static void remark_on_length(const struct vm_config *vm,
			     const struct listener *to)
{
	size_t room = SOCKET_PATH_MAX - strlen(vm->uds_path);
	enum log_level level = room < USUAL_SUFFIX_LEN ? LOG_LEVEL_WARN
						       : LOG_LEVEL_INFO;

	if (room >= PORT_SUFFIX_MAX)
		return;
	if (room < 2)
		remark(to, level,
		       "%s: too long for a name with _PORT behind it: the guest "
		       "reaches no port by it; choose a shorter uds-path",
		       vm->uds_path);
	else
		remark(to, level,
		       "%s: too long for a name with _PORT behind it: the guest "
		       "reaches no port of %zu digits or more by it",
		       vm->uds_path, room);
}

static void remark_on_size(const struct vm_config *vm,
			   const struct listener *to)
{
	if (vm->tx_buffer_asked != vm->tx_buffer_size)
		remark(to, LOG_LEVEL_WARN,
		       "tx-buffer-size: %llu is not between %u and %u; %u is "
		       "used instead",
		       (unsigned long long)vm->tx_buffer_asked,
		       CONFIG_TX_BUFFER_MIN, CONFIG_TX_BUFFER_MAX,
		       vm->tx_buffer_size);
}

/* Whether nobody but the daemon's user is in its group GID, as with the groups
 * that are made for one user each. */
static bool is_private_group(gid_t gid)
{
	const struct passwd *user = getpwuid(geteuid());
	const struct group *group = getgrgid(gid);

	return user && group && user->pw_gid == gid && !group->gr_mem[0] &&
	       strcmp(user->pw_name, group->gr_name) == 0;
}

/* Who but the daemon's user and root may write to the directory, in OUT; false
 * if nobody may. With an access list the group's bits are its mask. */
static bool find_writer(const struct stat *st, char *out, size_t room)
{
	const struct passwd *user;
	const struct group *group;

	if (st->st_mode & S_IWOTH) {
		snprintf(out, room, "everybody");
	} else if (st->st_uid && st->st_uid != geteuid()) {
		user = getpwuid(st->st_uid);
		snprintf(out, room, "its owner, user %u%s%s%s", st->st_uid,
			 user ? " (" : "", user ? user->pw_name : "",
			 user ? ")" : "");
	} else if ((st->st_mode & S_IWGRP) && st->st_gid &&
		   !is_private_group(st->st_gid)) {
		group = getgrgid(st->st_gid);
		snprintf(out, room, "group %u%s%s%s", st->st_gid,
			 group ? " (" : "", group ? group->gr_name : "",
			 group ? ")" : "");
	} else {
		return false;
	}
	return true;
}

/* FD becomes the directory above; false at the top. */
static bool go_up(int *fd, struct stat *st)
{
	const struct stat below = *st;
	int above = openat(*fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	fd_close(fd);
	*fd = above;
	return above >= 0 && fstat(above, st) == 0 &&
	       (st->st_dev != below.st_dev || st->st_ino != below.st_ino);
}

static void remark_on_directory(const struct vm_config *vm,
				const struct listener *to)
{
	char directory[SOCKET_PATH_MAX + 1];
	char who[128];
	struct stat st;
	bool found = false;
	unsigned up = 0;
	int fd;

	socket_path_directory(vm->uds_path, directory);
	fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		fd_close(&fd);
		return;
	}
	do {
		if (up && (st.st_mode & S_ISVTX))
			st.st_mode &= ~(mode_t)(S_IWGRP | S_IWOTH);
		found = find_writer(&st, who, sizeof(who));
	} while (!found && ++up && go_up(&fd, &st));
	fd_close(&fd);
	if (found)
		remark(to, LOG_LEVEL_WARN,
		       "%s: %s may change %s, and so decide what the guest "
		       "reaches at _PORT; use one that only the daemon's user "
		       "can write to, of mode 0750 or less",
		       vm->uds_path, who,
		       up ? "a directory above it" : "its directory");
}

void config_remarks(const struct vm_config *vm, config_remark *say, void *user)
{
	const struct listener to = { .say = say, .user = user };

	remark_on_size(vm, &to);
	if (!vm->uds_path)
		return;
	remark_on_length(vm, &to);
	remark_on_directory(vm, &to);
}
