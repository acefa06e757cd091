/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A guest on a loop of its own, without a session, for tests of src/host. */
#ifndef URING_VSOCK_TESTS_HOST_FIXTURE_H
#define URING_VSOCK_TESTS_HOST_FIXTURE_H

struct guest;
struct loop;

/* Opens LOOP on this engine and makes a guest on it, whose uds-path is the name of
 * no file. NULL: this machine forbids the engine. */
struct guest *host_begin(struct loop *loop, const char *engine);

/* Ends GUEST's connections, and frees it and what its loop holds. Nothing else
 * watches on the loop any more. */
void host_finish(struct guest *guest);

#endif
