/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Each VM's descriptors are counted by its own thread. Only those beyond its
 * share are counted for all VMs together, by an atomic number. If n VMs want as
 * many as they can have, each gets one part in n + 1 of the common ones, so that
 * some are always left.
 */
#include "turn/descriptors.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bytes.h"
#include "base/fd.h"

/* Descriptors that a worker needs for a moment: for a file of /proc that it reads,
 * and some to spare. */
#define PASSING 4

/* A message brings 253 at the most (SCM_MAX_FD, unix(7)), of which 8 are wanted.
 * A VM that has few may send fewer: this part of its share. */
#define SURPLUS_MAX 245
#define SURPLUS_PART 8

/* Connections that only wait may hold this part of a VM's share, or a few. */
#define WAITING_PART 4
#define WAITING_LEAST 32

static unsigned limit_of_process(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur > (rlim_t)INT_MAX)
		return INT_MAX;
	return (unsigned)limit.rlim_cur;
}

unsigned descriptors_share_out(struct descriptors *d, unsigned nvms,
			       unsigned nworkers, unsigned session)
{
	uint64_t limit = limit_of_process();
	uint64_t reserved = fd_count_open() + (uint64_t)nvms * session +
			    (uint64_t)nworkers * PASSING;
	unsigned rest = limit > reserved ? (unsigned)(limit - reserved) : 0;

	d->share = nvms > 1 ? rest / 2 / nvms : rest;
	d->common = rest - d->share * nvms;
	d->surplus = min_u32(d->share / SURPLUS_PART, SURPLUS_MAX);
	d->share -= d->surplus;
	atomic_init(&d->borrowed, 0);
	return d->share;
}

/* One more of the common ones, for a VM that has OWN of them. */
static bool borrow(struct descriptors *d, unsigned own)
{
	unsigned borrowed =
		atomic_load_explicit(&d->borrowed, memory_order_relaxed);

	do {
		if (own >= d->common - borrowed)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&d->borrowed, &borrowed, borrowed + 1, memory_order_acquire,
		memory_order_relaxed));
	return true;
}

bool descriptors_take(struct descriptors *d, unsigned *held)
{
	if (d && *held >= d->share && !borrow(d, *held - d->share))
		return false;
	++*held;
	return true;
}

/* The release pairs with the acquire in borrow(): the descriptor is closed before
 * another worker opens one in its place. */
void descriptors_give(struct descriptors *d, unsigned *held)
{
	--*held;
	if (d && *held >= d->share)
		atomic_fetch_sub_explicit(&d->borrowed, 1,
					  memory_order_release);
}

bool descriptors_lend(const struct descriptors *d, unsigned *held, unsigned n)
{
	if (d && (*held > d->share || d->share - *held < n))
		return false;
	*held += n;
	return true;
}

static unsigned beyond_share(const struct descriptors *d, unsigned held)
{
	return held > d->share ? held - d->share : 0;
}

/* While N were lent, others may have been borrowed that the share now has room
 * for. */
void descriptors_return(struct descriptors *d, unsigned *held, unsigned n)
{
	unsigned before = *held;

	*held -= n;
	if (d)
		atomic_fetch_sub_explicit(&d->borrowed,
					  beyond_share(d, before) -
						  beyond_share(d, *held),
					  memory_order_release);
}

const char *descriptors_error(int err)
{
	if (err == -EMFILE)
		return "the VM's share of file descriptors is in use; a higher "
		       "RLIMIT_NOFILE (systemd: LimitNOFILE=) allows more";
	return strerror(-err);
}

unsigned descriptors_for_waiting(const struct descriptors *d, unsigned most)
{
	if (!d)
		return most;
	return min_u32(most, d->share / WAITING_PART > WAITING_LEAST
				     ? d->share / WAITING_PART
				     : WAITING_LEAST);
}

unsigned descriptors_surplus(const struct descriptors *d)
{
	return d ? d->surplus : SURPLUS_MAX;
}
