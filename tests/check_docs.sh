#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# The documents are true as far as a script can see: each link leads to a file,
# from an installed document to an installed one, and with a '#' to a heading;
# each file, folder and function that docs/architecture.md and docs/tour.md
# name exists, docs/README.md lists every document, and one version stands in
# configure.ac, in CHANGELOG.md and in what the programs print.

set -eu
cd "${TOP_SRCDIR:-$(dirname "$0")/..}"

documents=$(find README.md CONTRIBUTING.md SECURITY.md docs -name '*.md' | sort)
maps='docs/architecture.md docs/tour.md'
bad=0

complain() {
	echo "check_docs: $*" >&2
	bad=1
}

# exists PATH: such a file or folder is there, or a program's source. PATH may
# be a pattern.
exists() {
	for found in $1 $1.c $1.h $1.in; do
		[ ! -e "$found" ] || return 0
	done
	return 1
}

# words FILE: its words of the form a/b, without links and punctuation.
words() {
	sed 's/<!--.*-->//; s/\](\([^)]*\))/]/g; s,https*://[^ )]*,,g' "$1" |
		grep -oE '(^|[^A-Za-z0-9_./<-])[A-Za-z_][A-Za-z0-9_.*-]*(/[A-Za-z0-9_.*-]+)+' |
		sed 's/^[^A-Za-z_]//; s/\.$//' | sort -u
}

# anchors FILE: its headings as GitHub names them: in small letters, without
# signs but '-' and '_', and with '-' for a blank; the second of a name has -1.
anchors() {
	# shellcheck disable=SC2016 # these are no commands
	sed '/^```/,/^```/d' "$1" | sed -n 's/^##* //p' |
		sed 's/\](\([^)]*\))/]/g' | tr '[:upper:]' '[:lower:]' |
		sed 's/[^a-z0-9 _-]//g; s/ /-/g' |
		awk '{ print $0 (seen[$0] ? "-" seen[$0] : ""); seen[$0]++ }'
}

# from_here DOCUMENT LINK: the path of what DOCUMENT links to.
from_here() {
	place=$(dirname "$(dirname "$1")/$2")
	place=$(cd "$place" 2>/dev/null && pwd) || place=nowhere
	place=$place/$(basename "$2")
	echo "${place#"$PWD"/}"
}

# installed FILE: docs/Makemodule.am puts it where README.md says that it is.
installed() {
	case $1 in
	*.[1-8]) return 1 ;;
	esac
	sed 's,^	%D%/,docs/,; s/^	//; s/ \\$//' docs/Makemodule.am |
		grep -qxF -e "$1"
}

# Every document: links, and paths that begin with a folder of the tree. Words
# in capitals stand for something, and some folders are made by a build.
for document in $documents; do
	# shellcheck disable=SC2013 # no name has a blank
	for link in $(grep -oE '\]\([^)]*\)' "$document" |
		sed 's/^](//; s/)$//' | grep -v '^http'); do
		file=${link%%#*}
		target=$document
		[ -z "$file" ] || target=$(from_here "$document" "$file")
		if [ ! -e "$target" ]; then
			complain "$document links to $file, which is not there"
			continue
		fi
		case $link in
		*'#'*)
			anchors "$target" | grep -qx -e "${link#*#}" ||
				complain "$document links to $link, and" \
					"$target has no such heading"
			;;
		esac
		if installed "$document" && [ -f "$target" ] &&
			! installed "$target"; then
			complain "$document is installed and links to" \
				"$target, which is not"
		fi
	done
	for word in $(words "$document"); do
		case $word in
		*[A-Z][A-Z]* | bench/out* | tests/fuzz/corpus | tests/fuzz/finds)
			;;
		src/* | tests/* | docs/* | scripts/* | bench/*)
			exists "$word" ||
				complain "$document: there is no $word"
			;;
		esac
	done
done

# The maps: a/b is the module b in the folder a of src/, and b() a function.
functions=$(find src -name '*.[ch]' -exec grep -ohE \
	'^[a-z][^;={]*[ *]\(?[a-z_0-9]+\(' {} + |
	sed 's/($//; s/.*[ *(]//' | sort -u)
for map in $maps; do
	for word in $(words "$map"); do
		exists "$word" || exists "src/$word" ||
			complain "$map: there is no $word, here or in src/"
	done
	# shellcheck disable=SC2013 # no name has a blank
	for name in $(sed 's/<!--.*-->//' "$map" |
		grep -oE '[a-z_0-9]+\(\)' | sort -u); do
		echo "$functions" | grep -qx "${name%??}" ||
			complain "$map: src/ has no function $name"
	done
done

# The index.
for document in docs/*.md docs/*.[1-8] docs/*.ini docs/recipes/README.md; do
	case $document in
	docs/README.md) ;;
	*)
		grep -qF -e "(${document#docs/})" \
			-e "man $document\`" docs/README.md ||
			complain "docs/README.md does not list $document"
		;;
	esac
done

# The version.
version=$(sed -n 's/^AC_INIT(\[uring-vsock\], \[\(.*\)\])$/\1/p' configure.ac)
[ -n "$version" ] || complain 'configure.ac has no version in AC_INIT'
sed -n '/^## /{p;q}' CHANGELOG.md | grep -qwF "$version" ||
	complain "CHANGELOG.md does not begin with version $version"
for program in "${URING_VSOCK-}" "${URING_VSOCK_PERF-}"; do
	if [ -x "$program" ]; then
		[ "$("$program" --version)" = \
			"$(basename "$program") $version" ] ||
			complain "$program --version does not say $version"
	fi
done

exit "$bad"
