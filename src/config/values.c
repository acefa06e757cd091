/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What can be known before the start is checked here, so that --check-config
 * tells of it: that a directory is there and can be written, that a user
 * exists. It is a courtesy, as all of it may change until the socket is made;
 * what bind(2) says then is what counts.
 */
#include "config/values.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/socket_path.h"
#include "base/text.h"
#include "config/config.h"

bool value_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	return text_number(text, strlen(text), out) && *out >= min &&
	       *out <= max;
}

static bool parse_size(const char *text, uint64_t min, uint64_t max,
		       uint64_t *out)
{
	size_t len = strlen(text);
	uint64_t n;
	unsigned shift = 0;

	if (len && text[len - 1] == 'K')
		shift = 10;
	else if (len && text[len - 1] == 'M')
		shift = 20;
	if (!text_number(text, shift ? len - 1 : len, &n))
		return false;
	if (n > max >> shift || n << shift < min)
		return false;
	*out = n << shift;
	return true;
}

/* A copy of TEXT in place of what the field had. */
static const char *replace(char **field, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return "there is no memory left for it";
	free(*field);
	*field = copy;
	return NULL;
}

const char *value_name(const char *text, struct vm_config *vm)
{
	const char *right = "expected 1 to 31 letters, digits, '.', '_' or '-'";
	const char *c;

	for (c = text; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
			return right;
	}
	if (c == text || c - text > (long)CONFIG_NAME_MAX)
		return right;
	return replace(&vm->name, text);
}

const char *value_guest_cid(const char *text, struct vm_config *vm)
{
	uint64_t n;

	if (!value_number(text, CONFIG_CID_MIN, CONFIG_CID_MAX, &n))
		return "expected a number from 3 to 4294967294";
	vm->guest_cid = (uint32_t)n;
	return NULL;
}

/* Whether INI files and log lines can show PATH as it is. */
static bool is_printable(const char *path)
{
	const char *c;

	/* Behind "key = " it would begin a comment. */
	if (*path == ';' || *path == '#')
		return false;
	for (c = path; *c; c++) {
		if (iscntrl((unsigned char)*c) ||
		    (*c == ' ' &&
		     (c == path || !c[1] || c[1] == ';' || c[1] == '#')))
			return false;
	}
	return true;
}

const char *value_path_form(const char *path)
{
	size_t len = strlen(path);

	if (len > SOCKET_PATH_MAX)
		return "expected a path of at most 107 bytes";
	if (!len || path[len - 1] == '/')
		return "expected the path of a socket";
	if (*path == '"' || *path == '\'')
		return "expected a path without quotes around it: they would be "
		       "part of its name";
	if (!is_printable(path))
		return "expected a path without control characters, blanks at its ends, "
		       "' ;' and ' #', and without ';' or '#' in front";
	return NULL;
}

const char *value_directory(const char *path,
			    char directory[SOCKET_PATH_MAX + 1])
{
	struct stat st;

	socket_path_directory(path, directory);
	if (stat(directory, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? "does not exist; create it"
			       : "cannot be reached; let the daemon's user "
				 "pass the directories above it";
	if (!S_ISDIR(st.st_mode))
		return "is a file of another kind; move that file";
	if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) < 0)
		return "may not be written to by the daemon's user; permit it";
	return NULL;
}

const char *value_socket(const char *text, struct vm_config *vm)
{
	const char *right = value_path_form(text);

	return right ? right : replace(&vm->socket, text);
}

const char *value_uds_path(const char *text, struct vm_config *vm)
{
	const char *right = value_path_form(text);

	return right ? right : replace(&vm->uds_path, text);
}

struct place value_place(const char *path)
{
	char directory[SOCKET_PATH_MAX + 1];
	const char *slash = strrchr(path, '/');
	struct stat st;

	socket_path_directory(path, directory);
	if (stat(directory, &st) < 0)
		return (struct place){ .base = NULL };
	return (struct place){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.base = slash ? slash + 1 : path,
	};
}

const char *value_fd(const char *text, struct vm_config *vm)
{
	uint64_t n;

	if (!value_number(text, 0, INT_MAX, &n))
		return "expected the number of an open socket";
	vm->fd = (int)n;
	return NULL;
}

const char *value_tx_buffer_size(const char *text, struct vm_config *vm)
{
	uint64_t n;

	if (!parse_size(text, 0, UINT64_MAX, &n))
		return "expected bytes from 4096 to 16777216, suffix K or M or none";
	vm->tx_buffer_asked = n;
	n = min_u64(n, CONFIG_TX_BUFFER_MAX);
	vm->tx_buffer_size = n < CONFIG_TX_BUFFER_MIN ? CONFIG_TX_BUFFER_MIN
						      : (uint32_t)n;
	return NULL;
}

