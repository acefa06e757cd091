/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Each thing that only one VM may have is a claim. All claims are sorted, so
 * that those to the same thing stand side by side, the first VM's first; each
 * further one is a mistake that names the first. Things that are only looked
 * for among the claims, such as the path of a map, are found by binary search.
 * So thousands of VMs with many maps each take little longer than reading them
 * does.
 *
 * Paths are compared by the directory's inode and the name in it, so that every
 * spelling of a path is the same one.
 */
#include "config/clash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/socket_path.h"
#include "base/sorted.h"
#include "base/text.h"
#include "config/config.h"
#include "config/draft.h"
#include "config/values.h"

/* The sockets that are made for a VM. */
enum { SOCKET, UDS_PATH, SEQPACKET, PATHS };

static const struct {
	enum config_key key; /* that says where it is */
	const char *name;
} paths[PATHS] = {
	[SOCKET] = { KEY_SOCKET, "socket" },
	[UDS_PATH] = { KEY_UDS_PATH, "uds-path" },
	[SEQPACKET] = { KEY_UDS_PATH, "uds-path" SOCKET_PATH_SEQPACKET },
};

/* A candidate with the paths of its sockets. */
struct settler {
	struct candidate c;
	char path[PATHS][SOCKET_PATH_MAX + 1]; /* empty: there is none */
	const struct settler *told; /* last, that it listens on the same port */
};

enum claim_kind { CLAIM_CID, CLAIM_FD, CLAIM_PORT, CLAIM_NAME, CLAIM_PLACE };

struct claim {
	enum claim_kind kind;
	uint32_t number;    /* CLAIM_CID, CLAIM_FD, CLAIM_PORT */
	struct place place; /* CLAIM_PLACE; of CLAIM_NAME, base is the name */
	struct settler *settler;
	unsigned path; /* of the settler, for CLAIM_PLACE */
};

#define CLAIMS_PER_VM (3 + PATHS)

/* All claims, ascending. */
struct claims {
	struct claim *list;
	size_t count;
};

static bool is_good(const struct settler *s, enum config_key key)
{
	return s->c.good >> key & 1;
}

static bool is_set(const struct settler *s, enum config_key key)
{
	return s->c.section->set[key].text;
}

/* Where KEY was set or, if it was not, where it could have been. */
static const struct origin *origin_of(const struct settler *s,
				      enum config_key key)
{
	const struct setting *setting = &s->c.section->set[key];

	return setting->text ? &setting->origin : &s->c.section->origin;
}

/* KEY of S is VALUE, which NAME, by OTHER_KEY, of OTHER is already. */
static void clash(const struct settler *s, enum config_key key,
		  const char *value, const struct settler *other,
		  enum config_key other_key, const char *name,
		  struct mistakes *mistakes)
{
	char where[256];

	origin_text(origin_of(other, other_key), where, sizeof(where));
	mistake(mistakes, origin_of(s, key), config_key_row(key)->name, value,
		"used twice, as the %s%s of VM '%s' (%s) and here%s for VM '%s'; "
		"change one of the two",
		is_set(other, other_key) ? "" : "default ", name,
		other->c.vm->name, where,
		is_set(s, key) ? "" : " as the default", s->c.vm->name);
}

static void clash_number(const struct settler *s, const struct settler *other,
			 enum config_key key, uint32_t n,
			 struct mistakes *mistakes)
{
	char number[16];

	snprintf(number, sizeof(number), "%u", n);
	clash(s, key, number, other, key, config_key_row(key)->name, mistakes);
}

