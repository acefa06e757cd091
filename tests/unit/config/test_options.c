/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Command lines, with the exit status and what is written by each. The files
 * "one" and "two" have as many VMs.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "config/config.h"
#include "config/options.h"
#include "config/print.h"
#include "suite.h"
#include "unit/config/config_fixture.h"

#define ARGUMENTS_MAX 12
#define RUNS -1
#define CHECK "--check-config"

#define DAEMON(engine, level)                                    \
	"[daemon]\nengine = " engine "\nlog-level = " level "\n" \
	"workers = 1\npoll-us = 50\n"
#define PEERS                                                 \
	"groups = default\nseqpacket = yes\nmemory = local\n" \
	"allow-guest = all\nallow-host = all\n"
#define VM(name, cid, socket, uds, tx, queue)                                \
	"\n[vm " name "]\nguest-cid = " cid "\nsocket = " socket             \
	"\nuds-path = " uds "\ntx-buffer-size = " tx "\nqueue-size = " queue \
	"\n" PEERS
#define PLAIN DAEMON("auto", "info")
#define VM3 VM("vm3", "3", "s", "u", "262144", "1024")
#define VM_B VM("b", "4", "t", "v", "262144", "1024")
#define GROUPS                                                                  \
	"expected names of letters, digits, '.', '_' or '-', several with '+' " \
	"between"

