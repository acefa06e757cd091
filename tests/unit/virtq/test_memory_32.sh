#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Pointers of 32 bits: configure refuses them. Whoever builds for them all the
# same has regions refused that do not fit, and nothing mapped in part.

set -eu
src=${TOP_SRCDIR:-$(dirname "$0")/..}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/main.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "virtq/memory.h"

#define GIB (1ull << 30)

static int expect(uint64_t size, uint64_t offset, int fits)
{
	struct memory_region r = { 0, size, 0, offset };
	const char *why = "";
	int fd = memfd_create("ram", MFD_CLOEXEC);
	struct memory *m;
	int bad;

	if (ftruncate(fd, (off_t)(16 * GIB)) < 0)
		return 1;
	m = memory_add(NULL, &r, fd, &why);
	bad = fits != !!m;
	if (bad)
		printf("%llu bytes at %llu: %s\n", (unsigned long long)size,
		       (unsigned long long)offset, m ? "mapped" : why);
	memory_put(m);
	close(fd);
	return bad;
}

int main(void)
{
	int bad = 0;

	if (sizeof(void *) != 4)
		return 1;
	bad |= expect(4096, 0, 1);
	bad |= expect(GIB / 4, 0, 1);
	bad |= expect(GIB / 4, 5 * GIB, 1);
	bad |= expect(2 * GIB, 0, 0);
	bad |= expect(4 * GIB - 1, 0, 0);
	bad |= expect(4 * GIB, 0, 0);
	bad |= expect(4 * GIB + 4096, 0, 0);
	bad |= expect(5 * GIB, 0, 0);
	bad |= expect(8 * GIB, 4096, 0);
	return bad;
}
END

cc=${CC:-cc}
flags="-m32 -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I$src/src"
echo 'int main(void) { return 0; }' >"$dir/none.c"
# shellcheck disable=SC2086 # lists of words
if ! $cc -m32 -o "$dir/none" "$dir/none.c" 2>/dev/null || ! "$dir/none"; then
	echo "programs of 32 bits cannot be built or run here (Debian: gcc-multilib)"
	exit 77
fi
# shellcheck disable=SC2086
$cc $flags -o "$dir/test" "$dir/main.c" "$src/src/virtq/memory.c" \
	"$src/src/virtq/guard.c"
"$dir/test"
