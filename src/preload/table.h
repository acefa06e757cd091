/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which descriptors are AF_VSOCK's.
 *
 * To ask is two loads, without the lock, so that all other descriptors pay
 * next to nothing.  To change an entry takes the lock of state.h; an entry is
 * followed under it only, so that no endpoint is freed below a reader.
 *
 * Hidden descriptors are the library's own, the members of a fan and those
 * that hold a file (hold.h): for the program they are not open.
 */
#ifndef URING_VSOCK_PRELOAD_TABLE_H
#define URING_VSOCK_PRELOAD_TABLE_H

#include <stdbool.h>

#include "preload/endpoint.h"

/* Without the lock. */

bool table_has(int fd);
bool table_is_hidden(int fd);
/* A copy of FD's endpoint as it is now; false if there is none. */
bool table_view(int fd, struct endpoint *copy);
/* FD, just opened, gets an endpoint like this one.  0, -ENOMEM, -EMFILE. */
int table_add(int fd, const struct endpoint *like);
/* TO refers to what FROM refers to, which may be nothing.  What TO referred
 * to before is as after table_drop(). */
bool table_alias(int from, int to, struct endpoint *last);
/* FD is closed, or about to be.  True if nothing refers to its endpoint any
 * more, of which *LAST is a copy: the caller owns its fan and claim. */
bool table_drop(int fd, struct endpoint *last);
/* The first entry from FD on that is in use, or -1. */
int table_next(int fd);

/* With the lock. */

struct endpoint *table_find(int fd);
/* 0, -ENOMEM or -EMFILE */
int table_hide(int fd);
void table_unhide(int fd);
/* TO, a copy of FROM that is hidden, refers to FROM's endpoint, which there is.
 * 0, -ENOMEM or -EMFILE */
int table_hold(int from, int to);
/* As table_drop(). */
bool table_take(int fd, struct endpoint *last);

#endif
