/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a bench measures with: meters that one thread advances and another
 * reads, and what /proc says about another process.
 */
#ifndef URING_VSOCK_BENCH_MEASURE_H
#define URING_VSOCK_BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One thread advances it, any thread reads it; it is alone in its cache line.
 * */
struct meter {
	_Alignas(64) uint64_t bytes;
	uint64_t messages;
};

static inline void meter_add(struct meter *m, uint64_t bytes, uint64_t messages)
{
	__atomic_store_n(&m->bytes, m->bytes + bytes, __ATOMIC_RELAXED);
	__atomic_store_n(&m->messages, m->messages + messages,
			 __ATOMIC_RELAXED);
}

static inline struct meter meter_read(const struct meter *m)
{
	return (struct meter){
		.bytes = __atomic_load_n(&m->bytes, __ATOMIC_RELAXED),
		.messages = __atomic_load_n(&m->messages, __ATOMIC_RELAXED),
	};
}

/* Nanoseconds that all threads of PID have run so far; 0 for PID 0. */
uint64_t process_cpu_ns(pid_t pid);
/* The same of the kernel's own devices that this process has: since Linux 6.4
 * they are threads of it, before they count as nothing. */
uint64_t vhost_cpu_ns(void);
/* Nanoseconds that processors had nothing to do, together, in ticks. */
uint64_t machine_idle_ns(void);
/* Anonymous memory in bytes, page tables left out; 0 for PID 0. */
uint64_t process_anonymous(pid_t pid);
/* Voluntary context switches of all its threads: about as many as wake-ups. */
uint64_t process_sleeps(pid_t pid);

/* Whether all its threads are in STATE: 'S' asleep, 'T' stopped. */
bool process_all(pid_t pid, char state);

#endif
