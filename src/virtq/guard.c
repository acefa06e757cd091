/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The registry is a table of slots in linked blocks that are never freed, so
 * that a signal handler may walk it at any moment, on any thread, without a
 * lock. A slot is claimed by a compare-and-swap of its start from FREE to
 * CLAIMED, filled, and shown by storing the real start; the handler reads the
 * start, the length, and the start once more.
 */
#include "virtq/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define SPANS_PER_BLOCK 256

/* Values of a start that no mapping has. */
#define FREE 0
#define CLAIMED 1

struct guard_span {
	_Atomic uintptr_t start;
	_Atomic size_t length;
	atomic_bool lost;
};

struct block {
	struct guard_span spans[SPANS_PER_BLOCK];
	struct block *_Atomic next;
};

/* These are global, as a signal handler has no argument to find them by. */
static struct block first_block;
static atomic_bool any_lost;
static atomic_bool installed;
static struct sigaction before;

static bool span_holds(struct guard_span *s, uintptr_t addr)
{
	uintptr_t start = atomic_load(&s->start);
	size_t length = atomic_load(&s->length);

	return start > CLAIMED && addr - start < length &&
	       atomic_load(&s->start) == start;
}

static struct guard_span *span_find(uintptr_t addr)
{
	struct block *b;

	for (b = &first_block; b; b = atomic_load(&b->next))
		for (unsigned i = 0; i < SPANS_PER_BLOCK; i++)
			if (span_holds(&b->spans[i], addr))
				return &b->spans[i];
	return NULL;
}

static bool span_replace(struct guard_span *s)
{
	void *start = (void *)atomic_load(&s->start);
	void *p = mmap(start, atomic_load(&s->length), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
		       -1, 0);

	if (p == MAP_FAILED)
		return false;
	atomic_store(&s->lost, true);
	atomic_store(&any_lost, true);
	return true;
}

/* Restores the former action. The faulting instruction runs again and meets it;
 * a SIGBUS that some process sent is sent again. */
static void die_as_before(const siginfo_t *info)
{
	sigaction(SIGBUS, &before, NULL);
	if (info->si_code <= 0)
		raise(SIGBUS);
}

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	int saved = errno;
	struct guard_span *s = NULL;

	(void)signal;
	(void)context;
	if (info->si_code > 0)
		s = span_find((uintptr_t)info->si_addr);
	if (!s || !span_replace(s))
		die_as_before(info);
	errno = saved;
}

int guard_install(void)
{
	struct sigaction action = {
		.sa_sigaction = on_sigbus,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	if (atomic_exchange(&installed, true))
		return 0;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGBUS, &action, &before) < 0) {
		atomic_store(&installed, false);
		return -errno;
	}
	return 0;
}

static struct guard_span *claim_in(struct block *b)
{
	for (unsigned i = 0; i < SPANS_PER_BLOCK; i++) {
		uintptr_t expected = FREE;

		if (atomic_compare_exchange_strong(&b->spans[i].start,
						   &expected, CLAIMED))
			return &b->spans[i];
	}
	return NULL;
}

/* The block after B, made if there is none; two threads may race to make it. */
static struct block *block_after(struct block *b)
{
	struct block *next = atomic_load(&b->next);
	struct block *made;

	if (next)
		return next;
	made = calloc(1, sizeof(*made));
	if (!made)
		return NULL;
	if (atomic_compare_exchange_strong(&b->next, &next, made))
		return made;
	free(made);
	return next;
}

/* START is stored last: a handler that finds an address by it finds the length
 * as well. */
struct guard_span *guard_add(void *start, size_t length)
{
	struct block *b = &first_block;
	struct guard_span *s = claim_in(b);

	while (!s) {
		b = block_after(b);
		if (!b)
			return NULL;
		s = claim_in(b);
	}
	atomic_store(&s->lost, false);
	atomic_store(&s->length, length);
	atomic_store(&s->start, (uintptr_t)start);
	return s;
}

/*
 * The slot may be claimed anew at once. A handler on another thread that is
 * about to look at it finds another start, which holds no address of the old
 * mapping.
 */
void guard_remove(struct guard_span *span)
{
	if (span)
		atomic_store(&span->start, FREE);
}

bool guard_lost(const struct guard_span *span)
{
	return atomic_load_explicit(&span->lost, memory_order_relaxed);
}

bool guard_any_lost(void)
{
	return atomic_load_explicit(&any_lost, memory_order_relaxed);
}
