#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Includes go downwards only. Each row of the table is a folder of src/ and the
# folders that its files may include, beside its own and base/. Within a folder
# no include leads back to where it came from. The linker holds the same rows
# against calls (see Makefile.am).

set -eu
cd "${TOP_SRCDIR:-$(dirname "$0")/..}/src"

layers() {
	cat <<-'END'
	base
	protocol
	virtq
	vsock
	ring
	config
	preload
	turn      vsock virtq ring
	guest     turn vsock virtq ring config
	link      guest turn vsock virtq ring config
	host      link guest turn vsock virtq ring config
	sibling   link guest turn vsock virtq ring config
	session   link guest turn vsock virtq ring config protocol
	funnel    host sibling link guest turn vsock virtq ring config
	daemon    funnel session host sibling link guest turn vsock virtq ring config protocol
	main      daemon config virtq
	END
}

includes() {
	# shellcheck disable=SC2046 # our own file names
	grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' \
		$(find . -name '*.[ch]' | sed 's,^\./,,' | sort) |
		sed 's/^\([^:]*\):\([0-9]*\):[^"]*"\([^"]*\)".*/\1 \2 \3/'
}

allowed() {
	layers
	echo ---
	includes
}

refused=$(allowed | awk '
	function module(file) { sub(/\.[ch]$/, "", file); return file }
	function folder(file) { sub(/[\/.].*/, "", file); return file }

	/^---$/ { second = 1; next }
	!second {
		row[$1] = 1
		may[$1, $1] = may[$1, "base"] = 1
		for (i = 2; i <= NF; i++)
			may[$1, $i] = 1
		next
	}
	!(folder($1) in row) {
		print "src/" $1 ": its folder has no row in the table of layers"
		next
	}
	!((folder($1), folder($3)) in may) {
		print "src/" $1 ":" $2 ": " $3 " is not below"
	}' | sort -u)

# A module is a .c and its .h; tsort names those that form a circle.
circles=$(includes | sed 's/\.[ch] [0-9]* / /; s/\.[ch]$//' |
	awk '$1 != $2' | tsort 2>&1 >/dev/null | grep -v 'input contains a loop' || :)

[ -z "$refused" ] || echo "check_layers: $refused" >&2
[ -z "$circles" ] || echo "check_layers: these include each other: $circles" >&2
[ -z "$refused$circles" ]