static const struct command_row {
	const char *argument[ARGUMENTS_MAX];
	int status;
	const char *output; /* on stdout or, with status 2, on stderr */
} rows[] = {
	/* a single VM, written in every way */
	{ { CHECK, "--socket=s", "--uds-path=u" }, 0, PLAIN VM3 },
	{ { "--socket", "s", "--uds_path", "u", "--check_config" },
	  0,
	  PLAIN VM3 },
	{ { CHECK, "--socket-path=s", "--uds-path=u" }, 0, PLAIN VM3 },
#ifdef __GLIBC__ /* musl: --uds may be --uds-path or --uds_path */
	{ { CHECK, "--socket-path=s", "--uds=u" }, 0, PLAIN VM3 },
#endif
	{ { CHECK, "--socket_path", "s", "--uds-path", "u" }, 0, PLAIN VM3 },
	{ { CHECK, "--guest_cid=4", "--socket=t", "--uds-path=v", "--name=b" },
	  0,
	  PLAIN VM_B },
	{ { CHECK, "--socket=x", "--uds-path=u", "--socket=s" }, 0, PLAIN VM3 },
	{ { CHECK, "--socket=s", "--uds-path=u", "--tx_buffer_size=64K",
	    "--queue-size=256", "--engine=epoll", "--log_level", "debug" },
	  0,
	  DAEMON("epoll", "debug") VM("vm3", "3", "s", "u", "65536", "256") },
	{ { CHECK, "--fd=3", "--uds-path=u" },
	  0,
	  PLAIN "\n[vm vm3]\nguest-cid = 3\nfd = 3\nuds-path = u\n"
		"tx-buffer-size = 262144\nqueue-size = 1024\n" PEERS },
	/* --vm */
	{ { CHECK, "--vm", "guest-cid=4,socket=t,uds-path=v,name=b" },
	  0,
	  PLAIN VM_B },
	{ { CHECK, "--vm= guest_cid=4,socket=t,uds_path=v,name=b\n" },
	  0,
	  PLAIN VM_B },
	{ { CHECK, "--vm", "socket=s,uds-path=u,queue-size=1024",
	    "--vm=guest-cid=4,socket=t,uds-path=v,name=b" },
	  0,
	  PLAIN VM3 VM_B },
	{ { CHECK, "--vm", "socket=s=t,uds-path=u" },
	  0,
	  PLAIN VM("vm3", "3", "s=t", "u", "262144", "1024") },
	/* the command line over the file */
	{ { CHECK, "--config=one" }, 0, DAEMON("epoll", "info") VM3 },
	{ { CHECK, "--config", "one", "--engine=auto", "--log-level=warn" },
	  0,
	  DAEMON("auto", "warn") VM3 },
	{ { CHECK, "--config=one", "--queue-size=16", "--guest-cid=5" },
	  0,
	  DAEMON("epoll", "info") VM("vm5", "5", "s", "u", "262144", "16") },
	{ { CHECK, "--config=empty", "--socket=s", "--uds-path=u" },
	  0,
	  PLAIN VM3 },
	{ { CHECK, "--config=one", "--vm=guest-cid=3,queue-size=16" },
	  0,
	  DAEMON("epoll", "info") VM("vm3", "3", "s", "u", "262144", "16") },
	{ { CHECK, "--config=one", "--vm=queue-size=16" },
	  0,
	  DAEMON("epoll", "info") VM("vm3", "3", "s", "u", "262144", "16") },
	{ { CHECK, "--config=one", "--vm",
	    "guest-cid=4,socket=t,uds-path=v,name=b" },
	  0,
	  DAEMON("epoll", "info") VM3 VM_B },
	{ { CHECK, "--config=two.ini", "--vm=name=b,guest-cid=9",
	    "--vm=guest-cid=3,name=c,tx-buffer-size=1M" },
	  0,
	  PLAIN VM("c", "3", "s", "u", "1048576", "1024")
		  VM("b", "9", "t", "v", "262144", "1024") },
	/* each is matched with what the file says, not with another --vm */
	{ { CHECK, "--config=two.ini", "--vm=name=a,guest-cid=7",
	    "--vm=name=a,tx-buffer-size=1M",
	    "--vm=guest-cid=7,name=c,socket=x,uds-path=y" },
	  2,
	  "--vm #3: key 'guest-cid': value '7': used twice, as the guest-cid of VM 'a' (--vm #1) and here for VM 'c'; change one of the two\n" },
	/* lists are added to, and replace the file's */
	{ { CHECK, "--config=lists", "--map=8:y", "--allow-guest=80",
	    "--groups=b", "--map=7:@x", "--allow_guest=22" },
	  0,
	  PLAIN
	  "\n[vm vm3]\nguest-cid = 3\nsocket = s\nuds-path = u\n"
	  "tx-buffer-size = 262144\nqueue-size = 1024\ngroups = b\n"
	  "seqpacket = yes\nmemory = local\nallow-guest = 22,80\nallow-host = 1-5\n"
	  "map = 7:@x\nmap = 8:y\n" },
	{ { CHECK,
	    "--vm=socket=s,uds-path=u,map=8:y,groups=a+b,groups=c,map=7:@x,allow-guest=22+80-90,allow-host=none",
	    "--workers=2", "--workers=auto", "--poll-us=0" },
	  0,
	  "[daemon]\nengine = auto\nlog-level = info\nworkers = auto\n"
	  "poll-us = 0\n"
	  "\n[vm vm3]\nguest-cid = 3\nsocket = s\nuds-path = u\n"
	  "tx-buffer-size = 262144\nqueue-size = 1024\ngroups = a+b+c\n"
	  "seqpacket = yes\nmemory = local\nallow-guest = 22,80-90\nallow-host = none\n"
	  "map = 7:@x\nmap = 8:y\n" },
	/* no uds-path where all is forwarded */
	{ { CHECK, "--socket=s", "--forward-cid=1", "--forward-listen=9+8" },
	  0,
	  PLAIN
	  "\n[vm vm3]\nguest-cid = 3\nsocket = s\n"
	  "tx-buffer-size = 262144\nqueue-size = 1024\n"
	  "groups = default\nseqpacket = yes\nmemory = local\nforward-cid = 1\n"
	  "forward-listen = 8-9\nallow-guest = all\n"
	  "allow-host = all\n" },
	{ { "--socket=s", "--uds-path=u" }, RUNS, PLAIN VM3 },
	/* mistakes */
	{ { "--config=two.ini", "--queue-size=16" },
	  2,
	  "--queue-size: value '16': the file has several VMs; name one by --vm guest-cid=CID,KEY=VALUE\n" },
	{ { "--vm=socket=s,uds-path=u", "--queue-size=16", "--guest_cid=4" },
	  2,
	  "--guest-cid: value '4': beside --vm it is not clear whose this is; write it as a key of --vm\n"
	  "--queue-size: value '16': beside --vm it is not clear whose this is; write it as a key of --vm\n" },
	{ { "--config=two.ini", "--vm=name=d" },
	  2,
	  "--vm #1: key 'socket': missing: the path where the hypervisor connects\n"
	  "--vm #1: key 'uds-path': missing: the path where programs on the host connect\n"
	  "--vm #1: key 'guest-cid': value '3': used twice, as the guest-cid of VM 'a' (two.ini:2) and here as the default for VM 'd'; change one of the two\n" },
	{ { "--vm=guest-cid=4,socket=s,uds-path=u",
	    "--vm=guest-cid=4,socket=t,uds-path=v" },
	  2,
	  "--vm #2: key 'guest-cid': value '4': used twice, as the guest-cid of VM 'vm4' (--vm #1) and here for VM 'vm4'; change one of the two\n" },
	{ { "--vm=socket=s,,uds-path=u,groups=a/b,uds,quue_size=1,engine=x" },
	  2,
	  "--vm #1: value '': expected KEY=VALUE, several of them with ',' between; the items of a list have '+' between\n"
	  "--vm #1: value 'uds': expected KEY=VALUE, several of them with ',' between; the items of a list have '+' between\n"
	  "--vm #1: key 'quue_size': value '1': there is no such key; the nearest is 'queue-size'\n"
	  "--vm #1: key 'engine': value 'x': this key belongs to the daemon: below [daemon] or 'daemon:' of a file, or as an option of its own\n"
	  "--vm #1: key 'groups': value 'a/b': " GROUPS "\n" },
	{ { "--config=one", "--vm=guest-cid=2" },
	  2,
	  "--vm #1: key 'guest-cid': value '2': expected a number from 3 to 4294967294\n"
	  "--vm #1: key 'socket': missing: the path where the hypervisor connects\n"
	  "--vm #1: key 'uds-path': missing: the path where programs on the host connect\n" },
	{ { "--vm=socket=s,uds-path=u",
	    "--vm=guest-cid=4,name=vm3,socket=t,uds-path=v",
	    "--vm=name=vm6,guest-cid=5,socket=x,uds-path=y",
	    "--vm=guest-cid=6,socket=w,uds-path=z" },
	  2,
	  "--vm #2: key 'name': value 'vm3': used twice, as the default name of VM 'vm3' (--vm #1) and here for VM 'vm3'; change one of the two\n"
	  "--vm #4: key 'name': value 'vm6': used twice, as the name of VM 'vm6' (--vm #3) and here as the default for VM 'vm6'; change one of the two\n" },
	{ { "--vm=socket=s,forward-cid=0,map=7:x,map=y,map=07:z" },
	  2,
	  "--vm #1: key 'forward-cid': value '0': expected a number from 1 to 4294967294\n"
	  "--vm #1: key 'map': value 'y': expected PORT:PATH, or PORT:@NAME for an abstract socket\n"
	  "--vm #1: key 'map': value '07:z': this port is mapped already; remove one of its maps\n" },
	{ { "--socket=s", "--uds-path=u", "--name=" },
	  2,
	  "--name: value '': expected 1 to 31 letters, digits, '.', '_' or '-'\n" },
	{ { NULL },
	  2,
	  "no VM: give --socket and --uds-path, --vm or --config; see --help\n" },
	{ { "--guest-cid=4" },
	  2,
	  "--socket: missing: the path where the hypervisor connects\n"
	  "--uds-path: missing: the path where programs on the host connect\n" },
	{ { CHECK, "--socket=s", "--uds-path=s" },
	  2,
	  "--uds-path: value 's': used twice, as the socket of VM 'vm3' (--socket) and here for VM 'vm3'; change one of the two\n" },
	{ { "--socket=s", "--uds-path=u", "--groups=/", "--forward_cid=x",
	    "--forward-listen=1+2+", "--workers=0", "--poll-us=1ms",
	    "--cpus=all", "--seqpacket=1" },
	  2,
	  "--workers: value '0': expected a number from 1 to 64, or auto\n"
	  "--cpus: value 'all': expected CPUs and ranges of them, such as 0-3,8\n"
	  "--poll-us: value '1ms': expected microseconds from 0 to 1000\n"
	  "--groups: value '/': " GROUPS "\n"
	  "--seqpacket: value '1': expected yes or no\n"
	  "--forward-cid: value 'x': expected a number from 1 to 4294967294\n" },
	{ { "--vm=socket=s,uds-path=u", "--map=7:x", "--map=8:y" },
	  2,
	  "--map: value '7:x': beside --vm it is not clear whose this is; write it as a key of --vm\n"
	  "--map: value '8:y': beside --vm it is not clear whose this is; write it as a key of --vm\n" },
	{ { "--socket=s", "--uds-path=u", "--sokcet=t", "--check-config=1",
	    "--verbose", "-x", "word", "--engine=fast", "--queue-size" },
	  2,
	  "--sokcet=t: there is no such option; the nearest is '--socket'\n"
	  "--check-config=1: this option takes no value\n"
	  "--verbose: there is no such option, nor one like it; see --help\n"
	  "-x: there is no such option, nor one like it; see --help\n"
	  "--queue-size: this option needs a value\n"
	  "value 'word': expected an option; they begin with '--'\n"
	  "--engine: value 'fast': expected auto, io_uring or epoll\n" },
	/* a value that was forgotten takes no option in its place */
	{ { "--socket", "--uds-path=u", "--engine=fast" },
	  2,
	  "--socket: this option needs a value, and '--uds-path=u' looks like an "
	  "option; join a value that begins with '--' by '='\n"
	  "--engine: value 'fast': expected auto, io_uring or epoll\n" },
	{ { "--socket=--s", "--uds-path=u", "--engine=fast" },
	  2,
	  "--engine: value 'fast': expected auto, io_uring or epoll\n" },
	/* as in a file */
	{ { "--vm=socket=s,uds-path=u,socket=t,groups=a,groups=b" },
	  2,
	  "--vm #1: key 'socket': value 't': a key may be set once; it is 's' already\n" },
	{ { "--loglevel", "debug" },
	  2,
	  "--loglevel: there is no such option; the nearest is '--log-level'\n"
	  "value 'debug': expected an option; they begin with '--'\n" },
	{ { "--config=none.ini", "--queue-size=x", "--vm=guest-cid=1" },
	  2,
	  "--queue-size: value 'x': beside --vm it is not clear whose this is; write it as a key of --vm\n"
	  "--vm #1: key 'guest-cid': value '1': expected a number from 3 to 4294967294\n"
	  "none.ini: expected a file that can be read: No such file or directory\n" },
	{ { "--config=dir" },
	  2,
	  "dir: expected a file that can be read: Is a directory\n" },
	{ { "--config=one", "--config=two.ini" },
	  2,
	  "--config: value 'two.ini': expected one file; 'one' is given, too\n" },
	/* a name that ends in nothing known, and what it is read as */
	{ { "--config=ini" },
	  2,
	  "ini: read as YAML, as its name does not end in .ini or .conf; rename "
	  "it if it is INI\n"
	  "ini:1: a VM is a list of 'key: value'\n"
	  "ini:2: this is not YAML: did not find expected <document start>\n" },
	{ { "--config=broken.yaml" },
	  2,
	  "broken.yaml:1: expected a list of VMs, alone or under 'vms:'\n" },
	{ { "--config=wrong.conf", "--log-level=loud" },
	  2,
	  "--log-level: value 'loud': expected error, warn, info or debug\n"
	  "wrong.conf:1: value '[x]': a section is [daemon] or [vm NAME]\n" },
};

