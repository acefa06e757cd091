/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * getopt_long(3) gets its table from the keys: every name and alias in both
 * spellings, and for each option a code that says which key it is. Nothing is
 * looked at while it reads. Command line and file become drafts, the drafts are
 * merged, and what comes of that is checked, so that all mistakes are told at
 * once.
 *
 * What asks for output (--help and the like) ends the reading: nothing behind
 * it, nor what was wrong before it, matters then.
 */
#include "config/options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "config/build.h"
#include "config/config.h"
#include "config/draft.h"
#include "config/file.h"
#include "config/merge.h"
#include "config/options_help.h"
#include "config/print.h"

/* What getopt_long() gives for an option. */
enum {
	OPTION_KEY = 0x100, /* and the key's number */
	OPTION_VM = OPTION_KEY + CONFIG_KEYS,
	OPTION_CONFIG,
	OPTION_CHECK_CONFIG,
	OPTION_PRINT_CAPABILITIES,
	OPTION_VERSION = 'V',
	OPTION_HELP = 'h'
};

static const struct option own_options[] = {
	{ "vm", required_argument, NULL, OPTION_VM },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "check-config", no_argument, NULL, OPTION_CHECK_CONFIG },
	{ "check_config", no_argument, NULL, OPTION_CHECK_CONFIG },
	{ "print-capabilities", no_argument, NULL, OPTION_PRINT_CAPABILITIES },
	{ "print_capabilities", no_argument, NULL, OPTION_PRINT_CAPABILITIES },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ "help", no_argument, NULL, OPTION_HELP },
};

/* Each key's name and alias, both spelled in two ways, and a final zero. */
#define OPTIONS_MAX (ARRAY_SIZE(own_options) + 4 * CONFIG_KEYS + 1)
#define NAME_ROOM 32

struct option_table {
	struct option option[OPTIONS_MAX];
	char underscored[2 * CONFIG_KEYS][NAME_ROOM];
	unsigned count;
	unsigned copies;
};

struct command_line {
	struct draft draft;
	struct section single; /* the options of a single VM */
	const char *config;    /* file name, or NULL */
	int request;	       /* the first OPTION_... that asks for output */
	bool check_only;
	struct mistakes mistakes;
};

static void add_option(struct option_table *table, const char *name,
		       enum config_key key)
{
	table->option[table->count++] = (struct option){
		.name = name,
		.has_arg = required_argument,
		.val = OPTION_KEY + (int)key,
	};
}

static void add_both_spellings(struct option_table *table, const char *name,
			       enum config_key key)
{
	char *copy = table->underscored[table->copies];
	size_t i;

	add_option(table, name, key);
	if (!strchr(name, '-'))
		return;
	for (i = 0; i < NAME_ROOM - 1 && name[i]; i++)
		copy[i] = name[i] == '-' ? '_' : name[i];
	copy[i] = '\0';
	table->copies++;
	add_option(table, copy, key);
}

static void fill_table(struct option_table *table)
{
	const struct config_key_row *row;
	unsigned i;

	memset(table, 0, sizeof(*table));
	memcpy(table->option, own_options, sizeof(own_options));
	table->count = ARRAY_SIZE(own_options);
	for (i = 0; i < CONFIG_KEYS; i++) {
		row = config_key_row((enum config_key)i);
		add_both_spellings(table, row->name, (enum config_key)i);
		if (row->alias)
			add_both_spellings(table, row->alias,
					   (enum config_key)i);
	}
}

/* "guest-cid=3,socket=/run/vm3.sock,...": one VM. */
static void read_vm(struct command_line *line, const char *argument)
{
	const struct origin origin = {
		.kind = ORIGIN_VM_OPTION,
		.number = line->draft.nvms + 1,
	};
	struct section *vm;
	char *text = strdup(argument);
	char *rest = text;
	char *key, *value;

	vm = draft_add_vm(&line->draft, &origin, &line->mistakes);
	if (!text)
		line->mistakes.no_memory = true;
	while (vm && (key = strsep(&rest, ",")) != NULL) {
		key += strspn(key, " \t\n");
		value = strchr(key, '=');
		if (!value) {
			mistake(&line->mistakes, &origin, NULL, key,
				"expected KEY=VALUE, several of them with ',' "
				"between; the items of a list have '+' "
				"between");
			continue;
		}
		*value++ = '\0';
		if (!rest)
			value[strcspn(value, "\n")] = '\0';
		section_put_once(vm, key, value, &origin, &line->mistakes);
	}
	free(text);
}

static void read_key(struct command_line *line, enum config_key key,
		     const char *value)
{
	const struct origin origin = {
		.kind = ORIGIN_OPTION,
		.name = config_key_row(key)->name,
	};

	section_put(config_key_scope(key) == SCOPE_DAEMON ? &line->draft.daemon
							  : &line->single,
		    key, value, &origin, &line->mistakes);
}

/* The option that WRITTEN, a word of the command line, was meant to be. */
static const char *nearest_option(const struct option_table *table,
				  const char *written)
{
	const char *nearest = NULL;
	unsigned best = UINT_MAX;
	unsigned distance;
	char name[NAME_ROOM];
	unsigned i;

	written += strspn(written, "-");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(written, "="),
		 written);
	for (i = 0; i < table->count; i++) {
		distance = config_key_distance(name, table->option[i].name);
		if (distance < best) {
			best = distance;
			nearest = table->option[i].name;
		}
	}
	return nearest;
}

