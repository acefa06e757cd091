/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The variable, the paths that follow from it, and sockets' names. */
#include <check.h>
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "preload/address.h"
#include "preload/vms.h"
#include "suite.h"

/* The longest path: with '_', ten digits and a NUL it fills sun_path. */
#define PATH_96                                            \
	"0123456789abcdef0123456789abcdef0123456789abcdef" \
	"0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *text;
	unsigned int count; /* 0: a mistake, of which the sentence holds */
	const char *mistake;
} variables[] = {
	/*  0 */ { "3=/run/vm3.vsock", 1, NULL },
	/*  1 */ { "3=/run/vm3.vsock,4=/run/vm4.vsock", 2, NULL },
	/*  2 */ { "4294967294=a=b", 1, NULL },
	/*  3 */ { "3=" PATH_96, 1, NULL },
	/*  4 */ { "3=" PATH_96 "x", 0, "96 bytes" },
	/*  5 */ { "", 0, "CID=PATH" },
	/*  6 */ { "/run/vm3.vsock", 0, "CID=PATH" },
	/*  7 */ { "=/run/vm3.vsock", 0, "CID=PATH" },
	/*  8 */ { "3=", 0, "no path" },
	/*  9 */ { "3=a,", 0, "CID=PATH" },
	/* 10 */ { "3=a,,4=b", 0, "CID=PATH" },
	/* 11 */ { "2=a", 0, "from 3" },
	/* 12 */ { "4294967295=a", 0, "from 3" },
	/* 13 */ { "4294967296=a", 0, "from 3" },
	/* 14 */ { "-3=a", 0, "from 3" },
	/* 15 */ { "x=a", 0, "from 3" },
	/* 16 */ { "3=a,3=b", 0, "'3=b'" },
};

START_TEST(test_variable)
{
	int err = vms_load(variables[_i].text);

	ck_assert_uint_eq(vms_count(), variables[_i].count);
	ck_assert(vms_given());
	ck_assert_int_eq(err == 0, variables[_i].count > 0);
	if (variables[_i].mistake)
		ck_assert(strstr(vms_mistake(), variables[_i].mistake));
	else
		ck_assert(!vms_mistake());
}
END_TEST

START_TEST(test_no_more_than_64_vms)
{
	char text[1024] = "";

	for (unsigned int cid = 3; cid < 3 + VMS_MAX; cid++)
		sprintf(text + strlen(text), "%s%u=p%u", cid > 3 ? "," : "",
			cid, cid);
	ck_assert_int_eq(vms_load(text), 0);
	ck_assert_uint_eq(vms_count(), VMS_MAX);
	strcat(text, ",1000=p");
	ck_assert_int_ne(vms_load(text), 0);
	ck_assert(strstr(vms_mistake(), "64"));
}
END_TEST

static const struct {
	const char *path;
	unsigned int cid; /* 0: nobody's */
	uint32_t port;
} paths[] = {
	/*  0 */ { "/run/vm3_5", 3, 5 },
	/*  1 */ { "/run/vm3_4294967295", 3, 4294967295u },
	/*  2 */ { "/run/vm3_4294967296", 0, 0 },
	/*  3 */ { "/run/vm3_7_5", 4, 5 },
	/*  4 */ { "/run/vm3_7", 3, 7 },
	/*  5 */ { "/run/vm3", 0, 0 },
	/*  6 */ { "/run/vm3_", 0, 0 },
	/*  7 */ { "/run/vm3_5x", 0, 0 },
	/*  8 */ { "/run/vm3_seqpacket", 0, 0 },
	/*  9 */ { "/run/vm", 0, 0 },
	/* 10 */ { "run/vm3_5", 0, 0 },
	/* 11 */ { "", 0, 0 },
};

START_TEST(test_port_of_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct vm *vm;
	uint32_t port = 0;

	ck_assert_int_eq(vms_load("3=/run/vm3,4=/run/vm3_7"), 0);
	strcpy(address.sun_path, paths[_i].path);
	vm = vms_of_port(&address,
			 (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				     strlen(paths[_i].path) +
				     (paths[_i].path[0] != '\0')),
			 &port);
	ck_assert_uint_eq(vm ? vm->cid : 0, paths[_i].cid);
	if (vm)
		ck_assert_uint_eq(port, paths[_i].port);
}
END_TEST

START_TEST(test_paths)
{
	struct sockaddr_un address;

	ck_assert_int_eq(vms_load("3=" PATH_96), 0);
	vm_port_address(vms_at(0), 4294967295u, &address);
	ck_assert_str_eq(address.sun_path, PATH_96 "_4294967295");
	vm_dial_address(vms_at(0), SOCK_STREAM, &address);
	ck_assert_str_eq(address.sun_path, PATH_96);
	vm_dial_address(vms_at(0), SOCK_SEQPACKET, &address);
	ck_assert_str_eq(address.sun_path, PATH_96 "_seqpacket");
}
END_TEST

/* The same addresses twice are two names: one that is bound cannot be bound
 * again. */
START_TEST(test_name_says_both_ends)
{
	const struct vm_address remote = { 4294967294u, 4294967295u };
	struct sockaddr_un name, other;
	struct vm_address found;
	uint32_t port;
	socklen_t length = address_name(1234, &remote, &name);
	socklen_t other_length = address_name(1234, &remote, &other);

	ck_assert(address_of_name(&name, length, &port, &found));
	ck_assert_uint_eq(port, 1234);
	ck_assert_uint_eq(found.cid, remote.cid);
	ck_assert_uint_eq(found.port, remote.port);
	ck_assert(length != other_length || memcmp(&name, &other, length) != 0);
	for (socklen_t cut = 0; cut < 30; cut++)
		ck_assert(!address_of_name(&name, cut, &port, &found));
	name.sun_path[0] = 'x';
	ck_assert(!address_of_name(&name, length, &port, &found));
}
END_TEST

static const struct {
	struct sockaddr_vm address;
	socklen_t length;
	int result;
} taken[] = {
#define VM(...)                                                   \
	{                                                         \
		.svm_family = AF_VSOCK, .svm_cid = 3, __VA_ARGS__ \
	}
	/* 0 */ { VM(.svm_port = 5), 16, 0 },
	/* 1 */ { VM(.svm_port = 5), 128, 0 },
	/* 2 */ { VM(.svm_port = 5), 15, -EINVAL },
	/* 3 */ { VM(.svm_flags = VMADDR_FLAG_TO_HOST), 16, 0 },
	/* 4 */ { VM(.svm_flags = 0x80), 16, -EINVAL },
	/* 5 */ { { .svm_family = AF_UNIX }, 16, -EINVAL },
};

START_TEST(test_address_is_checked)
{
	struct sockaddr_vm address[8] = { taken[_i].address };
	struct vm_address found;

	ck_assert_int_eq(address_take((const struct sockaddr *)address,
				      taken[_i].length, &found),
			 taken[_i].result);
	if (!taken[_i].result)
		ck_assert_uint_eq(found.cid, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("preload_names");
	TCase *names = tcase_create("names");

	tcase_add_loop_test(names, test_variable, 0, ARRAY_SIZE(variables));
	tcase_add_test(names, test_no_more_than_64_vms);
	tcase_add_loop_test(names, test_port_of_path, 0, ARRAY_SIZE(paths));
	tcase_add_test(names, test_paths);
	tcase_add_test(names, test_name_says_both_ends);
	tcase_add_loop_test(names, test_address_is_checked, 0,
			    ARRAY_SIZE(taken));
	suite_add_tcase(suite, names);
	return suite_run(suite);
}
