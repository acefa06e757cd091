/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The file's draft is changed in place and becomes what both say. VMs that the
 * command line adds are put behind the file's, and only the first N, the file's
 * own, are looked at when a --vm is matched: one --vm never changes another.
 *
 * The name decides before the CID: so a --vm that names a VM of the file may
 * change its CID, and one that gives its CID may change its name.
 */
#include "config_merge.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "config.h"

/* 0 if what is written is no CID. */
static uint32_t cid_of(const struct section *vm)
{
	const char *text = vm->set[KEY_GUEST_CID].text;
	struct vm_config value = { .guest_cid = CONFIG_CID_MIN };

	if (text && config_key_row(KEY_GUEST_CID)->parse_vm(text, &value))
		return 0;
	return value.guest_cid;
}

/* Which of the first N VMs of FILE the --vm OVER means; NULL: a new one. */
static struct section *meant_by(const struct section *over,
				const struct draft *file, unsigned n)
{
	const char *name = over->set[KEY_NAME].text;
	const char *other;
	uint32_t cid = cid_of(over);
	unsigned i;

	for (i = 0; name && i < n; i++) {
		other = file->vms[i].set[KEY_NAME].text;
		if (other && strcmp(name, other) == 0)
			return &file->vms[i];
	}
	if (name && !over->set[KEY_GUEST_CID].text)
		return NULL;
	for (i = 0; cid && i < n; i++) {
		if (cid_of(&file->vms[i]) == cid)
			return &file->vms[i];
	}
	return NULL;
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

void config_merge(struct draft *file, struct draft *line,
		  struct section *single, struct mistakes *mistakes)
{
	unsigned n = file->nvms;
	struct section *vm;
	unsigned i;

	file->partial |= line->partial;
	section_override(&file->daemon, &line->daemon);
	merge_single(file, line, single, mistakes);
	for (i = 0; i < line->nvms; i++) {
		vm = meant_by(&line->vms[i], file, n);
		if (!vm)
			vm = draft_add_vm(file, &line->vms[i].origin, mistakes);
		if (vm)
			section_override(vm, &line->vms[i]);
	}
}
