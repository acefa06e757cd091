/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Paths are compared by the directory's inode and the name in it, so that
 * every spelling of a path is the same one.
 */
#include "config_clash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_draft.h"
#include "config_values.h"

/* The sockets that are made for a VM. */
enum { SOCKET, UDS_PATH, SEQPACKET, PATHS };

static const struct {
	enum config_key key; /* that says where it is */
	const char *name;
} paths[PATHS] = {
	[SOCKET] = { KEY_SOCKET, "socket" },
	[UDS_PATH] = { KEY_UDS_PATH, "uds-path" },
	[SEQPACKET] = { KEY_UDS_PATH, "uds-path_seqpacket" },
};

#define SEQPACKET_SUFFIX "_seqpacket"

/* A candidate with the places of its sockets. */
struct settler {
	struct candidate c;
	char path[PATHS][CONFIG_PATH_MAX + 1]; /* empty: there is none */
	struct place place[PATHS];
};

static bool is_good(const struct settler *s, enum config_key key)
{
	return s->c.good >> key & 1;
}

/* Where KEY was set or, if it was not, where it could have been. */
static const struct origin *origin_of(const struct settler *s,
				      enum config_key key)
{
	const struct setting *setting = &s->c.section->set[key];

	return setting->text ? &setting->origin : &s->c.section->origin;
}

/* KEY of S is VALUE, which NAME, by OTHER_KEY, of OTHER is already. */
static void clash(const struct settler *s, enum config_key key,
		  const char *value, const struct settler *other,
		  enum config_key other_key, const char *name,
		  struct mistakes *mistakes)
{
	char where[256];

	origin_text(origin_of(other, other_key), where, sizeof(where));
	mistake(mistakes, origin_of(s, key), config_key_row(key)->name, value,
		"expected another one; this is %s of VM '%s' (%s)", name,
		other->c.vm->name, where);
}

static void clash_number(const struct settler *s, const struct settler *other,
			 enum config_key key, uint32_t n,
			 struct mistakes *mistakes)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", n);
	clash(s, key, number, other, key, config_key_row(key)->name, mistakes);
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->base && b->base && a->dev == b->dev && a->ino == b->ino &&
	       strcmp(a->base, b->base) == 0;
}

static void compare_paths(const struct settler *s, unsigned path,
			  const struct settler *other, unsigned other_path,
			  struct mistakes *mistakes)
{
	if (same_place(&s->place[path], &other->place[other_path]))
		clash(s, paths[path].key, s->path[path], other,
		      paths[other_path].key, paths[other_path].name, mistakes);
}

/* A is where UDS's guest would find one of the host's ports. */
static bool is_port_of(const struct place *a, const struct place *uds)
{
	size_t n;

	if (!a->base || !uds->base || a->dev != uds->dev || a->ino != uds->ino)
		return false;
	n = strlen(uds->base);
	if (strncmp(a->base, uds->base, n) != 0 || a->base[n] != '_')
		return false;
	return a->base[n + 1] &&
	       strspn(a->base + n + 1, "0123456789") == strlen(a->base + n + 1);
}

static void compare_port(const struct settler *s, unsigned path,
			 const struct settler *other, struct mistakes *mistakes)
{
	enum config_key key = paths[path].key;
	char where[256];

	if (!is_port_of(&s->place[path], &other->place[UDS_PATH]))
		return;
	origin_text(origin_of(other, KEY_UDS_PATH), where, sizeof(where));
	mistake(mistakes, origin_of(s, key), config_key_row(key)->name,
		s->path[path],
		"expected another one; the guest of VM '%s' would reach it as a port of "
		"the host (uds-path, %s)",
		other->c.vm->name, where);
}

/* The text of VM's map of PORT, to say where it was. */
static const struct setting *find_map(const struct settler *s, uint32_t port)
{
	const struct setting *setting = &s->c.section->set[KEY_MAP];

	while (setting->next && strtoul(setting->text, NULL, 10) != port)
		setting = setting->next;
	return setting;
}

