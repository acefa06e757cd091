/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Takes the fuzzer's place where there is none: it gives a target the files
 * that are named, or all files of a folder; without arguments its seeds and
 * regression inputs, which it finds below TOP_SRCDIR by the target's name. Each
 * input is named before it is run, so that a crash says which one it was.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

static unsigned inputs;

/* The input is in memory of exactly its size, so that ASan finds a read beyond
 * it. */
static void run_file(const char *path)
{
	FILE *in = fopen(path, "r");
	struct stat st;
	uint8_t *bytes;
	size_t size;

	printf("%s\n", path);
	fflush(stdout);
	fuzz_check(in && fstat(fileno(in), &st) == 0);
	size = (size_t)st.st_size;
	bytes = malloc(size ? size : 1);
	fuzz_check(bytes && fread(bytes, 1, size, in) == size);
	fclose(in);
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
	inputs++;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void run_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_visible, alphasort);
	char file[PATH_MAX];

	fuzz_check(n >= 0);
	for (int i = 0; i < n; i++) {
		int len = snprintf(file, sizeof(file), "%s/%s", path,
				   entries[i]->d_name);

		fuzz_check(len < (int)sizeof(file));
		run_file(file);
		free(entries[i]);
	}
	free(entries);
}

static void run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	if (S_ISDIR(st.st_mode))
		run_folder(path);
	else
		run_file(path);
}

/* KIND is "seeds", which each target has, or "crashes", which it may have. */
static void run_kept(const char *kind, const char *program)
{
	const char *top = getenv("TOP_SRCDIR");
	const char *slash = strrchr(program, '/');
	const char *name = strstr(slash ? slash : program, "fuzz_");
	char path[PATH_MAX];
	struct stat st;

	if (!top || !name) {
		fprintf(stderr, "usage: %s FILE-OR-FOLDER...\n", program);
		exit(EXIT_FAILURE);
	}
	snprintf(path, sizeof(path), "%s/tests/fuzz/%s/%s", top, kind,
		 name + strlen("fuzz_"));
	if (strcmp(kind, "seeds") == 0 || stat(path, &st) == 0)
		run_path(path);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_path(argv[i]);
	if (argc == 1) {
		run_kept("seeds", argv[0]);
		run_kept("crashes", argv[0]);
	}
	printf("%u inputs\n", inputs);
	return inputs ? EXIT_SUCCESS : EXIT_FAILURE;
}
