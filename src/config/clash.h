/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * VMs that are in each other's way: equal CIDs, names, descriptors or ports
 * that are listened on; a socket that is another one, too, or that a guest
 * would reach as one of the host's ports.
 */
#ifndef URING_VSOCK_CONFIG_CLASH_H
#define URING_VSOCK_CONFIG_CLASH_H

struct mistakes;
struct section;
struct vm_config;

struct candidate {
	const struct section *section;
	const struct vm_config *vm;
	unsigned good; /* 1 << key: its value is right */
};

/* Compares each of the N with itself and with all before it. */
void config_clash(const struct candidate *list, unsigned n,
		  struct mistakes *mistakes);

#endif
