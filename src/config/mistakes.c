/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A mistake is put into words when it is noted, as the things that it names may
 * be gone when it is printed. Control characters that somebody wrote do not
 * reach the terminal. The kinds of origin are numbered in the order of the
 * report. Within a kind the origin's number decides, and then the order of
 * noting, which is kept because qsort(3) is not stable.
 */
#include "config/mistakes.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>

struct mistake {
	enum origin_kind kind;
	unsigned number; /* of the origin */
	unsigned order;	 /* in which it was noted */
	char *text;
};

void origin_text(const struct origin *origin, char *out, size_t room)
{
	switch (origin->kind) {
	case ORIGIN_COMMAND:
		snprintf(out, room, "command line");
		break;
	case ORIGIN_OPTION:
		snprintf(out, room, "--%s", origin->name);
		break;
	case ORIGIN_VM_OPTION:
		snprintf(out, room, "--vm #%u", origin->number);
		break;
	case ORIGIN_FILE:
		if (origin->number)
			snprintf(out, room, "%s:%u", origin->name,
				 origin->number);
		else
			snprintf(out, room, "%s", origin->name);
		break;
	}
}

static void keep(struct mistakes *m, const struct origin *origin, char *text)
{
	struct mistake *list;
	char *c;

	list = reallocarray(m->list, m->count + 1u, sizeof(*list));
	if (!list) {
		free(text);
		m->no_memory = true;
		return;
	}
	for (c = text; *c; c++) {
		if (iscntrl((unsigned char)*c))
			*c = '?';
	}
	m->list = list;
	list[m->count] = (struct mistake){
		.kind = origin->kind,
		.number = origin->number,
		.order = m->count,
		.text = text,
	};
	m->count++;
}

void mistake(struct mistakes *m, const struct origin *origin, const char *key,
	     const char *value, const char *fmt, ...)
{
	char *text = NULL;
	size_t size;
	char where[512];
	va_list args;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		m->no_memory = true;
		return;
	}
	if (origin->kind != ORIGIN_COMMAND) {
		origin_text(origin, where, sizeof(where));
		fprintf(out, "%s: ", where);
	}
	if (key && origin->kind != ORIGIN_OPTION)
		fprintf(out, "key '%s': ", key);
	if (value)
		fprintf(out, "value '%.200s': ", value);
	va_start(args, fmt);
	vfprintf(out, fmt, args);
	va_end(args);
	if (fclose(out) != 0) {
		free(text);
		m->no_memory = true;
		return;
	}
	keep(m, origin, text);
}

static int compare(const void *left, const void *right)
{
	const struct mistake *a = left;
	const struct mistake *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void mistakes_print(struct mistakes *m, FILE *out)
{
	unsigned i;

	if (m->count)
		qsort(m->list, m->count, sizeof(*m->list), compare);
	for (i = 0; i < m->count; i++)
		fprintf(out, "uring-vsock: %s\n", m->list[i].text);
	if (m->no_memory)
		fprintf(out, "uring-vsock: out of memory\n");
}

void mistakes_free(struct mistakes *m)
{
	unsigned i;

	for (i = 0; i < m->count; i++)
		free(m->list[i].text);
	free(m->list);
	*m = (struct mistakes){ .count = 0 };
}
