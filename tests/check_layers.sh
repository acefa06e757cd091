#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
#
# Includes go downwards only. A module (a .c and its .h) may include what is
# named on an earlier line of the table below, never what shares its line or
# comes later; of the five leaf folders each knows only itself and base/.
# Together with the linker (see Makefile.am) this keeps cycles out.

set -eu
cd "${TOP_SRCDIR:-$(dirname "$0")/..}/src"

layers() {
	cat <<-'END'
	base/check base/bytes base/clock base/fd base/fd_kind
	base/closer base/list base/log base/iov base/text
	base/timer base/ranges

	protocol/wire
	protocol/message
	protocol/request protocol/reader

	virtq/layout virtq/guard
	virtq/memory
	virtq/chain
	virtq/virtq

	vsock/packet vsock/credit vsock/handshake vsock/ports
	vsock/backlog
	vsock/parcels
	vsock/windows
	vsock/messages vsock/conn
	vsock/conn_output vsock/deadlines vsock/ended vsock/table

	ring/watch
	ring/ring
	ring/engine ring/uring_setup
	ring/uring ring/epoll

	preload/answer preload/number preload/real preload/state
	preload/vms preload/address preload/greet
	preload/claim preload/endpoint
	preload/table
	preload/hold preload/sockopts preload/swap
	preload/dial preload/fan
	preload/listen
	preload/calls_data preload/calls_device preload/calls_fd preload/calls_socket preload/inherit
	preload/load

	bell capabilities config descriptors lane mistakes pace ram_file spin turn watchdog
	config_values host_address usock
	config_lists config_remarks
	config_keys config_print
	config_draft options_help
	config_clash
	config_merge config_build config_ini config_yaml
	config_file
	options

	resets loop
	queues
	guest
	switchboard half half_message rights
	half_ask
	awake events frontend link rx_buffers
	half_data link_part link_socket siblings_refuse
	dial incoming sends_messages
	sends siblings_hear to_guest_messages
	siblings_tell
	siblings
	from_guest to_guest listener
	forwards
	lifecycle
	departure
	device
	handlers
	frontends
	service vm
	worker
	daemon
	main
	END
}

includes() {
	# shellcheck disable=SC2046 # our own file names
	grep -Hn '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' \
		$(find . -name '*.[ch]' | sed 's,^\./,,' | sort) |
		sed 's/^\([^:]*\):\([0-9]*\):[^"]*"\([^"]*\)".*/\1 \2 \3/'
}

{
	layers
	echo ---
	find . -name '*.[ch]' | sed 's,^\./,,' | sort
	echo ---
	includes
} | awk '
	function module(file) { sub(/\.[ch]$/, "", file); return file }
	function folder(file) { return file ~ /\// ? substr(file, 1, index(file, "/") - 1) : "" }
	function complain(text) { print "check_layers: src/" text; bad = 1 }

	/^---$/ { part++; next }
	part == 0 { for (i = 1; i <= NF; i++) level[$i] = NR; next }
	part == 1 {
		if (!(module($1) in level))
			complain($1 ": has no place in the table of layers")
		next
	}
	{
		from = module($1)
		to = module($3)
		at = $1 ":" $2 ": "
		if (from == to || !(from in level))
			next
		if (!(to in level))
			complain(at $3 " is not known by that name")
		else if (folder($1) != "" && folder($3) != folder($1) && folder($3) != "base")
			complain(at "a leaf folder includes " $3)
		else if (level[to] >= level[from])
			complain(at $3 " is not below")
	}
	END { exit bad }
'
