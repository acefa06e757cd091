/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Files of very many VMs, or of VMs with very many settings. How often the
 * file system is asked is counted by this program's own stat(2).
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "config/ini.h"
#include "suite.h"
#include "unit/config/config_fixture.h"

static unsigned asked;

int stat(const char *path, struct stat *out)
{
	asked++;
	return fstatat(AT_FDCWD, path, out, 0);
}

#define MAPS 4

/* What is asked of the file system for VMS virtual machines with MAPS each. */
static unsigned asked_for(unsigned vms)
{
	char *file = NULL;
	char *outcome;
	size_t size;
	FILE *out = open_memstream(&file, &size);
	unsigned i, j;

	ck_assert_ptr_nonnull(out);
	for (i = 0; i < vms; i++) {
		fprintf(out,
			"[vm v%u]\nguest-cid = %u\nsocket = %u.s\n"
			"uds-path = %u.u\n",
			i, i + 3, i, i);
		for (j = 0; j < MAPS; j++)
			fprintf(out, "map = %u:dir/%u.%u\n", j, i, j);
	}
	ck_assert_int_eq(fclose(out), 0);
	asked = 0;
	outcome = config_outcome(config_ini_read, file, size);
	ck_assert_msg(outcome[0] == '[', "%s", outcome);
	free(outcome);
	free(file);
	return asked;
}

START_TEST(each_vm_asks_the_file_system_the_same_number_of_times)
{
	unsigned one = asked_for(1);

	/* else this counts nothing */
	ck_assert_uint_ge(one, 3 + MAPS);
	ck_assert_uint_eq(asked_for(100), 100 * one);
	ck_assert_uint_eq(asked_for(1000), 1000 * one);
}
END_TEST

#define VM(name, cid, socket, uds)                             \
	"[vm " name "]\nguest-cid = " cid "\nsocket = " socket \
	"\nuds-path = " uds "\n"
#define WRONG(line, text) "uring-vsock: f:" #line ": " text "\n"

static const struct {
	const char *file;
	const char *outcome;
} rows[] = {
	/* the first of several is named, whatever lies between */
	{ VM("a", "5", "s", "au") VM("b", "4", "bs", "bu")
		  VM("c", "5", "cs", "cu") VM("d", "5", "ds", "du"),
	  WRONG(10,
		"key 'guest-cid': value '5': "
		"used twice, as the guest-cid of VM 'a' (f:2) and here for VM 'c'; change one of the two")
		  WRONG(14,
			"key 'guest-cid': value '5': "
			"used twice, as the guest-cid of VM 'a' (f:2) and here for VM 'd'; change one of the two") },
	{ VM("a", "5", "as", "s") VM("b", "4", "./s", "bu")
		  VM("c", "3", "cs", "dir/../s"),
	  WRONG(7,
		"key 'socket': value './s': "
		"used twice, as the uds-path of VM 'a' (f:4) and here for VM 'b'; change one of the two")
		  WRONG(12,
			"key 'uds-path': value 'dir/../s': "
			"used twice, as the uds-path of VM 'a' (f:4) and here for VM 'c'; change one of the two") },
	/* an earlier VM's socket is where a later one's guest looks */
	{ VM("a", "3", "x_1", "au") VM("b", "4", "bs", "bu")
		  VM("c", "5", "cs", "x"),
	  WRONG(3,
		"key 'socket': value 'x_1': "
		"the guest of VM 'c' would take this socket for a port of the host, as its name is that VM's uds-path (f:12) with '_' and a number behind; choose another name") },
	{ VM("a", "3", "as", "x_") VM("b", "4", "x__7", "bu")
		  VM("c", "5", "x_7_", "_7") VM("d", "6", "x_7", "du"),
	  WRONG(7,
		"key 'socket': value 'x__7': "
		"the guest of VM 'a' would take this socket for a port of the host, as its name is that VM's uds-path (f:4) with '_' and a number behind; choose another name") },
	/* a range that meets another behind one that lies between */
	{ VM("a", "3", "as", "au") "forward-listen = 10-99\n" VM(
		  "b", "4", "bs",
		  "bu") "forward-listen = 5+200\n" VM("c", "5", "cs",
						      "cu") "forward-listen = 20+30+98-120\n",
	  WRONG(15,
		"key 'forward-listen': value '20': "
		"used twice, as the forward-listen of VM 'a' (f:5) and here for VM 'c'; change one of the two") },
	{ VM("a", "3", "as", "au") "forward-listen = 20\n" VM(
		  "b", "4", "bs",
		  "bu") "forward-listen = 20-21\n" VM("c", "5", "cs",
						      "cu") "forward-listen = 1-50\n",
	  WRONG(10,
		"key 'forward-listen': value '20': "
		"used twice, as the forward-listen of VM 'a' (f:5) and here for VM 'b'; change one of the two")
		  WRONG(15,
			"key 'forward-listen': value '20': "
			"used twice, as the forward-listen of VM 'a' (f:5) and here for VM 'c'; change one of the two")
			  WRONG(15,
				"key 'forward-listen': value '21': "
				"used twice, as the forward-listen of VM 'b' (f:10) and here for VM 'c'; change one of the two") },
	{ VM("a", "3", "as", "au") "forward-listen = 4294967294\n" VM(
		  "b", "4", "bs",
		  "bu") "forward-listen = 4294967293\n" VM("c", "5", "cs",
							   "cu") "forward-listen = 0\n",
	  NULL },
};

START_TEST(what_two_vms_claim_is_found_among_many)
{
	char *outcome = config_outcome(config_ini_read, rows[_i].file,
				       strlen(rows[_i].file));

	if (rows[_i].outcome)
		ck_assert_str_eq(outcome, rows[_i].outcome);
	else
		ck_assert_msg(outcome[0] == '[', "%s", outcome);
	free(outcome);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_many");
	TCase *tcase = tcase_create("config_many");

	tcase_add_checked_fixture(tcase, config_setup, config_teardown);
	tcase_add_test(tcase,
		       each_vm_asks_the_file_system_the_same_number_of_times);
	tcase_add_loop_test(tcase, what_two_vms_claim_is_found_among_many, 0,
			    ARRAY_SIZE(rows));
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
