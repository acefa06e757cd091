/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A configuration is judged by what it prints. Rows of the tests are thereby
 * two texts, what is written and what it comes to, and a setting that is read
 * but lost on the way to its VM shows as a line that is missing. Mistakes are
 * compared as they are printed, too, with file and line.
 *
 * Each test has a directory of its own to be in, because paths of settings are
 * relative to it, and a daemon that refuses its settings must leave nothing
 * there.
 */
#include "unit/config/config_fixture.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/build.h"
#include "config/config.h"
#include "config/draft.h"
#include "config/print.h"

static char directory[64];

void config_setup(void)
{
	strcpy(directory, "/tmp/uring-vsock-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
	ck_assert_int_eq(mkdir("dir", 0777), 0);
}

/* The name behind "." and "..", or NULL. */
static const char *next_name(DIR *dir)
{
	const struct dirent *entry;

	do {
		entry = readdir(dir);
	} while (entry && (strcmp(entry->d_name, ".") == 0 ||
			   strcmp(entry->d_name, "..") == 0));
	return entry ? entry->d_name : NULL;
}

void config_teardown(void)
{
	DIR *dir = opendir(".");
	const char *name;

	while (dir && (name = next_name(dir)) != NULL)
		remove(name);
	if (dir)
		closedir(dir);
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(directory);
}

unsigned config_litter(void)
{
	DIR *dir = opendir(".");
	const char *name;
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((name = next_name(dir)) != NULL)
		n += strcmp(name, "dir") != 0;
	closedir(dir);
	return n;
}

void config_write(const char *name, const char *text)
{
	FILE *out = fopen(name, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	ck_assert_int_eq(fclose(out), 0);
}

char *config_outcome(config_reader *reader, const char *text, size_t len)
{
	struct draft draft = { .daemon = { .scope = SCOPE_DAEMON },
			       .file = "f" };
	struct mistakes mistakes = { .count = 0 };
	struct config config;
	char *result = NULL;
	size_t size;
	FILE *in = tmpfile();
	FILE *out = open_memstream(&result, &size);

	ck_assert_ptr_nonnull(in);
	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(text, 1, len, in), len);
	rewind(in);
	config_init(&config);
	reader(in, "f", &draft, &mistakes);
	config_build(&draft, &config, &mistakes);
	draft_free(&draft);
	if (mistakes.count)
		mistakes_print(&mistakes, out);
	else
		config_print(&config, out);
	ck_assert(!mistakes.no_memory);
	mistakes_free(&mistakes);
	config_free(&config);
	fclose(in);
	ck_assert_int_eq(fclose(out), 0);
	return result;
}