/* getopt_long(3) returns ':' where a value is missing; where there is one too
 * many it returns '?', as for an unknown option, but sets optopt. */
static void refuse_option(struct command_line *line,
			  const struct option_table *table, const char *word,
			  int code)
{
	static const struct origin here = { .kind = ORIGIN_COMMAND };
	const char *nearest = nearest_option(table, word);

	line->draft.partial = true;
	if (code == ':')
		mistake(&line->mistakes, &here, NULL, NULL,
			"%s: this option needs a value", word);
	else if (optopt && strncmp(word, "--", 2) == 0)
		mistake(&line->mistakes, &here, NULL, NULL,
			"%s: this option takes no value", word);
	else if (nearest)
		mistake(&line->mistakes, &here, NULL, NULL,
			"%s: there is no such option; the nearest is '--%s'",
			word, nearest);
	else
		mistake(&line->mistakes, &here, NULL, NULL,
			"%s: there is no such option, nor one like it; see "
			"--help",
			word);
}

/*
 * getopt_long(3) takes "--socket --uds-path=b" for a socket that is named
 * "--uds-path=b". Such a value has to be joined to its option by '='. True: the
 * value of the option WORD was forgotten, and NEXT is to be read as an option.
 */
static bool value_is_option(struct command_line *line, const char *word,
			    const char *next)
{
	static const struct origin here = { .kind = ORIGIN_COMMAND };

	if (optarg != next || strncmp(next, "--", 2) != 0)
		return false;
	line->draft.partial = true;
	mistake(&line->mistakes, &here, NULL, NULL,
		"%s: this option needs a value, and '%s' looks like an option; "
		"join a value that begins with '--' by '='",
		word, next);
	return true;
}

static void read_option(struct command_line *line, int code)
{
	static const struct origin config = { ORIGIN_OPTION, "config", 0 };

	switch (code) {
	case OPTION_VM:
		read_vm(line, optarg);
		break;
	case OPTION_CONFIG:
		if (line->config)
			mistake(&line->mistakes, &config, NULL, optarg,
				"expected one file; '%s' is given, too",
				line->config);
		line->config = optarg;
		break;
	case OPTION_CHECK_CONFIG:
		line->check_only = true;
		break;
	case OPTION_PRINT_CAPABILITIES:
	case OPTION_VERSION:
	case OPTION_HELP:
		line->request = code;
		break;
	default:
		read_key(line, (enum config_key)(code - OPTION_KEY), optarg);
		break;
	}
}

/* With optind 0 glibc's getopt(3) starts afresh, however often it was used. */
static void read_arguments(struct command_line *line, int argc, char **argv)
{
	static const struct origin here = { .kind = ORIGIN_COMMAND };
	struct option_table table;
	int code;

	fill_table(&table);
	opterr = 0;
	optind = 0;
	while (!line->request) {
		code = getopt_long(argc, argv, ":hV", table.option, NULL);
		if (code < 0)
			break;
		if (code == '?' || code == ':')
			refuse_option(line, &table, argv[optind - 1], code);
		else if (optind > 1 && value_is_option(line, argv[optind - 2],
						       argv[optind - 1]))
			optind--;
		else
			read_option(line, code);
	}
	for (; optind < argc; optind++)
		mistake(&line->mistakes, &here, NULL, argv[optind],
			"expected an option; they begin with '--'");
}

static int answer(int request)
{
	if (request == OPTION_HELP)
		options_help(stdout);
	else if (request == OPTION_VERSION)
		options_version(stdout);
	else
		options_capabilities(stdout);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Everything is read: what it comes to. Returns as options_parse(). */
static int conclude(struct command_line *line, struct config *out,
		    int *exit_status)
{
	struct mistakes *mistakes = &line->mistakes;

	if (mistakes->count || mistakes->no_memory) {
		mistakes_print(mistakes, stderr);
		*exit_status = mistakes->count ? EXIT_MISTAKES : EXIT_FAILURE;
		return 1;
	}
	if (line->check_only) {
		config_print(out, stdout);
		*exit_status = fflush(stdout) == 0 ? EXIT_SUCCESS
						   : EXIT_FAILURE;
		return 1;
	}
	return 0;
}

static void read_settings(struct command_line *line, struct config *out)
{
	struct draft file = { .daemon = { .scope = SCOPE_DAEMON } };

	if (line->config)
		config_file_read(line->config, &file, &line->mistakes);
	config_merge(&file, &line->draft, &line->single, &line->mistakes);
	config_build(&file, out, &line->mistakes);
	draft_free(&file);
}

int options_parse(int argc, char **argv, struct config *out, int *exit_status)
{
	struct command_line line = {
		.draft = { .daemon = { .scope = SCOPE_DAEMON } },
		.single = { .origin = { .kind = ORIGIN_COMMAND } },
	};
	int result = 1;

	config_init(out);
	read_arguments(&line, argc, argv);
	if (line.request) {
		*exit_status = answer(line.request);
	} else {
		read_settings(&line, out);
		result = conclude(&line, out, exit_status);
	}
	if (result)
		config_free(out);
	mistakes_free(&line.mistakes);
	section_free(&line.single);
	draft_free(&line.draft);
	return result;
}