struct outcome {
	char out[4096];
	char err[4096];
	int status;
};

static void collect(FILE *from, int fd, int saved, char text[4096])
{
	size_t n;

	dup2(saved, fd);
	close(saved);
	rewind(from);
	n = fread(text, 1, 4095, from);
	text[n] = '\0';
	fclose(from);
}

static void run(const char *const *arguments, struct outcome *outcome)
{
	char *argv[ARGUMENTS_MAX + 2] = { strdup("uring-vsock") };
	FILE *out = tmpfile();
	FILE *err = tmpfile();
	struct config config;
	int saved_out = dup(STDOUT_FILENO);
	int saved_err = dup(STDERR_FILENO);
	int argc = 1;

	for (; arguments[argc - 1]; argc++)
		argv[argc] = strdup(arguments[argc - 1]);
	fflush(stdout);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(err), STDERR_FILENO);
	outcome->status = RUNS;
	if (!options_parse(argc, argv, &config, &outcome->status))
		config_print(&config, stdout);
	if (outcome->status == RUNS)
		config_free(&config);
	fflush(stdout);
	collect(out, STDOUT_FILENO, saved_out, outcome->out);
	collect(err, STDERR_FILENO, saved_err, outcome->err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}

static void write_files(void)
{
	config_write("empty", "");
	config_write("one", "daemon: {engine: epoll}\n"
			    "vms: [{socket: s, uds_path: u}]\n");
	config_write("two.ini", "[vm a]\nguest-cid = 3\nsocket = s\n"
				"uds-path = u\n[vm b]\nguest-cid = 4\n"
				"socket = t\nuds-path = v\n");
	config_write(
		"lists",
		"- {socket: s, uds_path: u, groups: a+z, map: [1:a, 2:b], allow_guest: 1-5, allow_host: 1-5}\n");
	config_write("wrong.conf", "[x]\n");
	config_write("ini", "[vm a]\nsocket = s\nuds-path = u\n");
	config_write("broken.yaml", "hello\n");
}

