/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * INI and YAML files, right and wrong in every way: the settings or the
 * mistakes that they come to.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "config/ini.h"
#include "config/yaml.h"
#include "suite.h"
#include "unit/config/config_fixture.h"

#define X50 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define DAEMON(engine, level)                                    \
	"[daemon]\nengine = " engine "\nlog-level = " level "\n" \
	"workers = 1\npoll-us = 50\n"
#define PEERS                                                 \
	"groups = default\nseqpacket = yes\nmemory = local\n" \
	"allow-guest = all\nallow-host = all\n"
#define VM(name, cid, socket, uds)                               \
	"\n[vm " name "]\nguest-cid = " cid "\nsocket = " socket \
	"\nuds-path = " uds                                      \
	"\ntx-buffer-size = 262144\nqueue-size = 1024\n" PEERS
#define ONE DAEMON("auto", "info") VM("a", "3", "s", "u")
#define LISTS                                                                           \
	DAEMON("auto", "info")                                                          \
	"\n[vm a]\nguest-cid = 3\nsocket = s\nuds-path = u\n"                           \
	"tx-buffer-size = 262144\nqueue-size = 1024\ngroups = a+b+c\n"                  \
	"seqpacket = no\nmemory = local\nforward-cid = 1\nforward-listen = 9001-9002\n" \
	"allow-guest = 22,1024-2047\nallow-host = 22,80\nmap = 6:y\n"                   \
	"map = 7:@x\n"
#define NO_VM                                                            \
	"uring-vsock: f: expected a VM: in INI a section [vm NAME], in " \
	"YAML an entry of vms, each with a socket and a uds-path\n"
#define WRONG(line, text) "uring-vsock: f:" #line ": " text "\n"
#define SECTION "': a section is [daemon] or [vm NAME]"
#define LINE "': a line is [SECTION] or KEY = VALUE"

