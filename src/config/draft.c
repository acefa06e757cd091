/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A draft holds texts and not values, since it is not known yet which of them
 * counts: the command line may override the file, and a mistake has to be shown
 * as it was written, with its place. The further texts of a list hang on its
 * first one, and all of them are replaced together.
 */
#include "config/draft.h"

#include <stdlib.h>
#include <string.h>

/* Leaves it unset. */
static void clear(struct setting *setting)
{
	struct setting *next = setting->next;
	struct setting *after;

	free(setting->text);
	*setting = (struct setting){ .text = NULL };
	for (; next; next = after) {
		after = next->next;
		free(next->text);
		free(next);
	}
}

void section_free(struct section *section)
{
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++)
		clear(&section->set[i]);
}

void draft_free(struct draft *draft)
{
	unsigned i;

	section_free(&draft->daemon);
	for (i = 0; i < draft->nvms; i++)
		section_free(&draft->vms[i]);
	free(draft->vms);
	draft->vms = NULL;
	draft->nvms = 0;
}

struct section *draft_add_vm(struct draft *draft, const struct origin *origin,
			     struct mistakes *mistakes)
{
	struct section *vms;

	vms = reallocarray(draft->vms, draft->nvms + 1u, sizeof(*vms));
	if (!vms) {
		mistakes->no_memory = true;
		return NULL;
	}
	draft->vms = vms;
	vms += draft->nvms++;
	*vms = (struct section){ .scope = SCOPE_VM, .origin = *origin };
	return vms;
}

/* Where the next text of KEY goes, unset; NULL: no memory. */
static struct setting *next_place(struct section *section, enum config_key key)
{
	struct setting *first = &section->set[key];
	struct setting *last = first->last ? first->last : first;

	if (!first->text || !config_key_row(key)->list) {
		clear(first);
		return first;
	}
	last->next = calloc(1, sizeof(*last));
	if (last->next)
		first->last = last->next;
	return last->next;
}

void section_put(struct section *section, enum config_key key, const char *text,
		 const struct origin *origin, struct mistakes *mistakes)
{
	struct setting *setting = next_place(section, key);

	if (setting) {
		setting->text = strdup(text);
		setting->origin = *origin;
	}
	if (!setting || !setting->text)
		mistakes->no_memory = true;
}

/* The key of that name, if it may be set here; CONFIG_KEYS if it may not. */
static enum config_key look_up(const struct section *section, const char *name,
			       const char *text, const struct origin *origin,
			       struct mistakes *mistakes)
{
	enum config_key key = config_key_find(name);
	const char *nearest;

	if (key < CONFIG_KEYS && config_key_scope(key) == section->scope)
		return key;
	nearest = config_key_nearest(name, section->scope);
	if (key < CONFIG_KEYS)
		mistake(mistakes, origin, name, text,
			section->scope == SCOPE_VM
				? "this key belongs to the daemon: below "
				  "[daemon] or 'daemon:' of a file, or as an "
				  "option of its own"
				: "this key belongs to a VM: below [vm NAME] or "
				  "in an entry of 'vms:'");
	else if (nearest)
		mistake(mistakes, origin, name, text,
			"there is no such key; the nearest is '%s'", nearest);
	else
		mistake(mistakes, origin, name, text,
			"there is no such key, nor one like it; see --help");
	return CONFIG_KEYS;
}

void section_put_once(struct section *section, const char *name,
		      const char *text, const struct origin *origin,
		      struct mistakes *mistakes)
{
	enum config_key key = look_up(section, name, text, origin, mistakes);

	if (key == CONFIG_KEYS)
		return;
	if (!section->set[key].text || config_key_row(key)->list)
		section_put(section, key, text, origin, mistakes);
	else if (origin->kind == ORIGIN_FILE)
		mistake(mistakes, origin, name, text,
			"a key may be set once; line %u sets it to '%s'",
			section->set[key].origin.number,
			section->set[key].text);
	else
		mistake(mistakes, origin, name, text,
			"a key may be set once; it is '%s' already",
			section->set[key].text);
}

void section_override(struct section *under, struct section *over)
{
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++) {
		if (!over->set[i].text)
			continue;
		clear(&under->set[i]);
		under->set[i] = over->set[i];
		over->set[i] = (struct setting){ .text = NULL };
	}
}