/* Below, equal or above 0, as qsort(3) has it. */
static int order(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* 0: they are claims to the same thing. */
static int compare_things(const struct claim *a, const struct claim *b)
{
	int by = order(a->kind, b->kind);

	if (!by)
		by = order(a->number, b->number);
	if (!by)
		by = order(a->place.dev, b->place.dev);
	if (!by)
		by = order(a->place.ino, b->place.ino);
	if (!by)
		by = strcmp(a->place.base, b->place.base);
	return by;
}

/* The settlers are one array, so their order is the VMs'. */
static int compare_claims(const void *left, const void *right)
{
	const struct claim *a = left;
	const struct claim *b = right;
	int by = compare_things(a, b);

	if (!by)
		by = (a->settler > b->settler) - (a->settler < b->settler);
	return by ? by : order(a->path, b->path);
}

static bool thing_before(const void *claim, const void *what)
{
	return compare_things(claim, what) < 0;
}

/* The first VM's claim to a socket of kind PATH, or of any kind if that is
 * PATHS, at PLACE. NULL if no socket is there. */
static const struct claim *find_place(const struct claims *claims,
				      const struct place *place, unsigned path)
{
	const struct claim what = { .kind = CLAIM_PLACE, .place = *place };
	const struct claim *end = claims->list + claims->count;
	const struct claim *at = claims->list;

	at += sorted_find(claims->list, claims->count, sizeof(*at),
			  thing_before, &what);
	for (; at < end && compare_things(at, &what) == 0; at++)
		if (path == PATHS || at->path == path)
			return at;
	return NULL;
}

static void add_claim(struct claims *claims, struct claim claim)
{
	if (!claim.place.base)
		claim.place.base = "";
	claims->list[claims->count++] = claim;
}

static void claim_values(struct claims *claims, struct settler *s)
{
	const struct vm_config *vm = s->c.vm;

	if (is_good(s, KEY_GUEST_CID))
		add_claim(claims, (struct claim){ .kind = CLAIM_CID,
						  .number = vm->guest_cid,
						  .settler = s });
	if (is_good(s, KEY_NAME))
		add_claim(claims, (struct claim){ .kind = CLAIM_NAME,
						  .place.base = vm->name,
						  .settler = s });
	if (vm->fd >= 0)
		add_claim(claims, (struct claim){ .kind = CLAIM_FD,
						  .number = (uint32_t)vm->fd,
						  .settler = s });
}

/* How many ports are listened on for S; at most CONFIG_FORWARDS_MAX. */
static size_t count_ports(const struct settler *s)
{
	return is_good(s, KEY_FORWARD_LISTEN)
		       ? (size_t)ranges_size(&s->c.vm->forward_listen)
		       : 0;
}

static void claim_ports(struct claims *claims, struct settler *s)
{
	size_t n = count_ports(s);
	size_t i;

	for (i = 0; i < n; i++)
		add_claim(claims, (struct claim){
					  .kind = CLAIM_PORT,
					  .number = ranges_nth(
						  &s->c.vm->forward_listen, i),
					  .settler = s,
				  });
}

/* Where there is no such directory there is nothing to claim. */
static void claim_places(struct claims *claims, struct settler *s)
{
	struct claim claim = { .kind = CLAIM_PLACE, .settler = s };

	for (; claim.path < PATHS; claim.path++) {
		if (!s->path[claim.path][0])
			continue;
		claim.place = value_place(s->path[claim.path]);
		if (claim.place.base)
			add_claim(claims, claim);
	}
}

/* CLAIM is to what FIRST has. */
static void refuse_claim(const struct claim *claim, const struct claim *first,
			 struct mistakes *mistakes)
{
	const struct settler *s = claim->settler;
	const struct settler *other = first->settler;

	switch (claim->kind) {
	case CLAIM_CID:
		clash_number(s, other, KEY_GUEST_CID, claim->number, mistakes);
		break;
	case CLAIM_FD:
		clash_number(s, other, KEY_FD, claim->number, mistakes);
		break;
	case CLAIM_PORT:
		/* One mistake is enough for each two VMs. */
		if (s->told == other)
			break;
		claim->settler->told = other;
		clash_number(s, other, KEY_FORWARD_LISTEN, claim->number,
			     mistakes);
		break;
	case CLAIM_NAME:
		/* Names that follow from equal CIDs are no second mistake. */
		if (is_set(s, KEY_NAME) || is_set(other, KEY_NAME))
			clash(s, KEY_NAME, s->c.vm->name, other, KEY_NAME,
			      "name", mistakes);
		break;
	case CLAIM_PLACE:
		/* Of two equal uds-paths these follow, and are no second
		 * mistake. */
		if (claim->path != SEQPACKET || first->path != SEQPACKET)
			clash(s, paths[claim->path].key, s->path[claim->path],
			      other, paths[first->path].key,
			      paths[first->path].name, mistakes);
		break;
	}
}

static void check_claims(const struct claims *claims, struct mistakes *mistakes)
{
	const struct claim *first = claims->list;
	const struct claim *at;

	for (at = first; at < claims->list + claims->count; at++) {
		if (compare_things(at, first) != 0)
			first = at;
		else if (at != first)
			refuse_claim(at, first, mistakes);
	}
}

/* The name without "_PORT" behind it, in OUT. False: it has none. */
static bool strip_port(const char *base, char out[SOCKET_PATH_MAX + 1])
{
	const char *last = strrchr(base, '_');

	if (!last || !last[1] ||
	    strspn(last + 1, "0123456789") != strlen(last + 1))
		return false;
	*(char *)mempcpy(out, base, (size_t)(last - base)) = '\0';
	return true;
}

/* A socket of ours must not be where a guest finds one of the host's ports. */
static void check_port(const struct claims *claims, const struct claim *socket,
		       struct mistakes *mistakes)
{
	const struct settler *s = socket->settler;
	enum config_key key = paths[socket->path].key;
	char base[SOCKET_PATH_MAX + 1];
	struct place place = socket->place;
	const struct claim *uds;
	char where[256];

	if (!strip_port(place.base, base))
		return;
	place.base = base;
	uds = find_place(claims, &place, UDS_PATH);
	if (!uds)
		return;
	origin_text(origin_of(uds->settler, KEY_UDS_PATH), where,
		    sizeof(where));
	mistake(mistakes, origin_of(s, key), config_key_row(key)->name,
		s->path[socket->path],
		"the guest of VM '%s' would take this socket for a port of the "
		"host, as its name is that VM's uds-path (%s) with '_' and a "
		"number behind; choose another name",
		uds->settler->c.vm->name, where);
}

/* The text of VM's map of PORT, to say where it was. */
static const struct setting *find_map(const struct settler *s, uint32_t port)
{
	const struct setting *setting = &s->c.section->set[KEY_MAP];
	uint64_t n;

	/* One of the texts maps PORT: the last, if no other does. */
	while (setting->next &&
	       (!text_number(setting->text, strcspn(setting->text, ":"), &n) ||
		n != port))
		setting = setting->next;
	return setting;
}

/* A guest reaches what listens for it, not our own sockets. */
static void check_map(const struct claims *claims, const struct settler *s,
		      const struct port_map *map, struct mistakes *mistakes)
{
	const struct setting *setting;
	const struct claim *socket = NULL;
	struct place place = { .base = NULL };
	char where[256];

	if (map->path[0] != '@')
		place = value_place(map->path);
	if (place.base)
		socket = find_place(claims, &place, PATHS);
	if (!socket)
		return;
	setting = find_map(s, map->port);
	origin_text(origin_of(socket->settler, paths[socket->path].key), where,
		    sizeof(where));
	mistake(mistakes, &setting->origin, "map", setting->text,
		"this is the %s of VM '%s' (%s), which no program of the host "
		"listens on; map the port to another path",
		paths[socket->path].name, socket->settler->c.vm->name, where);
}

static void find_paths(struct settler *s)
{
	const struct vm_config *vm = s->c.vm;

	if (vm->socket)
		snprintf(s->path[SOCKET], sizeof(s->path[SOCKET]), "%s",
			 vm->socket);
	if (vm->uds_path)
		snprintf(s->path[UDS_PATH], sizeof(s->path[UDS_PATH]), "%s",
			 vm->uds_path);
	if (vm->uds_path && vm->seqpacket &&
	    strlen(vm->uds_path) + strlen(SOCKET_PATH_SEQPACKET) <=
		    SOCKET_PATH_MAX)
		sprintf(s->path[SEQPACKET], "%s" SOCKET_PATH_SEQPACKET,
			vm->uds_path);
}

/* All that they claim, sorted. 0, or -ENOMEM. */
static int gather_claims(struct claims *claims, struct settler *settlers,
			 unsigned n)
{
	size_t most = (size_t)n * CLAIMS_PER_VM;
	unsigned i;

	for (i = 0; i < n; i++)
		most += count_ports(&settlers[i]);
	claims->list = calloc(most + 1, sizeof(*claims->list));
	if (!claims->list)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		claim_values(claims, &settlers[i]);
		claim_ports(claims, &settlers[i]);
		claim_places(claims, &settlers[i]);
	}
	qsort(claims->list, claims->count, sizeof(*claims->list),
	      compare_claims);
	return 0;
}

void config_clash(const struct candidate *list, unsigned n,
		  struct mistakes *mistakes)
{
	struct settler *settlers = calloc(n + 1u, sizeof(*settlers));
	struct claims claims = { .count = 0 };
	unsigned i, map;
	size_t at;

	for (i = 0; settlers && i < n; i++) {
		settlers[i].c = list[i];
		find_paths(&settlers[i]);
	}
	if (settlers && !gather_claims(&claims, settlers, n)) {
		check_claims(&claims, mistakes);
		for (at = 0; at < claims.count; at++)
			if (claims.list[at].kind == CLAIM_PLACE)
				check_port(&claims, &claims.list[at], mistakes);
		for (i = 0; i < n; i++)
			for (map = 0; map < list[i].vm->nmaps; map++)
				check_map(&claims, &settlers[i],
					  &list[i].vm->maps[map], mistakes);
	} else {
		mistakes->no_memory = true;
	}
	free(claims.list);
	free(settlers);
}
