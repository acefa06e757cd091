/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * An intrusive circular doubly linked list. A node that is on no list points
 * to itself, so that list_remove() may be called at any time after
 * list_init().
 */
#ifndef URING_VSOCK_BASE_LIST_H
#define URING_VSOCK_BASE_LIST_H

#include <stdbool.h>

#include "base/check.h"

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

/* For a head: nothing is on it. For a node: it is on no list. */
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Takes the first node off, which then is on no list; NULL if there is none.
 * Static analysis follows this where a loop frees what it took. */
static inline struct list *list_take(struct list *head)
{
	struct list *node = head->next;

	if (node == head)
		return NULL;
	head->next = node->next;
	node->next->prev = head;
	list_init(node);
	return node;
}

/* Moves all of FROM, in order, to the empty list TO. */
static inline void list_move_all(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	*to = *from;
	to->next->prev = to;
	to->prev->next = to;
	list_init(from);
}

#define list_first(head, type, member) container_of((head)->next, type, member)

#endif
