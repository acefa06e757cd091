/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The keys, one value at a time, and VMs that are in each other's way. Each
 * row is written as an INI file, whose own peculiarities test_config_files.c
 * looks at.
 */
#include <check.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "config/ini.h"
#include "config/keys.h"
#include "suite.h"
#include "unit/config/config_fixture.h"

#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10

#define CID "expected a number from 3 to 4294967294"
#define SIZE "expected bytes from 4096 to 16777216, suffix K or M or none"
#define QUEUE "expected a power of two from 1 to 32768"
#define MODE "expected an octal mode up to 0777, such as 0660"
#define OWNER "expected user:group or :group, names or numbers"
#define LONG "expected a path of at most 107 bytes"
#define WHERE \
	"the directory nodir does not exist; create it or change 'uds-path'"
#define GROUPS                                                                  \
	"expected names of letters, digits, '.', '_' or '-', several with '+' " \
	"between"
#define FORWARD_CID "expected a number from 1 to 4294967294"
#define LISTEN "expected ports from 0 to 4294967294, such as 9001+9002"
#define ALLOWED \
	"expected all, none, or ports and ranges of them, such as 22+1024-2047"
#define MAP "expected PORT:PATH, or PORT:@NAME for an abstract socket"
#define ODD                                                                \
	"expected a path without control characters, blanks at its ends, " \
	"' ;' and ' #', and without ';' or '#' in front"

#define QUOTED                                                          \
	"expected a path without quotes around it: they would be part " \
	"of its name"

