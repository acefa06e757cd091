/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The file's draft is changed in place and becomes what both say. VMs that the
 * command line adds are put behind the file's. Each --vm is matched with what
 * the file says, before any of them changes that: one --vm never changes
 * another.
 *
 * The name decides before the CID: so a --vm that names a VM of the file may
 * change its CID, and one that gives its CID may change its name.
 */
#include "config/merge.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sorted.h"
#include "config/config.h"

#define NEW_VM UINT_MAX /* a --vm that means none of the file's */

/* 0 if what is written is no CID. */
static uint32_t cid_of(const struct section *vm)
{
	const char *text = vm->set[KEY_GUEST_CID].text;
	struct vm_config value = { .guest_cid = CONFIG_CID_MIN };

	if (text && config_key_row(KEY_GUEST_CID)->parse_vm(text, &value))
		return 0;
	return value.guest_cid;
}

/* A VM of the file, and what a --vm may mean it by. */
struct known {
	const char *name; /* "" for none */
	uint32_t cid;	  /* 0 for none, or where only names count */
	unsigned index;
};

/* All of them twice: by name alone and by CID alone, ascending. */
struct directory {
	struct known *by_name;
	struct known *by_cid;
	unsigned count;
};

static int compare_keys(const struct known *a, const struct known *b)
{
	int by = strcmp(a->name, b->name);

	return by ? by : (a->cid > b->cid) - (a->cid < b->cid);
}

/* Of those that are named alike the file's first comes first. */
static int compare_known(const void *left, const void *right)
{
	const struct known *a = left;
	const struct known *b = right;
	int by = compare_keys(a, b);

	return by ? by : (a->index > b->index) - (a->index < b->index);
}

/* 0 or -ENOMEM; to be closed either way. */
static int open_directory(struct directory *dir, const struct draft *file)
{
	const char *name;
	unsigned i;

	dir->count = file->nvms;
	dir->by_name = calloc(dir->count + 1u, sizeof(struct known));
	dir->by_cid = calloc(dir->count + 1u, sizeof(struct known));
	if (!dir->by_name || !dir->by_cid)
		return -ENOMEM;
	for (i = 0; i < dir->count; i++) {
		name = file->vms[i].set[KEY_NAME].text;
		dir->by_name[i] = (struct known){ name ? name : "", 0, i };
		dir->by_cid[i] = (struct known){ "", cid_of(&file->vms[i]), i };
	}
	qsort(dir->by_name, dir->count, sizeof(struct known), compare_known);
	qsort(dir->by_cid, dir->count, sizeof(struct known), compare_known);
	return 0;
}

static void close_directory(struct directory *dir)
{
	free(dir->by_name);
	free(dir->by_cid);
}

static bool key_before(const void *known, const void *key)
{
	return compare_keys(known, key) < 0;
}

/* The index of the first VM in LIST with these, or NEW_VM. */
static unsigned look_up(const struct known *list, unsigned count,
			const char *name, uint32_t cid)
{
	const struct known what = { .name = name, .cid = cid };
	size_t at = sorted_find(list, count, sizeof(*list), key_before, &what);

	return at < count && compare_keys(&list[at], &what) == 0
		       ? list[at].index
		       : NEW_VM;
}

/* Which VM of the file the --vm OVER means. */
static unsigned meant_by(const struct section *over,
			 const struct directory *dir)
{
	const char *name = over->set[KEY_NAME].text;
	uint32_t cid = cid_of(over);
	unsigned found = NEW_VM;

	if (name && *name)
		found = look_up(dir->by_name, dir->count, name, 0);
	if (found != NEW_VM || (name && !over->set[KEY_GUEST_CID].text))
		return found;
	return cid ? look_up(dir->by_cid, dir->count, "", cid) : NEW_VM;
}

static bool is_empty(const struct section *section)
{
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++) {
		if (section->set[i].text)
			return false;
	}
	return true;
}

static void refuse_all(const struct section *single, const char *right,
		       struct mistakes *mistakes)
{
	const struct setting *setting;
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++) {
		setting = &single->set[i];
		for (; setting && setting->text; setting = setting->next)
			mistake(mistakes, &setting->origin, NULL, setting->text,
				"%s", right);
	}
}

static void merge_single(struct draft *file, const struct draft *line,
			 struct section *single, struct mistakes *mistakes)
{
	struct section *vm = file->vms;

	if (is_empty(single))
		return;
	if (line->nvms) {
		refuse_all(single,
			   "beside --vm it is not clear whose this is; write "
			   "it as a key of --vm",
			   mistakes);
		return;
	}
	if (file->nvms > 1) {
		refuse_all(single,
			   "the file has several VMs; name one by "
			   "--vm guest-cid=CID,KEY=VALUE",
			   mistakes);
		return;
	}
	if (!file->nvms)
		vm = draft_add_vm(file, &single->origin, mistakes);
	if (vm)
		section_override(vm, single);
}

/* All are matched before any is merged: that one changes what another might
 * have been matched by. */
static void merge_vms(struct draft *file, struct draft *line,
		      const struct directory *dir, struct mistakes *mistakes)
{
	unsigned *meant = calloc(line->nvms + 1u, sizeof(*meant));
	struct section *vm;
	unsigned i;

	if (!meant) {
		mistakes->no_memory = true;
		return;
	}
	for (i = 0; i < line->nvms; i++)
		meant[i] = meant_by(&line->vms[i], dir);
	for (i = 0; i < line->nvms; i++) {
		vm = meant[i] == NEW_VM
			     ? draft_add_vm(file, &line->vms[i].origin,
					    mistakes)
			     : &file->vms[meant[i]];
		if (vm)
			section_override(vm, &line->vms[i]);
	}
	free(meant);
}

void config_merge(struct draft *file, struct draft *line,
		  struct section *single, struct mistakes *mistakes)
{
	struct directory dir;

	file->partial |= line->partial;
	section_override(&file->daemon, &line->daemon);
	merge_single(file, line, single, mistakes);
	if (!line->nvms)
		return;
	if (open_directory(&dir, file) < 0)
		mistakes->no_memory = true;
	else
		merge_vms(file, line, &dir, mistakes);
	close_directory(&dir);
}
