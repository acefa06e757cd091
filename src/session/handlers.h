/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What each vhost-user request does, as a table, and how it is answered: with
 * its own reply, or with an acknowledgement if one was asked for, never both.
 */
#ifndef URING_VSOCK_SESSION_HANDLERS_H
#define URING_VSOCK_SESSION_HANDLERS_H

struct frontend;
struct message;

/*
 * Serves M, a message of the front end FE. Descriptors that were not kept are
 * closed. 0, or a negative errno with *WHY, and then the session has to end:
 * M was refused and there is no way to say so, or the reply was not taken.
 */
int handlers_serve(struct frontend *fe, struct message *m, const char **why);

#endif
