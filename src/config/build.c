/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * First each text is checked by itself, by its key's row; then keys that are
 * missing are looked for; then the VMs are compared with each other (clash.h).
 * A wrong value is reported once: its field keeps the default, and its key is
 * not among the good ones, so that nothing that would follow from it is
 * reported as well. Nor is a key reported as missing that may stand in a part
 * of the file that could not be read.
 */
#include "config/build.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/clash.h"
#include "config/config.h"
#include "config/draft.h"
#include "config/lists.h"
#include "config/values.h"

/* What vhost-device-vsock calls it. */
#define DEFAULT_GROUP "default"

/* Where texts of KEY become values: of a VM, or of the daemon if VM is NULL. */
struct target {
	struct vm_config *vm;
	struct config *config;
};

/* True if all texts of a key are right. */
static bool build_key(const struct section *section, enum config_key key,
		      const struct target *to, struct mistakes *mistakes)
{
	const struct config_key_row *row = config_key_row(key);
	const struct setting *setting = &section->set[key];
	const char *right;
	bool good = true;

	for (; setting && setting->text; setting = setting->next) {
		right = to->vm ? row->parse_vm(setting->text, to->vm)
			       : row->parse_daemon(setting->text, to->config);
		if (!right)
			continue;
		mistake(mistakes, &setting->origin, row->name, setting->text,
			"%s", right);
		good = false;
	}
	return good;
}

/* Returns the keys that are right, those left to their defaults included. */
static unsigned build_section(const struct section *section,
			      const struct target *to,
			      struct mistakes *mistakes)
{
	unsigned good = 0;
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++) {
		if (build_key(section, (enum config_key)i, to, mistakes))
			good |= 1u << i;
	}
	return good;
}

/* Notes a mistake if no socket can be made at PATH, which KEY of SECTION has
 * set; NULL if it has set none. */
static void check_directory(const struct section *section, enum config_key key,
			    const char *path, struct mistakes *mistakes)
{
	const struct setting *setting = &section->set[key];
	const char *name = config_key_row(key)->name;
	char directory[SOCKET_PATH_MAX + 1];
	const char *wrong = path ? value_directory(path, directory) : NULL;

	if (wrong)
		mistake(mistakes, &setting->origin, name, setting->text,
			"the directory %s %s or change '%s'", directory, wrong,
			name);
}

static unsigned build_vm(const struct section *section, struct vm_config *vm,
			 struct mistakes *mistakes)
{
	const struct target to = { .vm = vm };
	unsigned good = build_section(section, &to, mistakes);

	check_directory(section, KEY_SOCKET, vm->socket, mistakes);
	check_directory(section, KEY_UDS_PATH, vm->uds_path, mistakes);
	if (!vm->name && asprintf(&vm->name, "vm%u", vm->guest_cid) < 0) {
		vm->name = NULL;
		mistakes->no_memory = true;
	}
	if (!section->set[KEY_GROUPS].text &&
	    value_groups(DEFAULT_GROUP, vm) != NULL)
		mistakes->no_memory = true;
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

/* There is no VM. */
static void miss_all(const struct draft *draft, struct mistakes *mistakes)
{
	static const struct origin nowhere = { .kind = ORIGIN_COMMAND };
	const struct origin file = { ORIGIN_FILE, draft->file, 0 };

	if (draft->file)
		mistake(mistakes, &file, NULL, NULL,
			"expected a VM: in INI a section [vm NAME], in YAML an "
			"entry of vms, each with a socket and a uds-path");
	else
		mistake(mistakes, &nowhere, NULL, NULL,
			"no VM: give --socket and --uds-path, --vm or "
			"--config; see --help");
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
			"a VM has either a socket or an fd; remove one of them");
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

/* The candidates are told last where their VMs are, as each VM that is added
 * may move those before it. */
static void build_vms(const struct draft *draft, struct config *out,
		      struct candidate *list, struct mistakes *mistakes)
{
	struct vm_config *vm;
	unsigned i;

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
	for (i = 0; i < out->nvms; i++)
		list[i].vm = &out->vms[i];
	if (!mistakes->no_memory)
		config_clash(list, out->nvms, mistakes);
}

void config_build(const struct draft *draft, struct config *out,
		  struct mistakes *mistakes)
{
	const struct target daemon = { .config = out };
	struct candidate *list = calloc(draft->nvms + 1u, sizeof(*list));

	build_section(&draft->daemon, &daemon, mistakes);
	if (!draft->nvms && !draft->partial)
		miss_all(draft, mistakes);
	if (list)
		build_vms(draft, out, list, mistakes);
	else
		mistakes->no_memory = true;
	free(list);
}
