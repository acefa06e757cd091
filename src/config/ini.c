/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * inih says neither which line a setting is on, nor that a section begins,
 * nor every line that it could not understand, and it takes an indented line
 * for the previous key's. So lines come to it through next_line(). That counts
 * them; takes off the indentation and the comments, as inih knows none that
 * begins with '#' behind a value; puts a line "=" behind each section header,
 * which inih then reports as an empty setting; and notices when inih did not
 * call the handler for a line.
 */
#include "config/ini.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "config/draft.h"

struct ini_file {
	FILE *in;
	char *buffer; /* getline(3)'s */
	size_t room;
	struct origin here;
	bool begins;	/* the next line for inih is "=" */
	bool began;	/* the last one was */
	bool unclaimed; /* no handler was called for the last one yet */
	bool lost;	/* in a section that was not understood */
	struct section *current; /* NULL before the first */
	struct draft *draft;
	struct mistakes *mistakes;
};

static void not_understood(struct ini_file *f, const char *right)
{
	mistake(f->mistakes, &f->here, NULL, f->buffer, "%s", right);
	if (f->current)
		f->current->partial = true;
}

/* It is not known whose the lines up to the next header are. */
static void lose_section(struct ini_file *f)
{
	f->current = NULL;
	not_understood(f, "a section is [daemon] or [vm NAME]");
	f->draft->partial = true;
	f->lost = true;
}

/* Whether inih will take LINE, which begins with '[', for a header. */
static bool is_header(const char *line)
{
	return line[strcspn(line, "];#")] == ']';
}

/* Reads a line into f->buffer, without blanks at its ends. False: no more. */
static bool read_line(struct ini_file *f)
{
	static const char bom[] = "\xef\xbb\xbf";
	ssize_t n = getline(&f->buffer, &f->room, f->in);
	size_t start = 0;
	size_t len;

	if (n < 0)
		return false;
	f->here.number++;
	if (f->here.number == 1 && strncmp(f->buffer, bom, 3) == 0)
		start = 3;
	len = strlen(f->buffer);
	if (len != (size_t)n)
		not_understood(f, "this line has a NUL byte; remove it");
	while (len > start && strchr(" \t\r\n", f->buffer[len - 1]))
		len--;
	f->buffer[len] = '\0';
	start += strspn(f->buffer + start, " \t");
	memmove(f->buffer, f->buffer + start, len - start + 1);
	return true;
}

/* The length of LINE without a comment, which begins the line or stands behind
 * a blank, and without the blanks before it. */
static size_t cut_comment(char *line)
{
	char *sign = strpbrk(line, ";#");
	size_t len;

	while (sign && sign > line && !strchr(" \t", sign[-1]))
		sign = strpbrk(sign + 1, ";#");
	len = sign ? (size_t)(sign - line) : strlen(line);
	while (len && strchr(" \t", line[len - 1]))
		len--;
	line[len] = '\0';
	return len;
}

/* fgets(3) for inih. */
static char *next_line(char *out, int room, void *stream)
{
	struct ini_file *f = stream;
	size_t len;

	if (f->unclaimed)
		not_understood(f, "a line is [SECTION] or KEY = VALUE");
	f->began = f->begins;
	f->begins = false;
	if (f->began)
		return memcpy(out, "=\n", sizeof("=\n"));
	do {
		if (!read_line(f))
			return NULL;
		if (f->buffer[0] == '[' && !is_header(f->buffer)) {
			lose_section(f);
			f->buffer[0] = '\0';
		}
		len = cut_comment(f->buffer);
		if (len + 2 > (size_t)room) {
			not_understood(f,
				       "this line is too long; shorten it, or "
				       "give a list in several lines");
			len = 0;
		}
	} while (!len);
	f->begins = f->buffer[0] == '[';
	f->unclaimed = !f->begins;
	memcpy(mempcpy(out, f->buffer, len), "\n", 2);
	return out;
}

static void begin_section(struct ini_file *f, const char *name)
{
	const char *vm_name = name + 2;

	vm_name += strspn(vm_name, " \t");
	f->lost = false;
	if (strcmp(name, "daemon") == 0) {
		f->current = &f->draft->daemon;
	} else if (strncmp(name, "vm", 2) == 0 && vm_name > name + 2 &&
		   *vm_name) {
		f->current = draft_add_vm(f->draft, &f->here, f->mistakes);
		if (f->current)
			section_put(f->current, KEY_NAME, vm_name, &f->here,
				    f->mistakes);
	} else {
		lose_section(f);
	}
}

/* A key that stands before the first section. */
static void refuse_homeless(struct ini_file *f, const char *key,
			    const char *value)
{
	enum config_key found = config_key_find(key);
	const char *home = "[daemon] or [vm NAME]";

	if (found < CONFIG_KEYS)
		home = config_key_scope(found) == SCOPE_VM ? "[vm NAME]"
							   : "[daemon]";
	mistake(f->mistakes, &f->here, key, value,
		"this line stands before the first section; move it below %s",
		home);
}

/* inih's handler. It reports no errors to inih, which would tell the line of
 * the first one and nothing else. */
static int take(void *user, const char *section, const char *key,
		const char *value)
{
	struct ini_file *f = user;

	f->unclaimed = false;
	if (f->began)
		begin_section(f, section);
	else if (f->lost)
		return 1;
	else if (!f->current)
		refuse_homeless(f, key, value);
	else
		section_put_once(f->current, key, value, &f->here, f->mistakes);
	return 1;
}

void config_ini_read(FILE *in, const char *name, struct draft *draft,
		     struct mistakes *mistakes)
{
	struct ini_file f = {
		.in = in,
		.here = { .kind = ORIGIN_FILE, .name = name },
		.draft = draft,
		.mistakes = mistakes,
	};

	errno = 0;
	if (ini_parse_stream(next_line, &f, take, &f) == -2 || errno == ENOMEM)
		mistakes->no_memory = true;
	free(f.buffer);
}
