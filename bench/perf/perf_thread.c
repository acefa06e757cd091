/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "perf/perf_thread.h"

#include <pthread.h>

#define STACK (256u << 10)

int perf_thread_start(void *(*work)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int err;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &attributes, work, argument);
	pthread_attr_destroy(&attributes);
	return err;
}
