/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The document is loaded whole and then walked, as each node knows its line,
 * and a node of the wrong kind does not keep its neighbours from being read.
 * What YAML takes a scalar for does not matter: 0660, yes and 3 are texts that
 * the key's row reads, as in INI. Only an empty value, in YAML a null, means
 * that the key is not set.
 */
#include "config/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/check.h"
#include "config/draft.h"

struct yaml_file {
	yaml_document_t document;
	const char *name;
	struct draft *draft;
	struct mistakes *mistakes;
};

static struct origin origin_of(const struct yaml_file *f,
			       const yaml_node_t *node)
{
	return (struct origin){
		.kind = ORIGIN_FILE,
		.name = f->name,
		.number = (unsigned)node->start_mark.line + 1,
	};
}

static void wrong(struct yaml_file *f, const yaml_node_t *node, const char *key,
		  const char *right)
{
	struct origin here = origin_of(f, node);

	mistake(f->mistakes, &here, key, NULL, "%s", right);
}

/* NULL if NODE is no scalar, or has a NUL in it. */
static const char *text_of(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE ||
	    strlen(text) != node->data.scalar.length)
		return NULL;
	return text;
}

/* What YAML reads as no value at all. */
static bool is_null(const yaml_node_t *node, const char *text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
	unsigned i;

	if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (i = 0; i < ARRAY_SIZE(nulls); i++) {
		if (strcmp(text, nulls[i]) == 0)
			return true;
	}
	return false;
}

/* The text of an item of a list or of a half of a pair: NULL also for a null, as
 * there is nothing that it could leave unset. */
static const char *part_of(const yaml_node_t *node)
{
	const char *text = text_of(node);

	return text && is_null(node, text) ? NULL : text;
}

/* The row of NAME; NULL if that is no key. */
static const struct config_key_row *row_of(const char *name)
{
	enum config_key key = config_key_find(name);

	return key < CONFIG_KEYS ? config_key_row(key) : NULL;
}

/* A mapping that is the value of NAME, such as {22: /run/ssh.sock}: each pair is
 * set as the text "22:/run/ssh.sock". */
static void read_pairs(struct yaml_file *f, struct section *section,
		       const char *name, const yaml_node_t *mapping)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;
	const yaml_node_t *left, *right;
	struct origin here;
	char *text;

	for (; pair < mapping->data.mapping.pairs.top; pair++) {
		left = yaml_document_get_node(&f->document, pair->key);
		right = yaml_document_get_node(&f->document, pair->value);
		here = origin_of(f, left);
		if (!part_of(left) || !part_of(right)) {
			wrong(f, left, name, "a pair is NUMBER: TEXT");
			continue;
		}
		if (asprintf(&text, "%s:%s", part_of(left), part_of(right)) <
		    0) {
			f->mistakes->no_memory = true;
			return;
		}
		section_put_once(section, name, text, &here, f->mistakes);
		free(text);
	}
}

/* The items of a list, the value of the key NAME, are set one by one. PAIRS: an
 * item may be a mapping. */
static void read_items(struct yaml_file *f, struct section *section,
		       const char *name, bool pairs, const yaml_node_t *list)
{
	const yaml_node_item_t *item = list->data.sequence.items.start;
	const yaml_node_t *node;
	const char *text;
	struct origin here;

	for (; item < list->data.sequence.items.top; item++) {
		node = yaml_document_get_node(&f->document, *item);
		text = part_of(node);
		here = origin_of(f, node);
		if (text)
			section_put_once(section, name, text, &here,
					 f->mistakes);
		else if (pairs && node->type == YAML_MAPPING_NODE)
			read_pairs(f, section, name, node);
		else
			wrong(f, node, name,
			      pairs ? "an item is a number or text, or a "
				      "pair NUMBER: TEXT"
				    : "an item is a number or text");
	}
}

static bool has_items(const yaml_node_t *value)
{
	return value->type == YAML_SEQUENCE_NODE &&
	       value->data.sequence.items.start <
		       value->data.sequence.items.top;
}

static bool has_pairs(const yaml_node_t *value)
{
	return value->type == YAML_MAPPING_NODE &&
	       value->data.mapping.pairs.start < value->data.mapping.pairs.top;
}

/* What the value of a key, of that ROW if it is known, looks like. */
static const char *describe_value(const struct config_key_row *row)
{
	if (row && row->pairs)
		return "a key has one number or text, a list of them, or pairs "
		       "NUMBER: TEXT";
	if (row && row->list)
		return "a key has one number or text, or a list of them";
	return "a key has one number or text";
}