static const struct file_row {
	const char *text;
	const char *outcome;
} ini_rows[] = {
	{ "[vm a]\nsocket = s\nuds-path = u\n", ONE },
	{ "[vm a]\nsocket=s\nuds_path=u", ONE },
	{ "[vm a]\nsocket: s\nuds-path: u\n", ONE },
	{ "\xef\xbb\xbf[vm a]\r\nsocket = s\r\nuds-path = u\r\n", ONE },
	{ "\n# x\n; y\n [vm \t a]\n\tsocket = s\n\t uds-path = u  \n\n", ONE },
	{ "[vm a] ; x\nsocket = s ; y\nuds-path = u\t;z\n", ONE },
	{ "[vm a]\nsocket = s\nuds-path = u\n[daemon]\n[daemon]\n", ONE },
	{ "[vm a] # x\nsocket = s # y\nuds-path = u\t#z\n#\n", ONE },
	{ "[vm a] # x ; y\nsocket = s ; x # y\nuds-path = u # x ; y\n", ONE },
	{ "[vm a]\nsocket = s # " X50 X50 X50 X50
	  "\nuds-path = u\n; " X50 X50 X50 X50 "\n# " X50 X50 X50 X50 "\n",
	  ONE },
	{ "[vm a]\nsocket = s\nuds-path = u;v=w\n",
	  DAEMON("auto", "info") VM("a", "3", "s", "u;v=w") },
	{ "[vm a]\nsocket = s\nuds-path = u#v=w#\n",
	  DAEMON("auto", "info") VM("a", "3", "s", "u#v=w#") },
	{ "[vm a]\nsocket = \xc3\xa4\nuds-path = b c\n",
	  DAEMON("auto", "info") VM("a", "3", "\xc3\xa4", "b c") },
	{ "[daemon]\nengine = epoll\nlog_level = warn\n[vm a]\nsocket = s\n"
	  "uds-path = u\n[vm b]\nguest-cid = 4\nsocket = t\nuds-path = v\n",
	  DAEMON("epoll", "warn") VM("a", "3", "s", "u")
		  VM("b", "4", "t", "v") },
	/* lists: written once, or again and again */
	{ "[vm a]\nsocket = s\nuds-path = u\ngroups = c b,a\n"
	  "forward-listen = 9001+9002\nallow-guest = 22+1024-2047\n"
	  "allow-host = 22, 80\nmap = 7:@x\nmap = 6:y\nforward-cid = 1\n"
	  "seqpacket = no\n",
	  LISTS },
	{ "[vm a]\nsocket = s\nuds-path = u\nallow-guest = 1024-2047\n"
	  "groups = c\nforward_listen = 9001\nforward-listen = 9002\n"
	  "allow-guest = none\nallow_guest = 22\ngroups = b\n"
	  "allow-host = 80\nmap = 7:@x\nallow-host = 22\nmap = 6:y\n"
	  "forward-cid = 1\nseqpacket = no\ngroups = a\n",
	  LISTS },
	{ "", NO_VM },
	{ "\n; nothing\n", NO_VM },
	{ "[daemon]\n", NO_VM },
	{ "[vm a]\n",
	  WRONG(1, "key 'socket': missing: the path where the hypervisor connects") WRONG(
		  1,
		  "key 'uds-path': missing: the path where programs on the host connect") },
	{ "socket = s\n[vm a]\nsocket = s\nuds-path = u\n",
	  WRONG(1,
		"key 'socket': value 's': this line stands before the first section; move it below [vm NAME]") },
	{ "engine = epoll\ncolour = red\n[vm a]\nsocket = s\nuds-path = u\n",
	  WRONG(1, "key 'engine': value 'epoll': this line stands before the "
		   "first section; move it below [daemon]")
		  WRONG(2, "key 'colour': value 'red': this line stands before "
			   "the first section; move it below [daemon] or [vm "
			   "NAME]") },
	{ "[vm a]\nsocket = s\nsocket = t\nuds-path = u\nuds_path = u\n",
	  WRONG(3,
		"key 'socket': value 't': a key may be set once; line 2 sets it to 's'")
		  WRONG(5,
			"key 'uds_path': value 'u': a key may be set once; line 4 sets it to 'u'") },
	{ "[vm a]\nname = b\nsocket = s\nuds-path = u\n",
	  WRONG(2,
		"key 'name': value 'b': a key may be set once; line 1 sets it to 'a'") },
	{ "[vm a]\nsocket = s\nuds-path = u\nengine = epoll\ndns-path = u\n"
	  "colour = red\n[daemon]\nsocket = s\nlogs = info\n",
	  WRONG(4,
		"key 'engine': value 'epoll': this key belongs to the daemon: below [daemon] or 'daemon:' of a file, or as an option of its own")
		  WRONG(5,
			"key 'dns-path': value 'u': there is no such key; the nearest is 'uds-path'")
			  WRONG(6,
				"key 'colour': value 'red': there is no such key, nor one like it; see --help")
				  WRONG(8,
					"key 'socket': value 's': this key belongs to a VM: below [vm NAME] or in an entry of 'vms:'")
					  WRONG(9,
						"key 'logs': value 'info': there is no such key, nor one like it; see --help") },
	/* broken lines do not hide what is missing elsewhere */
	{ "[vm a]\nsocket = s\nuds-path\n = u\n[vm b]\nguest-cid = 4\n"
	  "socket = t\n",
	  WRONG(3, "value 'uds-path" LINE) WRONG(
		  4,
		  "key '': value 'u': there is no such key, nor one like it; see --help")
		  WRONG(5,
			"key 'uds-path': missing: the path where programs on the host connect") },
	/* keys of an unknown section are passed over */
	{ "[vm]\nx = 1\n[vma]\n[daemon a]\n[vm \nx = 1\n[vm ;a]\n[]\n",
	  WRONG(1, "value '[vm]" SECTION) WRONG(3, "value '[vma]" SECTION)
		  WRONG(4, "value '[daemon a]" SECTION)
			  WRONG(5, "value '[vm" SECTION)
				  WRONG(7, "value '[vm ;a]" SECTION)
					  WRONG(8, "value '[]" SECTION) },
	{ "[vm #a]\n[vm a]\nsocket # = s\nuds-path = # u\n",
	  WRONG(1, "value '[vm #a]" SECTION) WRONG(3, "value 'socket" LINE) WRONG(
		  4,
		  "key 'uds-path': value '': expected the path of a socket") },
	{ "[vm a]\nsocket = s\n[x]\n",
	  WRONG(1,
		"key 'uds-path': missing: the path where programs on the host connect")
		  WRONG(3, "value '[x]" SECTION) },
	{ "[x]\ny = 1\n[vm a]\nsocket = s\ncolour = red\n",
	  WRONG(1, "value '[x]" SECTION) WRONG(
		  3,
		  "key 'uds-path': missing: the path where programs on the host connect")
		  WRONG(5,
			"key 'colour': value 'red': there is no such key, nor one like it; see --help") },
	{ "\n\n; x\n\n[vm a]\nsocket = s\nuds-path = u\n[vm ;b]\nname = c\n",
	  WRONG(8, "value '[vm ;b]" SECTION) },
	{ "[vm a]\nsocket = " X50 X50 X50 X50 "\nuds-path = u\n",
	  WRONG(2,
		"value 'socket = " X50 X50 X50
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx': this line is too long; shorten it, or give a list in several lines") },
	{ "[vm a]\nsocket = s\nuds-path = u\nname" X50 " = 1\n",
	  WRONG(4,
		"key 'name" X50
		"': value '1': there is no such key, nor one like it; see --help") },
};

static const struct file_row yaml_rows[] = {
	{ "vms:\n    - guest_cid: 3\n      socket: s\n      uds_path: u\n"
	  "      name: a\n",
	  ONE },
	{ "- {name: a, socket: s, uds-path: u}\n", ONE },
	{ "[{name: 'a', guest-cid: \"3\", socket: s, uds-path: u}]\n", ONE },
	{ "---\n- name: a\n  socket: s\n  uds_path: u\n...\n", ONE },
	{ "- name: a\n  socket: s\n  uds_path: u\n  groups:\n"
	  "  forward_cid: ~\n  forward_listen: null\n",
	  ONE },
	{ "- &x {name: a, socket: &s s, uds-path: u}\n- guest-cid: 4\n"
	  "  socket: t\n  uds-path: v\n",
	  ONE VM("vm4", "4", "t", "v") },
	/* numbers as YAML has them, and names as people have them */
	{ "- {name: a, socket: s, uds_path: u, guest_cid: 0x10,\n"
	  "   tx_buffer_size: 0o200000, queue_size: +1024,\n"
	  "   groups: gr\xc3\xb6\xc3\x9f"
	  "e}\n",
	  DAEMON("auto",
		 "info") "\n[vm a]\nguest-cid = 16\nsocket = s\nuds-path = u\n"
			 "tx-buffer-size = 65536\nqueue-size = 1024\n"
			 "groups = gr\xc3\xb6\xc3\x9f"
			 "e\nseqpacket = yes\nmemory = local\n"
			 "allow-guest = all\nallow-host = all\n" },
	{ "- {name: a, socket: s, uds_path: ';u'}\n",
	  WRONG(1,
		"key 'uds-path': value ';u': expected a path without control characters, blanks at its ends, ' ;' and ' #', and without ';' or '#' in front") },
	{ "- {name: a, socket: s, uds_path: 'u #v'}\n",
	  WRONG(1,
		"key 'uds-path': value 'u #v': expected a path without control characters, blanks at its ends, ' ;' and ' #', and without ';' or '#' in front") },
	/* one document */
	{ "---\n- {name: a, socket: s, uds_path: u}\n...\n# x\n...\n", ONE },
	{ "---\n- {name: a, socket: s, uds_path: u}\n---\n"
	  "- {name: b, guest_cid: 4, socket: t, uds_path: v}\n",
	  WRONG(4, "expected one document; a second one begins here") },
	{ "- {name: a, socket: s, uds_path: u}\n---\n",
	  WRONG(3, "expected one document; a second one begins here") },
	{ "- {name: a, socket: s, uds_path: u}\n...\n---\n- {broken\n",
	  WRONG(5, "this is not YAML: did not find expected ',' or '}'") },
	{ "---\n---\n- {name: a, socket: s, uds_path: u}\n",
	  WRONG(2, "expected a list of VMs, alone or under 'vms:'")
		  WRONG(3, "expected one document; a second one begins here") },
	{ "# x\ndaemon: {engine: epoll, log_level: debug}\nvms: # y\n"
	  "- socket: s\n  uds_path: u # z\n",
	  DAEMON("epoll", "debug") VM("vm3", "3", "s", "u") },
	{ "", NO_VM },
	{ "# nothing\n", NO_VM },
	{ "vms: []\n", NO_VM },
	{ "[]\n", NO_VM },
	{ "vms:\n",
	  WRONG(1, "key 'vms': expected a list of VMs, each after a '-'") },
	{ "vms: {guest_cid: 3}\n",
	  WRONG(1, "key 'vms': expected a list of VMs, each after a '-'") },
	{ "daemon: 3\nvms:\n- {name: a, socket: s, uds-path: u}\n",
	  WRONG(1, "key 'daemon': expected a list of 'key: value'") },
	{ "hello\n",
	  WRONG(1, "expected a list of VMs, alone or under 'vms:'") },
	{ "\n\nguest_cid: 3\nsocket: s\n",
	  WRONG(3,
		"key 'guest_cid': at the top there is 'vms' and 'daemon' only")
		  WRONG(4,
			"key 'socket': at the top there is 'vms' and 'daemon' only") },
	{ "- a\n- [b]\n-\n",
	  WRONG(1, "a VM is a list of 'key: value'")
		  WRONG(2, "a VM is a list of 'key: value'")
			  WRONG(3, "a VM is a list of 'key: value'") },
	{ "- guest_cid: 2\n  socket: [s]\n  uds_path: {a: b}\n  ? [x]\n"
	  "  : y\n  name: \"a\\0b\"\n",
	  WRONG(1,
		"key 'guest-cid': value '2': expected a number from 3 to 4294967294")
		  WRONG(2, "key 'socket': a key has one number or text") WRONG(
			  3, "key 'uds_path': a key has one number or text")
			  WRONG(4, "a key is a word") WRONG(
				  6,
				  "key 'name': a key has one number or text") },
	{ "- socket: s\n  uds_path: u\n  socket: t\n  udspath: u\n"
	  "  groups: ''\n",
	  WRONG(3, "key 'socket': value 't': a key may be set once; line 1 sets it to 's'") WRONG(
		  4,
		  "key 'udspath': value 'u': there is no such key; the nearest is 'uds-path'")
		  WRONG(5,
			"key 'groups': value '': expected names of letters, digits, '.', '_' or '-', several with '+' between") },
	/* lists */
	{ "- socket: s\n  uds_path: u\n  name: a\n  groups: [b, a+c]\n"
	  "  forward_listen: 9001+9002\n  allow_guest:\n    - 22\n"
	  "    - 1024-2047\n  allow-host: 22, 80\n  map:\n    - 7:@x\n"
	  "    - 6:y\n  forward-cid: 1\n  seqpacket: no\n",
	  LISTS },
	{ "- socket: s\n  uds_path: u\n  map:\n  - 7:x\n  - [8]\n  - x\n"
	  "  - 7:y\n",
	  WRONG(5, "key 'map': an item is a number or text, or a pair NUMBER: TEXT") WRONG(
		  6,
		  "key 'map': value 'x': expected PORT:PATH, or PORT:@NAME for an abstract socket")
		  WRONG(7,
			"key 'map': value '7:y': this port is mapped already; remove one of its maps") },
	{ "- socket: s\n  uds_path: u\n  groups: []\n  map: {}\n"
	  "  name: [a]\n  tags: [a]\n  groups: {a: b}\n",
	  WRONG(3,
		"key 'groups': a key has one number or text, or a list of "
		"them") WRONG(4,
			      "key 'map': a key has one number or text, a list of "
			      "them, or pairs NUMBER: TEXT")
		  WRONG(5, "key 'name': a key has one number or text") WRONG(
			  6,
			  "key 'tags': there is no such key, nor one like it; see --help")
			  WRONG(7,
				"key 'groups': a key has one number or text, or a "
				"list of them") },
	/* a map as YAML's own mapping, whole or item by item */
	{ "- socket: s\n  uds_path: u\n  name: a\n  map: {7: '@x', 0x6: y}\n",
	  ONE "map = 6:y\nmap = 7:@x\n" },
	{ "- socket: s\n  uds_path: u\n  name: a\n  map:\n    7: '@x'\n"
	  "    6: y\n",
	  ONE "map = 6:y\nmap = 7:@x\n" },
	{ "- socket: s\n  uds_path: u\n  name: a\n  map:\n    - 7: '@x'\n"
	  "    - 6:y\n",
	  ONE "map = 6:y\nmap = 7:@x\n" },
	{ "- socket: s\n  uds_path: u\n  map:\n    7: x\n    x: 7\n"
	  "    [8]: y\n    9: {a: b}\n    7: y\n",
	  WRONG(5, "key 'map': value 'x:7': expected PORT:PATH, or "
		   "PORT:@NAME for an abstract socket")
		  WRONG(6, "key 'map': a pair is NUMBER: TEXT") WRONG(
			  7, "key 'map': a pair is NUMBER: TEXT")
			  WRONG(8,
				"key 'map': value '7:y': this port is mapped already; "
				"remove one of its maps") },
	/* a null is no value: neither of an item nor of a pair */
	{ "- socket: s\n  uds_path: u\n  groups:\n    - null\n    - a\n"
	  "  map:\n    7: ~\n    8:\n    null: y\n    9: 'null'\n",
	  WRONG(4, "key 'groups': an item is a number or text")
		  WRONG(7, "key 'map': a pair is NUMBER: TEXT")
			  WRONG(8, "key 'map': a pair is NUMBER: TEXT") WRONG(
				  9, "key 'map': a pair is NUMBER: TEXT") },
	{ "vms:\n  - socket: s\n uds_path: u\n",
	  WRONG(3, "this is not YAML: did not find expected key") },
	{ "vms:\n\t- socket: s\n",
	  WRONG(2,
		"this is not YAML: found character that cannot start any token") },
	{ "- *x\n", WRONG(1, "this is not YAML: found undefined alias") },
	{ "- socket: \xff\n",
	  "uring-vsock: f: this is not YAML: invalid leading UTF-8 octet\n" },
};

static void check_row(config_reader *reader, const struct file_row *row)
{
	char *outcome = config_outcome(reader, row->text, strlen(row->text));

	ck_assert_str_eq(outcome, row->outcome);
	free(outcome);
	ck_assert_uint_eq(config_litter(), 0);
}

START_TEST(test_ini)
{
	check_row(config_ini_read, &ini_rows[_i]);
}
END_TEST

START_TEST(test_yaml)
{
	check_row(config_yaml_read, &yaml_rows[_i]);
}
END_TEST

START_TEST(test_ini_with_nul)
{
	static const char text[] = "[vm a]\nsocket = s\0t\nuds-path = u\n";
	char *outcome = config_outcome(config_ini_read, text, sizeof(text) - 1);

	ck_assert_str_eq(
		outcome,
		WRONG(2,
		      "value 'socket = s': this line has a NUL byte; remove it"));
	free(outcome);
}
END_TEST

/* What is printed reads as the same again. */
START_TEST(test_round_trip)
{
	static const char text[] =
		"[vm b]\nsocket = a b;c=d:e#f\nuds-path = dir/\xc3\xa4\n"
		"tx-buffer-size = 1M\nqueue-size = 32K\nsocket-mode = 0600\n"
		"socket-owner = 1:2\n[daemon]\nengine = epoll\n"
		"log-level = debug\nworkers = auto\npoll-us = 0\n"
		"[vm c]\nguest-cid = 4294967294\nfd = 3\n"
		"allow-guest = none\nallow-host = 1 2 4\nmap = 9:@a b\n"
		"map = 8:/x\nforward-listen = 7\ngroups = z+y\n"
		"uds-path = /tmp/" X50 X50 "\n";
	char *first = config_outcome(config_ini_read, text, strlen(text));
	char *second = config_outcome(config_ini_read, first, strlen(first));

	ck_assert_ptr_nonnull(strstr(first, "tx-buffer-size = 1048576\n"));
	ck_assert_ptr_nonnull(strstr(first, "socket = a b;c=d:e#f\n"));
	ck_assert_ptr_nonnull(strstr(first, "fd = 3\n"));
	ck_assert_str_eq(first, second);
	free(first);
	free(second);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_files");
	TCase *tcase = tcase_create("config_files");

	tcase_add_checked_fixture(tcase, config_setup, config_teardown);
	tcase_add_loop_test(tcase, test_ini, 0, ARRAY_SIZE(ini_rows));
	tcase_add_loop_test(tcase, test_yaml, 0, ARRAY_SIZE(yaml_rows));
	tcase_add_test(tcase, test_ini_with_nul);
	tcase_add_test(tcase, test_round_trip);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