/* Without "uring-vsock: " at the beginning of each line. */
static void check_mistakes(char *got, const char *expected)
{
	static const char prefix[] = "uring-vsock: ";
	const size_t len = sizeof(prefix) - 1;
	char *line;

	for (line = got; *line; line = strchr(line, '\n') + 1) {
		ck_assert_int_eq(strncmp(line, prefix, len), 0);
		memmove(line, line + len, strlen(line + len) + 1);
	}
	ck_assert_str_eq(got, expected);
}

START_TEST(test_command_line)
{
	struct outcome outcome;
	unsigned litter;

	write_files();
	litter = config_litter();
	run(rows[_i].argument, &outcome);
	if (rows[_i].status == 2) {
		check_mistakes(outcome.err, rows[_i].output);
		ck_assert_str_eq(outcome.out, "");
	} else {
		ck_assert_str_eq(outcome.out, rows[_i].output);
		ck_assert_str_eq(outcome.err, "");
	}
	ck_assert_int_eq(outcome.status, rows[_i].status);
	ck_assert_uint_eq(config_litter(), litter);
}
END_TEST

static const struct {
	const char *argument[ARGUMENTS_MAX];
	const char *begins;
} request_rows[] = {
	{ { "--help" }, "usage: uring-vsock " },
	{ { "-h" }, "usage: uring-vsock " },
	{ { "--nonsense", "--socket", "x", "--help", "--version" }, "usage: " },
	{ { "--version" }, "uring-vsock " },
	{ { "-V", "--help" }, "uring-vsock " },
	{ { "--print-capabilities" }, "{\n  \"type\": \"vsock\"\n}\n" },
	{ { "--fd=9", "--print_capabilities", "x" }, "{\n  \"type\": " },
};

