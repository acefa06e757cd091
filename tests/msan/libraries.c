/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For --enable-msan: MemorySanitizer believes that memory is uninitialised
 * until code that it has seen, or a call of the C library that it knows, writes
 * there. The libraries that we link were built without it. So what they
 * allocate counts as written, and what inih hands over does.
 *
 * Functions are replaced by the linker's --wrap; libyaml finds these allocators
 * before its own.
 */
#include <ini.h>
#include <sanitizer/msan_interface.h>
#include <stddef.h>
#include <stdlib.h>
#include <yaml.h>

void *yaml_malloc(size_t n);
void *yaml_realloc(void *old, size_t n);
int __wrap_yaml_parser_initialize(yaml_parser_t *parser);
int __real_yaml_parser_initialize(yaml_parser_t *parser);
int __wrap_yaml_parser_load(yaml_parser_t *parser, yaml_document_t *document);
int __real_yaml_parser_load(yaml_parser_t *parser, yaml_document_t *document);
int __wrap_ini_parse_stream(ini_reader reader, void *stream,
			    ini_handler handler, void *user);
int __real_ini_parse_stream(ini_reader reader, void *stream,
			    ini_handler handler, void *user);

static void *written(void *at, size_t n)
{
	if (at)
		__msan_unpoison(at, n);
	return at;
}

void *yaml_malloc(size_t n)
{
	return written(malloc(n ? n : 1), n);
}

void *yaml_realloc(void *old, size_t n)
{
	return written(realloc(old, n ? n : 1), n);
}

int __wrap_yaml_parser_initialize(yaml_parser_t *parser)
{
	written(parser, sizeof(*parser));
	return __real_yaml_parser_initialize(parser);
}

int __wrap_yaml_parser_load(yaml_parser_t *parser, yaml_document_t *document)
{
	written(document, sizeof(*document));
	return __real_yaml_parser_load(parser, document);
}

struct handled {
	ini_handler handler;
	void *user;
};

/* inih's arguments lie on its stack. */
static int handle(void *user, const char *section, const char *key,
		  const char *value)
{
	const struct handled *to = user;

	if (section)
		__msan_unpoison_string(section);
	if (key)
		__msan_unpoison_string(key);
	if (value)
		__msan_unpoison_string(value);
	return to->handler(to->user, section, key, value);
}

int __wrap_ini_parse_stream(ini_reader reader, void *stream,
			    ini_handler handler, void *user)
{
	struct handled to = { handler, user };

	return __real_ini_parse_stream(reader, stream, handle, &to);
}