static const struct value_row {
	const char *key;
	const char *text;
	const char *value; /* as it is printed, NULL if it is wrong */
	const char *right; /* what would be right */
} value_rows[] = {
	{ "guest-cid", "3", "3", NULL },
	{ "guest_cid", "4294967294", "4294967294", NULL },
	{ "guest-cid", "0042", "42", NULL },
	{ "guest-cid", "2", NULL, CID },
	{ "guest-cid", "0", NULL, CID },
	{ "guest-cid", "4294967295", NULL, CID },
	{ "guest-cid", "4294967299", NULL, CID },
	{ "guest-cid", "18446744073709551619", NULL, CID },
	{ "guest-cid", "-3", NULL, CID },
	{ "guest-cid", "+5", "5", NULL },
	{ "guest-cid", "0x10", "16", NULL },
	{ "guest-cid", "0o20", "16", NULL },
	{ "guest-cid", "0x", NULL, CID },
	{ "guest-cid", "3K", NULL, CID },
	{ "guest-cid", "3 4", NULL, CID },
	{ "guest-cid", "", NULL, CID },
	{ "tx-buffer-size", "4096", "4096", NULL },
	{ "tx-buffer-size", "16777216", "16777216", NULL },
	{ "tx_buffer_size", "64K", "65536", NULL },
	{ "tx-buffer-size", "16M", "16777216", NULL },
	{ "tx-buffer-size", "4095", "4096", NULL },
	{ "tx-buffer-size", "0", "4096", NULL },
	{ "tx-buffer-size", "16777217", "16777216", NULL },
	{ "tx-buffer-size", "17M", "16777216", NULL },
	{ "tx-buffer-size", "0x10000", "65536", NULL },
	{ "tx-buffer-size", "-1", NULL, SIZE },
	{ "tx-buffer-size", "1G", NULL, SIZE },
	{ "tx-buffer-size", "64k", NULL, SIZE },
	{ "tx-buffer-size", "64KB", NULL, SIZE },
	{ "tx-buffer-size", "K", NULL, SIZE },
	{ "tx-buffer-size", "1.5M", NULL, SIZE },
	{ "tx-buffer-size", "18014398509481985K", NULL, SIZE },
	{ "queue-size", "1", "1", NULL },
	{ "queue-size", "32768", "32768", NULL },
	{ "queue_size", "1K", "1024", NULL },
	{ "queue-size", "0", NULL, QUEUE },
	{ "queue-size", "1000", NULL, QUEUE },
	{ "queue-size", "65536", NULL, QUEUE },
	{ "queue-size", "4294967297", NULL, QUEUE },
	{ "socket-mode", "0660", "0660", NULL },
	{ "socket-mode", "777", "0777", NULL },
	{ "socket_mode", "0", "0000", NULL },
	{ "socket-mode", "0o660", "0660", NULL },
	{ "socket-mode", "1777", NULL, MODE },
	{ "socket-mode", "0680", NULL, MODE },
	{ "socket-mode", "0o660", "0660", NULL },
	{ "socket-mode", "00660", NULL, MODE },
	{ "socket-mode", "rw", NULL, MODE },
	{ "socket-mode", "", NULL, MODE },
	{ "socket-owner", "root:root", "0:0", NULL },
	{ "socket-owner", "root", NULL, OWNER },
	{ "socket-owner", "root:", NULL, OWNER },
	{ "socket-owner", ":", NULL, OWNER },
	{ "socket-owner", ":root", ":0", NULL },
	{ "socket_owner", ":54321", ":54321", NULL },
	{ "socket-owner", "12345:54321", "12345:54321", NULL },
	{ "socket-owner", "4294967295:0", NULL,
	  "there is no such user before the ':'; create it, or give "
	  "another name or a number" },
	{ "socket-owner", "no such:root", NULL,
	  "there is no such user before the ':'; create it, or give "
	  "another name or a number" },
	{ "socket-owner", "root:no such", NULL,
	  "there is no such group after the ':'; create it, or give "
	  "another name or a number" },
	{ "socket-owner", X50 X10 X10 ":root", NULL, OWNER },
	{ "uds-path", "/tmp/" X50 X50 "12", "/tmp/" X50 X50 "12", NULL },
	{ "uds-path", "/tmp/" X50 X50 "123", NULL, LONG },
	{ "uds-path", "dir/x", "dir/x", NULL },
	{ "uds-path", "/uring-vsock-test", "/uring-vsock-test", NULL },
	{ "uds-path", "nodir/x", NULL, WHERE },
	{ "uds-path", "", NULL, "expected the path of a socket" },
	{ "uds-path", "dir/", NULL, "expected the path of a socket" },
	{ "uds-path", "dir/a\tb", NULL, ODD },
	{ "uds-path", "\"/tmp/a\"", NULL, QUOTED },
	{ "uds-path", "'/tmp/a'", NULL, QUOTED },
	{ "uds-path", "/tmp/it's", "/tmp/it's", NULL },
	{ "uds-path", "/dev/null/x", NULL,
	  "the directory /dev/null is a file of another kind; move that file or "
	  "change 'uds-path'" },
	{ "engine", "auto", "auto", NULL },
	{ "engine", "io_uring", "io_uring", NULL },
	{ "engine", "epoll", "epoll", NULL },
	{ "engine", "io-uring", NULL, "expected auto, io_uring or epoll" },
	{ "log-level", "error", "error", NULL },
	{ "log_level", "debug", "debug", NULL },
	{ "log-level", "all", NULL, "expected error, warn, info or debug" },
	{ "groups", "a+b", "a+b", NULL },
	{ "groups", "b, a\tb a", "a+b", NULL },
	{ "groups", "A.1_x-y", "A.1_x-y", NULL },
	{ "groups", X50 X10 "xxx", X50 X10 "xxx", NULL },
	{ "groups", X50 X10 "xxxx", NULL, GROUPS },
	{ "groups",
	  "gr\xc3\xb6\xc3\x9f"
	  "e",
	  "gr\xc3\xb6\xc3\x9f"
	  "e",
	  NULL },
	{ "groups", "\xc3", NULL, GROUPS },
	{ "groups", "a/b", NULL, GROUPS },
	{ "groups", "+", NULL, GROUPS },
	{ "groups",
	  "gr\xc3\xb6\xc3\x9f"
	  "e",
	  "gr\xc3\xb6\xc3\x9f"
	  "e",
	  NULL },
	{ "groups", "\xc3", NULL, GROUPS },
	{ "groups", "", NULL, GROUPS },
	{ "seqpacket", "no", "no", NULL },
	{ "seqpacket", "yes", "yes", NULL },
	{ "seqpacket", "true", NULL, "expected yes or no" },
	{ "seqpacket", "", NULL, "expected yes or no" },
	{ "memory", "any", "any", NULL },
	{ "memory", "local", "local", NULL },
	{ "memory", "all", NULL, "expected local or any" },
	{ "forward-cid", "1", "1", NULL },
	{ "forward_cid", "4294967294", "4294967294", NULL },
	{ "forward-cid", "0", NULL, FORWARD_CID },
	{ "forward-cid", "4294967295", NULL, FORWARD_CID },
	{ "forward_listen", "1+2+9", "1-2,9", NULL },
	{ "forward-listen", "0-255", "0-255", NULL },
	{ "forward-listen", "0-256", NULL, "expected at most 256 ports" },
	{ "forward-listen", "x", NULL, LISTEN },
	{ "forward-listen", "4294967295", NULL, LISTEN },
	{ "allow-guest", "22+1024-2047", "22,1024-2047", NULL },
	{ "allow-guest", "all", "all", NULL },
	{ "allow-guest", "0-4294967294", "all", NULL },
	{ "allow_guest", "none", "none", NULL },
	{ "allow-host", "5, 4 3", "3-5", NULL },
	{ "allow-host", "none", "none", NULL },
	{ "allow-host", "all", "all", NULL },
	{ "allow-host", "", NULL, ALLOWED },
	{ "allow-host", "4294967295", NULL, ALLOWED },
	{ "allow-host", "22+none", NULL, ALLOWED },
	{ "allow-guest", "9-8", NULL, ALLOWED },
	{ "map", "1024:/run/app.sock", "1024:/run/app.sock", NULL },
	{ "map", "0:a:b", "0:a:b", NULL },
	{ "map", "7:@name", "7:@name", NULL },
	{ "map", "4294967294:nodir/x", "4294967294:nodir/x", NULL },
	{ "map", "4294967295:x", NULL, MAP },
	{ "map", "/run/app.sock", NULL, MAP },
	{ "map", ":/run/app.sock", NULL, MAP },
	{ "map", "7:@", NULL, MAP },
	{ "map", "7:", NULL, "expected the path of a socket" },
	{ "map", "7:dir/", NULL, "expected the path of a socket" },
	{ "map", "7:/tmp/" X50 X50 "123", NULL, LONG },
	{ "map", "7:@" X50 X50 "123456", "7:@" X50 X50 "123456", NULL },
	{ "map", "7:@" X50 X50 "1234567", NULL, LONG },
	{ "workers", "1", "1", NULL },
	{ "workers", "64", "64", NULL },
	{ "workers", "auto", "auto", NULL },
	{ "workers", "0", NULL, "expected a number from 1 to 64, or auto" },
	{ "workers", "65", NULL, "expected a number from 1 to 64, or auto" },
	{ "workers", "many", NULL, "expected a number from 1 to 64, or auto" },
	{ "poll-us", "0", "0", NULL },
	{ "poll_us", "1000", "1000", NULL },
	{ "poll-us", "1001", NULL, "expected microseconds from 0 to 1000" },
	{ "poll-us", "-1", NULL, "expected microseconds from 0 to 1000" },
	{ "cpus", "x", NULL,
	  "expected CPUs and ranges of them, such as 0-3,8" },
	{ "cpus", "3-0", NULL,
	  "expected CPUs and ranges of them, such as 0-3,8" },
	{ "cpus", "", NULL, "expected CPUs and ranges of them, such as 0-3,8" },
	{ "cpus", "0-1024", NULL, "expected CPUs from 0 to 1023" },
	{ "cpus", "1023", NULL,
	  "expected CPUs that exist and that this process may run on" },
};