START_TEST(test_request)
{
	struct outcome outcome;

	run(request_rows[_i].argument, &outcome);
	ck_assert_int_eq(outcome.status, 0);
	ck_assert_str_eq(outcome.err, "");
	ck_assert_msg(strstr(outcome.out, request_rows[_i].begins) ==
			      outcome.out,
		      "%s", outcome.out);
}
END_TEST

START_TEST(test_help_names_everything)
{
	static const char *const options[] = {
		"name",
		"guest-cid",
		"socket",
		"socket-path",
		"fd",
		"uds-path",
		"tx-buffer-size",
		"queue-size",
		"socket-mode",
		"socket-owner",
		"groups",
		"seqpacket",
		"forward-cid",
		"forward-listen",
		"allow-guest",
		"allow-host",
		"map",
		"engine",
		"log-level",
		"workers",
		"cpus",
		"poll-us",
		"vm",
		"config",
		"check-config",
		"print-capabilities",
		"version",
		"help",
	};
	static const char *const arguments[] = { "--help", NULL };
	struct outcome outcome;
	char line[64];
	unsigned i;

	run(arguments, &outcome);
	for (i = 0; i < ARRAY_SIZE(options); i++) {
		snprintf(line, sizeof(line), "\n  --%s", options[i]);
		ck_assert_msg(strstr(outcome.out, line), "%s", options[i]);
	}
	ck_assert_ptr_nonnull(strstr(outcome.out, "(default: 262144)"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tcase = tcase_create("options");

	tcase_add_checked_fixture(tcase, config_setup, config_teardown);
	tcase_add_loop_test(tcase, test_command_line, 0, ARRAY_SIZE(rows));
	tcase_add_loop_test(tcase, test_request, 0, ARRAY_SIZE(request_rows));
	tcase_add_test(tcase, test_help_names_everything);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
