/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "config_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_draft.h"
#include "config_values.h"

static const enum config_key path_keys[] = { KEY_SOCKET, KEY_UDS_PATH };

#define PATHS 2
#define UDS_PATH 1 /* index into path_keys */

/* What is looked at while a VM is compared with the others. */
struct candidate {
	const struct section *section;
	const struct vm_config *vm;
	unsigned good; /* 1 << key: its value is right */
	struct place place[PATHS];
};

static const char *path_of(const struct vm_config *vm, unsigned path)
{
	return path ? vm->uds_path : vm->socket;
}

static bool is_good(const struct candidate *c, enum config_key key)
{
	return c->good >> key & 1;
}

/* Where KEY was set or, if it was not, where it could have been. */
static const struct origin *origin_of(const struct section *section,
				      enum config_key key)
{
	const struct setting *setting = &section->set[key];

	return setting->text ? &setting->origin : &section->origin;
}

static void build_daemon(const struct section *section, struct config *out,
			 struct mistakes *mistakes)
{
	const struct config_key_row *row;
	const struct setting *setting;
	const char *right;
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++) {
		row = config_key_row((enum config_key)i);
		setting = &section->set[i];
		if (!setting->text || !row->parse_daemon)
			continue;
		right = row->parse_daemon(setting->text, out);
		if (right)
			mistake(mistakes, &setting->origin, row->name,
				setting->text, "%s", right);
	}
}

/* Returns the keys that are right, those left to their defaults included. */
static unsigned build_vm(const struct section *section, struct vm_config *vm,
			 struct mistakes *mistakes)
{
	const struct config_key_row *row;
	const struct setting *setting;
	const char *right;
	unsigned good = 0;
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++) {
		row = config_key_row((enum config_key)i);
		setting = &section->set[i];
		right = NULL;
		if (setting->text)
			right = row->later ? row->later
					   : row->parse_vm(setting->text, vm);
		if (right)
			mistake(mistakes, &setting->origin, row->name,
				setting->text, "%s", right);
		else
			good |= 1u << i;
	}
	if (!vm->name && asprintf(&vm->name, "vm%u", vm->guest_cid) < 0) {
		vm->name = NULL;
		mistakes->no_memory = true;
	}
	return good;
}

/* A VM made of options lacks an option, any other lacks a key. */
static void miss(const struct section *section, enum config_key key,
		 const char *right, struct mistakes *mistakes)
{
	const char *name = config_key_row(key)->name;
	struct origin origin = section->origin;

	if (origin.kind == ORIGIN_COMMAND)
		origin = (struct origin){ ORIGIN_OPTION, name, 0 };
	mistake(mistakes, &origin, name, NULL, "missing: %s", right);
}

static void check_presence(const struct section *section,
			   struct mistakes *mistakes)
{
	const struct setting *set = section->set;

	if (!set[KEY_SOCKET].text && !set[KEY_FD].text)
		miss(section, KEY_SOCKET,
		     "the path where the hypervisor connects", mistakes);
	if (set[KEY_SOCKET].text && set[KEY_FD].text)
		mistake(mistakes, &set[KEY_FD].origin, "fd", set[KEY_FD].text,
			"either a socket or a descriptor, not both");
	if (!set[KEY_UDS_PATH].text && !set[KEY_FORWARD_CID].text)
		miss(section, KEY_UDS_PATH,
		     "the path where programs on the host connect", mistakes);
}

/* Whether what VM lacks may have been written where it could not be read. */
static bool is_partial(const struct draft *draft, const struct section *vm)
{
	if (vm->origin.kind != ORIGIN_FILE && draft->partial)
		return true;
	return vm->partial;
}

/* KEY of C is VALUE, which OTHER_KEY of OTHER is already. */
static void clash(const struct candidate *c, enum config_key key,
		  const char *value, const struct candidate *other,
		  enum config_key other_key, struct mistakes *mistakes)
{
	char where[256];

	origin_text(origin_of(other->section, other_key), where, sizeof(where));
	mistake(mistakes, origin_of(c->section, key), config_key_row(key)->name,
		value, "another one; this is %s of VM '%s' (%s)",
		config_key_row(other_key)->name, other->vm->name, where);
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->base && b->base && a->dev == b->dev && a->ino == b->ino &&
	       strcmp(a->base, b->base) == 0;
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

static void compare_port(const struct candidate *c, unsigned path,
			 const struct candidate *other,
			 struct mistakes *mistakes)
{
	char where[256];

