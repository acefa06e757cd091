/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Check forks for each test, so that a crash or a hang is one test's failure
 * and a static variable never carries anything over. CK_FORK=no, for a
 * debugger, runs them all in one process.
 */
#include "suite.h"

#include <stdlib.h>

/* Check gives a test four seconds by default, which a loaded machine may need:
 * a time limit is there to end what hangs. Before any test case is made. */
__attribute__((constructor)) static void be_patient(void)
{
	setenv("CK_DEFAULT_TIMEOUT", "180", 0);
}

int suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

uint32_t suite_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)(*state * 0x2545f4914f6cdd1du >> 32);
}
