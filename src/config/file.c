/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The name alone decides on the format. A guess by the contents would go wrong
 * in files with mistakes, and then report those of the format that was not
 * meant. A directory can be opened for reading, too; only reading it fails.
 */
#include "config/file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "config/draft.h"
#include "config/ini.h"
#include "config/yaml.h"

static bool ends_in(const char *path, const char *ending)
{
	size_t len = strlen(path);
	size_t end = strlen(ending);

	return len >= end && strcmp(path + len - end, ending) == 0;
}

static void cannot_read(const char *path, int err, struct draft *draft,
			struct mistakes *mistakes)
{
	const struct origin here = { .kind = ORIGIN_FILE, .name = path };

	mistake(mistakes, &here, NULL, NULL,
		"expected a file that can be read: %s", strerror(err));
	draft->partial = true;
}

/*
 * A file that only its ending kept from being read as INI yields odd mistakes of
 * YAML. They are introduced by the reason for which it was read so.
 */
static void read_yaml(FILE *in, const char *path, struct draft *draft,
		      struct mistakes *mistakes)
{
	const struct origin here = { .kind = ORIGIN_FILE, .name = path };

	config_yaml_read(in, path, draft, mistakes);
	if (draft->partial && !ends_in(path, ".yaml") && !ends_in(path, ".yml"))
		mistake(mistakes, &here, NULL, NULL,
			"read as YAML, as its name does not end in .ini or "
			".conf; rename it if it is INI");
}

void config_file_read(const char *path, struct draft *draft,
		      struct mistakes *mistakes)
{
	FILE *in = fopen(path, "re");
	struct stat st;

	draft->file = path;
	if (!in) {
		cannot_read(path, errno, draft, mistakes);
		return;
	}
	if (fstat(fileno(in), &st) == 0 && S_ISDIR(st.st_mode))
		cannot_read(path, EISDIR, draft, mistakes);
	else if (ends_in(path, ".ini") || ends_in(path, ".conf"))
		config_ini_read(in, path, draft, mistakes);
	else
		read_yaml(in, path, draft, mistakes);
	if (ferror(in))
		cannot_read(path, EIO, draft, mistakes);
	fclose(in);
}