	if (!is_port_of(&c->place[path], &other->place[UDS_PATH]))
		return;
	origin_text(origin_of(other->section, KEY_UDS_PATH), where,
		    sizeof(where));
	mistake(mistakes, origin_of(c->section, path_keys[path]),
		config_key_row(path_keys[path])->name, path_of(c->vm, path),
		"another one; the guest of VM '%s' would reach it as a port of "
		"the host (uds-path, %s)",
		other->vm->name, where);
}

static void compare_paths(const struct candidate *c, unsigned path,
			  const struct candidate *other, unsigned other_path,
			  struct mistakes *mistakes)
{
	if (same_place(&c->place[path], &other->place[other_path]))
		clash(c, path_keys[path], path_of(c->vm, path), other,
		      path_keys[other_path], mistakes);
}

/* Names that follow from equal CIDs are not worth a second mistake. */
static bool is_named(const struct candidate *c, const struct candidate *other)
{
	return is_good(c, KEY_NAME) && is_good(other, KEY_NAME) &&
	       (c->section->set[KEY_NAME].text ||
		other->section->set[KEY_NAME].text);
}

static void compare(const struct candidate *c, const struct candidate *other,
		    struct mistakes *mistakes)
{
	char number[16];
	unsigned i, j;

	if (c->vm->guest_cid == other->vm->guest_cid &&
	    is_good(c, KEY_GUEST_CID) && is_good(other, KEY_GUEST_CID)) {
		snprintf(number, sizeof(number), "%u", c->vm->guest_cid);
		clash(c, KEY_GUEST_CID, number, other, KEY_GUEST_CID, mistakes);
	}
	if (strcmp(c->vm->name, other->vm->name) == 0 && is_named(c, other))
		clash(c, KEY_NAME, c->vm->name, other, KEY_NAME, mistakes);
	if (c->vm->fd >= 0 && c->vm->fd == other->vm->fd) {
		snprintf(number, sizeof(number), "%d", c->vm->fd);
		clash(c, KEY_FD, number, other, KEY_FD, mistakes);
	}
	for (i = 0; i < PATHS; i++) {
		for (j = 0; j < PATHS; j++)
			compare_paths(c, i, other, j, mistakes);
		compare_port(c, i, other, mistakes);
		compare_port(other, i, c, mistakes);
	}
}

static void compare_all(const struct candidate *list, unsigned n,
			struct mistakes *mistakes)
{
	unsigned i, j;

	for (i = 0; i < n; i++) {
		compare_paths(&list[i], 1, &list[i], 0, mistakes);
		compare_port(&list[i], 0, &list[i], mistakes);
		for (j = 0; j < i; j++)
			compare(&list[i], &list[j], mistakes);
	}
}

static void build_vms(const struct draft *draft, struct config *out,
		      struct candidate *list, struct mistakes *mistakes)
{
	struct vm_config *vm;
	const char *path;
	unsigned i, j;

	for (i = 0; i < draft->nvms; i++) {
		vm = config_add_vm(out);
		if (!vm) {
			mistakes->no_memory = true;
			return;
		}
		list[i].section = &draft->vms[i];
		list[i].good = build_vm(&draft->vms[i], vm, mistakes);
		if (!is_partial(draft, &draft->vms[i]))
			check_presence(&draft->vms[i], mistakes);
	}
	for (i = 0; i < out->nvms; i++) {
		list[i].vm = &out->vms[i];
		for (j = 0; j < PATHS; j++) {
			path = path_of(list[i].vm, j);
			if (path)
				list[i].place[j] = value_place(path);
		}
	}
	if (!mistakes->no_memory)
		compare_all(list, out->nvms, mistakes);
}

void config_build(const struct draft *draft, struct config *out,
		  struct mistakes *mistakes)
{
	static const struct origin nowhere = { .kind = ORIGIN_COMMAND };
	struct candidate *list = calloc(draft->nvms + 1u, sizeof(*list));

	build_daemon(&draft->daemon, out, mistakes);
	if (!draft->nvms && !draft->partial)
		mistake(mistakes, &nowhere, NULL, NULL,
			"no VM: give --socket and --uds-path, --vm or "
			"--config; see --help");
	if (list)
		build_vms(draft, out, list, mistakes);
	else
		mistakes->no_memory = true;
	free(list);
}
