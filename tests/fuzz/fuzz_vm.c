/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The text of --vm: each line of the input is one. What is printed goes where
 * nobody reads it, if the C library lets stderr be another file.
 */
#include "config/config.h"
#include "config/options.h"
#include "fuzz/settings.h"

#define VMS_MAX 8

/* A report of ASan still comes out, which a dup2(2) would take away as well. */
static void set_stderr(FILE *file)
{
#ifdef __GLIBC__
	stderr = file;
#else
	(void)file;
#endif
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	char *argv[1 + 2 * VMS_MAX + 1] = { "uring-vsock" };
	char *text = calloc(1, size + 1);
	FILE *saved = stderr;
	char *rest = text;
	struct config config;
	int argc = 1;
	int status = 0;

	fuzz_check(text);
	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	fuzz_check(nowhere);
	if (size)
		memcpy(text, data, size);
	while (rest && argc < 1 + 2 * VMS_MAX) {
		argv[argc++] = "--vm";
		argv[argc++] = strsep(&rest, "\n");
	}
	set_stderr(nowhere);
	argc = options_parse(argc, argv, &config, &status);
	set_stderr(saved);
	if (argc == 0) {
		settings_check(&config);
		config_free(&config);
	} else {
		fuzz_check(status == EXIT_MISTAKES);
	}
	free(text);
	return 0;
}