/* The key's line first, then whatever else a VM must have. */
static char *outcome_of(const char *key, const char *text)
{
	enum config_key found = config_key_find(key);
	char file[1024];

	ck_assert_int_lt(found, CONFIG_KEYS);
	snprintf(file, sizeof(file), "[%s]\n%s = %s\n%s%s%s",
		 config_key_scope(found) == SCOPE_VM ? "vm a" : "daemon", key,
		 text, config_key_scope(found) == SCOPE_VM ? "" : "[vm a]\n",
		 found == KEY_SOCKET ? "" : "socket = s\n",
		 found == KEY_UDS_PATH ? "" : "uds-path = u\n");
	return config_outcome(config_ini_read, file, strlen(file));
}

START_TEST(test_value)
{
	const struct value_row *row = &value_rows[_i];
	char *outcome = outcome_of(row->key, row->text);
	const char *name = config_key_row(config_key_find(row->key))->name;
	char expected[1024];

	if (row->value)
		snprintf(expected, sizeof(expected), "\n%s = %s\n", name,
			 row->value);
	else
		snprintf(expected, sizeof(expected),
			 "uring-vsock: f:2: key '%s': value '%s': %s\n", name,
			 strchr(row->text, '\t') ? "dir/a?b" : row->text,
			 row->right);
	if (row->value)
		ck_assert_msg(strstr(outcome, expected), "%s", outcome);
	else
		ck_assert_str_eq(outcome, expected);
	free(outcome);
	ck_assert_uint_eq(config_litter(), 0);
}
END_TEST

