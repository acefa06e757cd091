/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What each vhost-user request does, as a table, and how it is answered: with a
 * reply of its own, or with an acknowledgement if one was asked for, but never
 * with both.
 */
#ifndef URING_VSOCK_SESSION_HANDLERS_H
#define URING_VSOCK_SESSION_HANDLERS_H

struct frontend;
struct message;

/*
 * Serves M, a message of the front end FE, and closes the descriptors that were
 * not kept. 0, or a negative errno with *WHY, for which the session has to end:
 * M was refused and there is no way to say so, its descriptors are of a kind that
 * may do harm, or the reply was not taken.
 */
int handlers_serve(struct frontend *fe, struct message *m, const char **why);

#endif
