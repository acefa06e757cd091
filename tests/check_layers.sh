#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Includes go downwards only. Each row of the table is a folder of src/ and the
# folders that its files may include, beside its own and base/, all of which have
# rows above it. The linker holds the same rows against calls (see Makefile.am).
# In src/, tests/ and bench/ no chain of includes leads back to where it began.

set -eu
cd "${TOP_SRCDIR:-$(dirname "$0")/..}"

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

# includes TREE: lines of "FILE LINE INCLUDED", both below TREE.
includes() {
	cd "$1"
	# shellcheck disable=SC2046 # our own file names
	grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' \
		$(find . -name '*.[ch]' | sed 's,^\./,,' | sort) |
		sed 's/^\([^:]*\):\([0-9]*\):[^"]*"\([^"]*\)".*/\1 \2 \3/'
}

allowed() {
	layers
	echo ---
	(includes src)
}

# A module is a .c and its .h; tsort names those that form a circle. A file that
# is included by its name alone lies beside the one that includes it.
circles() {
	(includes "$1") | while read -r file _ name; do
		[ ! -f "$1/${file%/*}/$name" ] || name=${file%/*}/$name
		echo "$1/$file $1/$name"
	done | sed 's/\.[ch] / /; s/\.[ch]$//' | awk '$1 != $2' |
		tsort 2>&1 >/dev/null | sed '/input contains a loop/d; s/^tsort: //' |
		sort -u
}

refused=$(allowed | awk '
	function folder(file) { sub(/[\/.].*/, "", file); return file }

	/^---$/ { second = 1; next }
	!second {
		row[$1] = 1
		may[$1, $1] = may[$1, "base"] = 1
		for (i = 2; i <= NF; i++) {
			may[$1, $i] = 1
			if (!($i in row) || $i == $1)
				print "the table: " $i " has no row above " $1
		}
		next
	}
	!(folder($1) in row) {
		print "src/" $1 ": its folder has no row in the table of layers"
		next
	}
	!((folder($1), folder($3)) in may) {
		print "src/" $1 ":" $2 ": " $3 " is not below"
	}' | sort -u)

circles=$(circles src; circles tests; circles bench)

[ -z "$refused" ] || echo "check_layers: $refused" >&2
[ -z "$circles" ] || echo "check_layers: these include each other: $circles" >&2
[ -z "$refused$circles" ]