/* A guest reaches what listens for it, not our own sockets. */
static void compare_map(const struct settler *s, const struct port_map *map,
			const struct settler *other, struct mistakes *mistakes)
{
	struct place place = { .base = NULL };
	const struct setting *setting;
	char where[256];
	unsigned i;

	if (map->path[0] != '@')
		place = value_place(map->path);
	for (i = 0; i < PATHS; i++) {
		if (!same_place(&place, &other->place[i]))
			continue;
		setting = find_map(s, map->port);
		origin_text(origin_of(other, paths[i].key), where,
			    sizeof(where));
		mistake(mistakes, &setting->origin, "map", setting->text,
			"expected another path; this is %s of VM '%s' (%s)",
			paths[i].name, other->c.vm->name, where);
	}
}

static void compare_maps(const struct settler *s, const struct settler *other,
			 struct mistakes *mistakes)
{
	unsigned i;

	for (i = 0; i < s->c.vm->nmaps; i++)
		compare_map(s, &s->c.vm->maps[i], other, mistakes);
}

/* Names that follow from equal CIDs are not worth a second mistake. */
static bool is_named(const struct settler *s, const struct settler *other)
{
	return is_good(s, KEY_NAME) && is_good(other, KEY_NAME) &&
	       (s->c.section->set[KEY_NAME].text ||
		other->c.section->set[KEY_NAME].text);
}

static void compare_values(const struct settler *s, const struct settler *other,
			   struct mistakes *mistakes)
{
	const struct vm_config *vm = s->c.vm;
	const struct vm_config *before = other->c.vm;
	uint32_t port;

	if (vm->guest_cid == before->guest_cid && is_good(s, KEY_GUEST_CID) &&
	    is_good(other, KEY_GUEST_CID))
		clash_number(s, other, KEY_GUEST_CID, vm->guest_cid, mistakes);
	if (strcmp(vm->name, before->name) == 0 && is_named(s, other))
		clash(s, KEY_NAME, vm->name, other, KEY_NAME, "name", mistakes);
	if (vm->fd >= 0 && vm->fd == before->fd)
		clash_number(s, other, KEY_FD, (uint32_t)vm->fd, mistakes);
	if (ranges_meet(&vm->forward_listen, &before->forward_listen, &port))
		clash_number(s, other, KEY_FORWARD_LISTEN, port, mistakes);
}

static void compare(const struct settler *s, const struct settler *other,
		    struct mistakes *mistakes)
{
	unsigned i, j;

	compare_values(s, other, mistakes);
	for (i = 0; i < PATHS; i++) {
		for (j = 0; j < PATHS; j++) {
			/* these two are equal if the uds-paths are */
			if (i != SEQPACKET || j != SEQPACKET)
				compare_paths(s, i, other, j, mistakes);
		}
		compare_port(s, i, other, mistakes);
		compare_port(other, i, s, mistakes);
	}
	compare_maps(s, other, mistakes);
	compare_maps(other, s, mistakes);
}

static void compare_own(const struct settler *s, struct mistakes *mistakes)
{
	compare_paths(s, UDS_PATH, s, SOCKET, mistakes);
	compare_paths(s, SEQPACKET, s, SOCKET, mistakes);
	compare_port(s, SOCKET, s, mistakes);
	compare_maps(s, s, mistakes);
}

static void find_places(struct settler *s)
{
	const struct vm_config *vm = s->c.vm;
	unsigned i;

	if (vm->socket)
		strcpy(s->path[SOCKET], vm->socket);
	if (vm->uds_path)
		strcpy(s->path[UDS_PATH], vm->uds_path);
	if (vm->uds_path && vm->seqpacket &&
	    strlen(vm->uds_path) + strlen(SEQPACKET_SUFFIX) <= CONFIG_PATH_MAX)
		sprintf(s->path[SEQPACKET], "%s" SEQPACKET_SUFFIX,
			vm->uds_path);
	for (i = 0; i < PATHS; i++) {
		if (s->path[i][0])
			s->place[i] = value_place(s->path[i]);
	}
}

void config_clash(const struct candidate *list, unsigned n,
		  struct mistakes *mistakes)
{
	struct settler *settlers = calloc(n + 1u, sizeof(*settlers));
	unsigned i, j;

	if (!settlers) {
		mistakes->no_memory = true;
		return;
	}
	for (i = 0; i < n; i++) {
		settlers[i].c = list[i];
		find_places(&settlers[i]);
		compare_own(&settlers[i], mistakes);
		for (j = 0; j < i; j++)
			compare(&settlers[i], &settlers[j], mistakes);
	}
	free(settlers);
}