static void read_pair(struct yaml_file *f, struct section *section,
		      const yaml_node_pair_t *pair)
{
	const yaml_node_t *key =
		yaml_document_get_node(&f->document, pair->key);
	const yaml_node_t *value =
		yaml_document_get_node(&f->document, pair->value);
	const char *name = text_of(key);
	const char *text = text_of(value);
	const struct config_key_row *row = name ? row_of(name) : NULL;
	struct origin here = origin_of(f, key);

	if (name && text) {
		if (!is_null(value, text))
			section_put_once(section, name, text, &here,
					 f->mistakes);
	} else if (row && row->list && has_items(value)) {
		read_items(f, section, name, row->pairs, value);
	} else if (row && row->pairs && has_pairs(value)) {
		read_pairs(f, section, name, value);
	} else if (name && !row) {
		section_put_once(section, name, NULL, &here, f->mistakes);
		section->partial = true;
	} else {
		wrong(f, key, name,
		      name ? describe_value(row) : "a key is a word");
		section->partial = true;
	}
}

static void read_section(struct yaml_file *f, struct section *section,
			 const yaml_node_t *mapping)
{
	const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

	for (; pair < mapping->data.mapping.pairs.top; pair++)
		read_pair(f, section, pair);
}

static void read_vms(struct yaml_file *f, const yaml_node_t *list)
{
	const yaml_node_item_t *item = list->data.sequence.items.start;
	const yaml_node_t *node;
	struct section *vm;
	struct origin here;

	for (; item < list->data.sequence.items.top; item++) {
		node = yaml_document_get_node(&f->document, *item);
		here = origin_of(f, node);
		if (node->type != YAML_MAPPING_NODE) {
			wrong(f, node, NULL, "a VM is a list of 'key: value'");
			f->draft->partial = true;
			continue;
		}
		vm = draft_add_vm(f->draft, &here, f->mistakes);
		if (vm)
			read_section(f, vm, node);
	}
}

static void read_top_pair(struct yaml_file *f, const yaml_node_pair_t *pair)
{
	const yaml_node_t *key =
		yaml_document_get_node(&f->document, pair->key);
	const yaml_node_t *value =
		yaml_document_get_node(&f->document, pair->value);
	const char *name = text_of(key);

	if (name && strcmp(name, "vms") == 0) {
		if (value->type == YAML_SEQUENCE_NODE) {
			read_vms(f, value);
			return;
		}
		wrong(f, key, name, "expected a list of VMs, each after a '-'");
		f->draft->partial = true;
	} else if (name && strcmp(name, "daemon") == 0) {
		if (value->type == YAML_MAPPING_NODE)
			read_section(f, &f->draft->daemon, value);
		else
			wrong(f, key, name, "expected a list of 'key: value'");
	} else {
		wrong(f, key, name ? name : "?",
		      "at the top there is 'vms' and 'daemon' only");
		f->draft->partial = true;
	}
}

static void read_root(struct yaml_file *f)
{
	const yaml_node_t *root = yaml_document_get_root_node(&f->document);
	const yaml_node_pair_t *pair;

	if (!root)
		return;
	if (root->type == YAML_SEQUENCE_NODE) {
		read_vms(f, root);
	} else if (root->type == YAML_MAPPING_NODE) {
		pair = root->data.mapping.pairs.start;
		for (; pair < root->data.mapping.pairs.top; pair++)
			read_top_pair(f, pair);
	} else {
		wrong(f, root, NULL,
		      "expected a list of VMs, alone or under 'vms:'");
		f->draft->partial = true;
	}
}

static void refuse_syntax(struct yaml_file *f, const yaml_parser_t *parser)
{
	struct origin here = { ORIGIN_FILE, f->name, 0 };

	if (parser->error == YAML_MEMORY_ERROR) {
		f->mistakes->no_memory = true;
		return;
	}
	if (parser->error != YAML_READER_ERROR)
		here.number = (unsigned)parser->problem_mark.line + 1;
	mistake(f->mistakes, &here, NULL, NULL, "this is not YAML: %s",
		parser->problem ? parser->problem : "it cannot be read");
	f->draft->partial = true;
}

/* Behind the first document there is nothing but the end of the stream. */
static void read_end(struct yaml_file *f, yaml_parser_t *parser)
{
	const yaml_node_t *root;

	if (!yaml_parser_load(parser, &f->document)) {
		refuse_syntax(f, parser);
		return;
	}
	root = yaml_document_get_root_node(&f->document);
	if (root)
		wrong(f, root, NULL,
		      "expected one document; a second one begins here");
	yaml_document_delete(&f->document);
}

void config_yaml_read(FILE *in, const char *name, struct draft *draft,
		      struct mistakes *mistakes)
{
	struct yaml_file f = {
		.name = name,
		.draft = draft,
		.mistakes = mistakes,
	};
	yaml_parser_t parser;
	bool some;

	if (!yaml_parser_initialize(&parser)) {
		mistakes->no_memory = true;
		return;
	}
	yaml_parser_set_input_file(&parser, in);
	if (yaml_parser_load(&parser, &f.document)) {
		some = yaml_document_get_root_node(&f.document);
		read_root(&f);
		yaml_document_delete(&f.document);
		if (some)
			read_end(&f, &parser);
	} else {
		refuse_syntax(&f, &parser);
	}
	yaml_parser_delete(&parser);
}