/* The first and the last CPU that this test may run on. */
START_TEST(test_cpus)
{
	cpu_set_t allowed;
	char text[64];
	char *outcome;
	size_t first = 0;
	size_t last = CPU_SETSIZE - 1;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	while (!CPU_ISSET(first, &allowed))
		first++;
	while (!CPU_ISSET(last, &allowed))
		last--;
	snprintf(text, sizeof(text), "%zu+%zu", last, first);
	outcome = outcome_of("cpus", text);
	snprintf(text, sizeof(text), "\ncpus = %zu", first);
	ck_assert_msg(strstr(outcome, text), "%s", outcome);
	free(outcome);
}
END_TEST

START_TEST(test_directory_without_permission)
{
	char *outcome;

	ck_assert_int_eq(chmod(".", 0777), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	outcome = outcome_of("uds-path", "/proc/x");
	ck_assert_str_eq(
		outcome,
		"uring-vsock: f:2: key 'uds-path': value '/proc/x': the directory /proc may not be written to by the daemon's user; permit it or change 'uds-path'\n");
	free(outcome);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

static const struct {
	const char *written;
	enum config_key key;
	const char *nearest; /* of the VM's keys */
} name_rows[] = {
	{ "guest-cid", KEY_GUEST_CID, "guest-cid" },
	{ "guest_cid", KEY_GUEST_CID, "guest-cid" },
	{ "socket", KEY_SOCKET, "socket" },
	{ "socket_path", KEY_SOCKET, "socket-mode" },
	{ "tx-buffer_size", KEY_TX_BUFFER_SIZE, "tx-buffer-size" },
	{ "log_level", KEY_LOG_LEVEL, NULL },
	{ "guestcid", CONFIG_KEYS, "guest-cid" },
	{ "gusetcid", CONFIG_KEYS, "guest-cid" },
	{ "sokcet", CONFIG_KEYS, "socket" },
	{ "udspath", CONFIG_KEYS, "uds-path" },
	{ "group", CONFIG_KEYS, "groups" },
	{ "queue-sizes", CONFIG_KEYS, "queue-size" },
	{ "tx-buf-size", CONFIG_KEYS, "tx-buffer-size" },
	{ "", CONFIG_KEYS, NULL },
	{ "zzzzzzzz", CONFIG_KEYS, NULL },
	{ "Guest-Cid", CONFIG_KEYS, "guest-cid" },
	{ X50, CONFIG_KEYS, NULL },
};

START_TEST(test_names)
{
	const char *nearest =
		config_key_nearest(name_rows[_i].written, SCOPE_VM);

	ck_assert_int_eq(config_key_find(name_rows[_i].written),
			 name_rows[_i].key);
	if (name_rows[_i].nearest)
		ck_assert_str_eq(nearest, name_rows[_i].nearest);
	else
		ck_assert_ptr_null(nearest);
}
END_TEST

static const struct {
	const char *written;
	const char *name;
	unsigned distance;
} distance_rows[] = {
	{ "socket", "socket", 0 },  { "sock_et", "sock-et", 0 },
	{ "socke", "socket", 1 },   { "ocket", "socket", 1 },
	{ "xsocket", "socket", 1 }, { "sacket", "socket", 1 },
	{ "sokcet", "socket", 2 },  { "sxckxt", "socket", 2 },
	{ "sxxxet", "socket", 3 },  { "sxxxxt", "socket", UINT_MAX },
	{ "", "fd", UINT_MAX },	    { "", "", 0 },
	{ X50, X50, UINT_MAX },
};

START_TEST(test_distance)
{
	ck_assert_uint_eq(config_key_distance(distance_rows[_i].written,
					      distance_rows[_i].name),
			  distance_rows[_i].distance);
}
END_TEST

#define A "[vm a]\nsocket = as\nuds-path = au\n"

static const struct {
	const char *second; /* what follows A, whose lines are 1 to 3 */
	const char *mistakes;
} pair_rows[] = {
	{ "[vm b]\nguest-cid = 4\nsocket = bs\nuds-path = bu\n", NULL },
	{ "[vm b]\nguest-cid = 4\nsocket = dir/as\nuds-path = dir/au\n", NULL },
	{ "[vm b]\nguest-cid = 3\nsocket = bs\nuds-path = bu\n",
	  "f:5: key 'guest-cid': value '3': used twice, as the default guest-cid of VM 'a' (f:1) and here for VM 'b'; change one of the two\n" },
	{ "[vm b]\nsocket = bs\nuds-path = bu\n",
	  "f:4: key 'guest-cid': value '3': used twice, as the default guest-cid of VM 'a' (f:1) and here as the default for VM 'b'; change one of the two\n" },
	{ "[vm a]\nguest-cid = 4\nsocket = bs\nuds-path = bu\n",
	  "f:4: key 'name': value 'a': used twice, as the name of VM 'a' (f:1) and here for VM 'a'; change one of the two\n" },
	{ "[vm b]\nguest-cid = 4\nsocket = as\nuds-path = bu\n",
	  "f:6: key 'socket': value 'as': used twice, as the socket of VM 'a' (f:2) and here for VM 'b'; change one of the two\n" },
	{ "[vm b]\nguest-cid = 4\nsocket = au\nuds-path = bu\n",
	  "f:6: key 'socket': value 'au': used twice, as the uds-path of VM 'a' (f:3) and here for VM 'b'; change one of the two\n" },
	{ "[vm b]\nguest-cid = 4\nsocket = bs\nuds-path = dir/../as\n",
	  "f:7: key 'uds-path': value 'dir/../as': used twice, as the socket of VM 'a' (f:2) and here for VM 'b'; change one of the two\n" },
	{ "[vm b]\nguest-cid = 4\nsocket = bs\nuds-path = ./au\n",
	  "f:7: key 'uds-path': value './au': used twice, as the uds-path of VM 'a' (f:3) and here for VM 'b'; change one of the two\n" },
	{ "[vm b]\nguest-cid = 4\nsocket = b\nuds-path = b\n",
	  "f:7: key 'uds-path': value 'b': used twice, as the socket of VM 'b' (f:6) and here for VM 'b'; change one of the two\n" },
	/* what one VM's guest could reach as a port of the host */
	{ "[vm b]\nguest-cid = 4\nsocket = au_1\nuds-path = au_2\n",
	  "f:6: key 'socket': value 'au_1': the guest of VM 'a' would take this socket for a port of the host, as its name is that VM's uds-path (f:3) with '_' and a number behind; choose another name\n"
	  "f:7: key 'uds-path': value 'au_2': the guest of VM 'a' would take this socket for a port of the host, as its name is that VM's uds-path (f:3) with '_' and a number behind; choose another name\n" },
	{ "[vm b]\nguest-cid = 4\nsocket = au_x\nuds-path = au_\n", NULL },
	/* the socket for messages */
	{ "[vm b]\nguest-cid = 4\nsocket = au_seqpacket\nuds-path = bu\n",
	  "f:6: key 'socket': value 'au_seqpacket': used twice, as the uds-path_seqpacket of VM 'a' (f:3) and here for VM 'b'; change one of the two\n" },
	{ "[vm b]\nguest-cid = 4\nsocket = bs\nuds-path = au_seqpacket\n",
	  "f:7: key 'uds-path': value 'au_seqpacket': used twice, as the uds-path_seqpacket of VM 'a' (f:3) and here for VM 'b'; change one of the two\n" },
	{ "seqpacket = no\n[vm b]\nguest-cid = 4\nsocket = bs\n"
	  "uds-path = au_seqpacket\n",
	  NULL },
	{ "[vm b]\nguest-cid = 4\nsocket = b_seqpacket\nuds-path = b\n",
	  "f:7: key 'uds-path': value 'b_seqpacket': used twice, as the socket of VM 'b' (f:6) and here for VM 'b'; change one of the two\n" },
	/* what a port is mapped to */
	{ "map = 7:./as\nmap = 8:dir/../au\nmap = 9:au_seqpacket\n"
	  "map = 10:@as\nmap = 11:dir/as\nmap = 12:nodir/as\n",
	  "f:4: key 'map': value '7:./as': this is the socket of VM 'a' (f:2), which no program of the host listens on; map the port to another path\n"
	  "f:5: key 'map': value '8:dir/../au': this is the uds-path of VM 'a' (f:3), which no program of the host listens on; map the port to another path\n"
	  "f:6: key 'map': value '9:au_seqpacket': this is the uds-path_seqpacket of VM 'a' (f:3), which no program of the host listens on; map the port to another path\n" },
	{ "map = 1:x\n[vm b]\nguest-cid = 4\nsocket = x\nuds-path = bu\n"
	  "map = 1:as\nmap = 2:y\n",
	  "f:4: key 'map': value '1:x': this is the socket of VM 'b' (f:7), which no program of the host listens on; map the port to another path\n"
	  "f:9: key 'map': value '1:as': this is the socket of VM 'a' (f:2), which no program of the host listens on; map the port to another path\n" },
	{ "map = 1:x\n[vm b]\nguest-cid = 4\nsocket = bs\nuds-path = bu\n"
	  "map = 1:x\n",
	  NULL },
	{ "map = 1:x\nmap = 2:y\nmap = 01:z\n",
	  "f:6: key 'map': value '01:z': this port is mapped already; remove one of its maps\n" },
	/* ports of the host's AF_VSOCK */
	{ "forward-listen = 9-12\n[vm b]\nguest-cid = 4\nsocket = bs\n"
	  "forward-cid = 1\nforward-listen = 1+11-20\n",
	  "f:9: key 'forward-listen': value '11': used twice, as the forward-listen of VM 'a' (f:4) and here for VM 'b'; change one of the two\n" },
	{ "forward-listen = 9-12\n[vm b]\nguest-cid = 4\nsocket = bs\n"
	  "forward-cid = 1\nforward-listen = 8+13\n",
	  NULL },
	{ "[vm b]\nguest-cid = 4\nsocket = bs\nforward-listen = 8\n",
	  "f:4: key 'uds-path': missing: the path where programs on the host connect\n" },
	{ "[vm b]\nguest-cid = 4\n",
	  "f:4: key 'socket': missing: the path where the hypervisor connects\n"
	  "f:4: key 'uds-path': missing: the path where programs on the host connect\n" },
	{ "[vm b]\nguest-cid = 4\nfd = 0\nsocket = bs\nuds-path = bu\n",
	  "f:6: key 'fd': value '0': a VM has either a socket or an fd; remove one of them\n" },
	{ "[vm b]\nguest-cid = 4\nfd = 5\nuds-path = bu\n"
	  "[vm c]\nguest-cid = 5\nfd = 5\nuds-path = cu\n",
	  "f:10: key 'fd': value '5': used twice, as the fd of VM 'b' (f:6) and here for VM 'c'; change one of the two\n" },
	{ "[vm b]\nguest-cid = 4\nfd = 2147483648\nuds-path = bu\n",
	  "f:6: key 'fd': value '2147483648': expected the number of an open socket\n" },
	/* a wrong CID is not the default's equal */
	{ "[vm b]\nguest-cid = 2\nsocket = bs\nuds-path = bu\n",
	  "f:5: key 'guest-cid': value '2': expected a number from 3 to 4294967294\n" },
	{ "[vm b!]\nguest-cid = 4\nsocket = bs\nuds-path = bu\n",
	  "f:4: key 'name': value 'b!': expected 1 to 31 letters, digits, '.', '_' or '-'\n" },
	{ "[vm " X10 X10 X10 "12]\nguest-cid = 4\nsocket = b\nuds-path = c\n",
	  "f:4: key 'name': value '" X10 X10 X10
	  "12': expected 1 to 31 letters, digits, '.', '_' or '-'\n" },
	{ "[vm " X10 X10 X10 "1]\nguest-cid = 4\nsocket = b\nuds-path = c\n",
	  NULL },
	{ "[vm vm3]\nguest-cid = 4\nsocket = bs\nuds-path = bu\n", NULL },
	/* nor is a wrong name the default */
	{ "[vm b!]\nguest-cid = 4\nsocket = bs\nuds-path = bu\n"
	  "[vm vm4]\nguest-cid = 5\nsocket = cs\nuds-path = cu\n",
	  "f:4: key 'name': value 'b!': expected 1 to 31 letters, digits, '.', '_' or '-'\n" },
};

/* Without its "uring-vsock: ", at the beginning of each line. */
static void strip(char *text)
{
	static const char prefix[] = "uring-vsock: ";
	char *at = text;

	while ((at = strstr(at, prefix)) != NULL)
		memmove(at, at + sizeof(prefix) - 1,
			strlen(at + sizeof(prefix) - 1) + 1);
}

START_TEST(test_pairs)
{
	char file[512] = A;
	char *outcome;

	strcat(file, pair_rows[_i].second);
	outcome = config_outcome(config_ini_read, file, strlen(file));
	strip(outcome);
	if (pair_rows[_i].mistakes)
		ck_assert_str_eq(outcome, pair_rows[_i].mistakes);
	else
		ck_assert_msg(outcome[0] == '[', "%s", outcome);
	free(outcome);
	ck_assert_uint_eq(config_litter(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tcase = tcase_create("config");

	tcase_add_checked_fixture(tcase, config_setup, config_teardown);
	tcase_add_loop_test(tcase, test_value, 0, ARRAY_SIZE(value_rows));
	tcase_add_test(tcase, test_cpus);
	tcase_add_test(tcase, test_directory_without_permission);
	tcase_add_loop_test(tcase, test_names, 0, ARRAY_SIZE(name_rows));
	tcase_add_loop_test(tcase, test_distance, 0, ARRAY_SIZE(distance_rows));
	tcase_add_loop_test(tcase, test_pairs, 0, ARRAY_SIZE(pair_rows));
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