const char *value_queue_size(const char *text, struct vm_config *vm)
{
	uint64_t n;

	if (!parse_size(text, 1, CONFIG_QUEUE_MAX, &n) ||
	    !is_power_of_two((uint32_t)n))
		return "expected a power of two from 1 to 32768";
	vm->queue_size = (uint16_t)n;
	return NULL;
}

const char *value_socket_mode(const char *text, struct vm_config *vm)
{
	size_t len;
	unsigned long mode;

	/* as YAML writes octal numbers */
	if (strncmp(text, "0o", 2) == 0)
		text += 2;
	len = strlen(text);
	if (!len || len > 4 || strspn(text, "01234567") != len)
		return "expected an octal mode up to 0777, such as 0660";
	mode = strtoul(text, NULL, 8);
	if (mode > 0777)
		return "expected an octal mode up to 0777, such as 0660";
	vm->socket_mode = (mode_t)mode;
	vm->socket_mode_set = true;
	return NULL;
}

/* chown(2) takes the highest number for "leave it". */
#define OWNER_MAX (UINT32_MAX - 1)

static bool find_user(const char *text, uid_t *out)
{
	const struct passwd *entry;
	uint64_t n;

	if (value_number(text, 0, OWNER_MAX, &n)) {
		*out = (uid_t)n;
		return true;
	}
	entry = getpwnam(text);
	if (entry)
		*out = entry->pw_uid;
	return entry;
}

static bool find_group(const char *text, gid_t *out)
{
	const struct group *entry;
	uint64_t n;

	if (value_number(text, 0, OWNER_MAX, &n)) {
		*out = (gid_t)n;
		return true;
	}
	entry = getgrnam(text);
	if (entry)
		*out = entry->gr_gid;
	return entry;
}

const char *value_socket_owner(const char *text, struct vm_config *vm)
{
	const char *colon = strchr(text, ':');
	uid_t uid = CONFIG_OWNER_STAYS;
	char user[64];
	gid_t gid;

	if (!colon || !colon[1] || (size_t)(colon - text) >= sizeof(user))
		return "expected user:group or :group, names or numbers";
	*(char *)mempcpy(user, text, (size_t)(colon - text)) = '\0';
	if (*user && !find_user(user, &uid))
		return "there is no such user before the ':'; create it, or give another name or a number";
	if (!find_group(colon + 1, &gid))
		return "there is no such group after the ':'; create it, or give another name or a number";
	vm->owner_uid = uid;
	vm->owner_gid = gid;
	vm->socket_owner_set = true;
	return NULL;
}

const char *value_engine(const char *text, struct config *config)
{
	unsigned i;

	for (i = 0; i < ENGINES; i++) {
		if (strcmp(text, engine_name((enum engine)i)) == 0) {
			config->engine = (enum engine)i;
			return NULL;
		}
	}
	return "expected auto, io_uring or epoll";
}

const char *value_log_level(const char *text, struct config *config)
{
	if (log_level_parse(text, &config->log_level) < 0)
		return "expected error, warn, info or debug";
	return NULL;
}

const char *value_seqpacket(const char *text, struct vm_config *vm)
{
	bool yes = strcmp(text, "yes") == 0;

	if (!yes && strcmp(text, "no") != 0)
		return "expected yes or no";
	vm->seqpacket = yes;
	return NULL;
}

const char *value_memory(const char *text, struct vm_config *vm)
{
	bool any = strcmp(text, "any") == 0;

	if (!any && strcmp(text, "local") != 0)
		return "expected local or any";
	vm->any_memory = any;
	return NULL;
}

const char *value_forward_cid(const char *text, struct vm_config *vm)
{
	uint64_t n;

	if (!value_number(text, 1, CONFIG_CID_MAX, &n))
		return "expected a number from 1 to 4294967294";
	vm->forward_cid = (uint32_t)n;
	return NULL;
}

const char *value_workers(const char *text, struct config *config)
{
	uint64_t n = 0;

	if (strcmp(text, "auto") != 0 &&
	    !value_number(text, 1, CONFIG_WORKERS_MAX, &n))
		return "expected a number from 1 to 64, or auto";
	config->workers = (unsigned)n;
	return NULL;
}

const char *value_poll_us(const char *text, struct config *config)
{
	uint64_t n;

	if (!value_number(text, 0, CONFIG_POLL_US_MAX, &n))
		return "expected microseconds from 0 to 1000";
	config->poll_us = (unsigned)n;
	return NULL;
}
