/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "config/options_help.h"

#include "config/keys.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "(unknown version)"
#endif

#define COLUMN 30

static const char usage[] =
	"usage: uring-vsock --guest-cid=CID --socket=PATH --uds-path=PATH "
	"[OPTION...]\n"
	"       uring-vsock --vm KEY=VALUE,... [--vm ...] [OPTION...]\n"
	"       uring-vsock --config FILE [OPTION...]\n"
	"\n"
	"The device behind a guest's AF_VSOCK sockets, for hypervisors that "
	"speak\n"
	"vhost-user. Every option and key may be written with '-' or with "
	"'_'.\n";

static void print_option(const char *name, const char *argument,
			 const char *help, const char *standard, FILE *out)
{
	int width = fprintf(out, "  --%s", name);

	if (argument)
		width += fprintf(out, "=%s", argument);
	if (width >= COLUMN) {
		fputc('\n', out);
		width = 0;
	}
	fprintf(out, "%*s%s", COLUMN - width, "", help);
	if (standard)
		fprintf(out, " (default: %s)", standard);
	fputc('\n', out);
}

static void print_keys(enum config_scope scope, FILE *out)
{
	const struct config_key_row *row;
	char same[64];
	unsigned i;

	for (i = 0; i < CONFIG_KEYS; i++) {
		row = config_key_row((enum config_key)i);
		if (config_key_scope((enum config_key)i) != scope)
			continue;
		print_option(row->name, row->argument, row->help, row->standard,
			     out);
		if (!row->alias)
			continue;
		snprintf(same, sizeof(same), "the same as --%s", row->name);
		print_option(row->alias, row->argument, same, NULL, out);
	}
}

void options_help(FILE *out)
{
	fputs(usage, out);
	fputs("\nA single VM, and the keys of --vm and of files:\n", out);
	print_keys(SCOPE_VM, out);
	fputs("\nSeveral VMs:\n", out);
	print_option("vm", "KEY=VALUE,...", "one VM; may be repeated", NULL,
		     out);
	print_option("config", "FILE",
		     ".ini or .conf: INI; .yaml, .yml and others: YAML", NULL,
		     out);
	fputs("\nThe daemon:\n", out);
	print_keys(SCOPE_DAEMON, out);
	print_option("check-config", NULL,
		     "print the settings or every mistake, and exit", NULL,
		     out);
	print_option("print-capabilities", NULL,
		     "print what management software asks for, and exit", NULL,
		     out);
	print_option("version", NULL, "or -V: print the version and exit", NULL,
		     out);
	print_option("help", NULL, "or -h: print this and exit", NULL, out);
	fputs("\nThe command line wins over the file. BYTES take the suffixes "
	      "K and M.\nuring-vsock(8) says more.\n",
	      out);
}

void options_version(FILE *out)
{
	fputs("uring-vsock " PACKAGE_VERSION "\n", out);
}

/* Optional features exist for input and gpu devices alone. */
void options_capabilities(FILE *out)
{
	fputs("{\n  \"type\": \"vsock\"\n}\n", out);
}
