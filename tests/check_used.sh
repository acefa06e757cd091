#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Each function that src/ exports is called by src/ itself: functions that only
# tests need belong to them. Looks at the archives that were built, all of which
# must be there.

set -eu
here=$PWD
cd "${TOP_SRCDIR:-$(dirname "$0")/..}/src"

command -v nm >/dev/null || {
	echo 'nm is not there (Debian package binutils)'
	exit 77
}

folders=$(printf '%s\n' */ | sed 's,/$,,' | grep -v preload)
for folder in $folders; do
	[ -f "$here/lib$folder.a" ] || {
		echo "check_used: lib$folder.a is not there: make first"
		exit 77
	}
done

functions() {
	for folder in $folders; do
		nm --defined-only "$here/lib$folder.a"
	done | awk '$2 == "T" { print $3 }'
}

# Beside the declaration and the definition a name stands where it is used;
# words of comments are not counted.
{
	functions
	echo ---
	find . -name '*.[ch]' -exec cat {} +
} | awk '
	/^---$/ { sources = 1; next }
	!sources { offered[$1] = 1; next }
	/^[ \t]*\/?\*/ { next }
	{
		gsub(/[^A-Za-z0-9_]+/, " ")
		for (i = 1; i <= NF; i++)
			if ($i in offered)
				seen[$i]++
	}
	END {
		for (name in offered)
			if (seen[name] < 3) {
				print "check_used: nothing in src/ calls " name "()"
				bad = 1
			}
		exit bad
	}
'
