/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Which address each port of the host has. */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "config/config.h"
#include "host/host_address.h"
#include "suite.h"

#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define PATHNAME sizeof(struct sockaddr_un)
#define ABSTRACT(name) (sizeof(sa_family_t) + 1 + strlen(name))

static struct port_map maps[] = {
	{ 5, (char *)"/run/five" },
	{ 7, (char *)"@seven" },
	{ 9, (char *)"@" X100 "123456" },
	{ 4294967294u, (char *)"last" },
};

static const struct {
	const char *uds_path; /* NULL: none */
	uint32_t port;
	int result;
	const char *text;
	size_t len;
} rows[] = {
	{ "/run/vm", 0, 0, "/run/vm_0", PATHNAME },
	{ "/run/vm", 6, 0, "/run/vm_6", PATHNAME },
	{ "vm", 4294967293u, 0, "vm_4294967293", PATHNAME },
	{ "/run/vm", 5, 0, "/run/five", PATHNAME },
	{ "/run/vm", 7, 0, "@seven", ABSTRACT("seven") },
	{ "/run/vm", 9, 0, "@" X100 "123456", ABSTRACT(X100 "123456") },
	{ "/run/vm", 4294967294u, 0, "last", PATHNAME },
	{ NULL, 5, 0, "/run/five", PATHNAME },
	{ NULL, 6, -ENOENT, "", 0 },
	{ X100 "12345", 3, 0, X100 "12345_3", PATHNAME },
	{ X100 "12345", 33, -ENAMETOOLONG, NULL, 0 },
	{ X100 "12345", 5, 0, "/run/five", PATHNAME },
};

START_TEST(test_unix)
{
	const struct vm_config vm = {
		.uds_path = (char *)rows[_i].uds_path,
		.maps = maps,
		.nmaps = ARRAY_SIZE(maps),
	};
	struct host_address address;
	char text[HOST_ADDRESS_TEXT_MAX];

	ck_assert_int_eq(host_address_unix(&vm, rows[_i].port, &address),
			 rows[_i].result);
	if (rows[_i].result)
		return;
	host_address_text(&address, text);
	ck_assert_str_eq(text, rows[_i].text);
	ck_assert_uint_eq(address.len, rows[_i].len);
	ck_assert_int_eq(address.any.sa_family, AF_UNIX);
}
END_TEST

START_TEST(test_vsock)
{
	struct host_address address;
	char text[HOST_ADDRESS_TEXT_MAX];

	host_address_vsock(1, 4294967294u, &address);
	ck_assert_int_eq(address.any.sa_family, AF_VSOCK);
	ck_assert_uint_eq(address.len, sizeof(struct sockaddr_vm));
	ck_assert_uint_eq(address.vm.svm_cid, 1);
	ck_assert_uint_eq(address.vm.svm_port, 4294967294u);
	host_address_text(&address, text);
	ck_assert_str_eq(text, "AF_VSOCK CID 1 port 4294967294");
}
END_TEST

static const struct {
	const char *uds_path;
	uint32_t forward_cid;
	uint32_t cid;
	bool host;
} cid_rows[] = {
	{ "u", 0, 2, true },   { "u", 0, 1, false }, { "u", 0, 0, false },
	{ "u", 1, 2, true },   { "u", 1, 1, true },  { "u", 1, 3, false },
	{ "u", 5, 5, true },   { "u", 5, 1, false }, { NULL, 1, 2, true },
	{ NULL, 1, 1, true },  { NULL, 1, 3, true }, { NULL, 1, 77, true },
	{ NULL, 0, 3, false },
};

START_TEST(test_host_cids)
{
	const struct vm_config vm = {
		.uds_path = (char *)cid_rows[_i].uds_path,
		.forward_cid = cid_rows[_i].forward_cid,
	};

	ck_assert_int_eq(config_is_host(&vm, cid_rows[_i].cid),
			 cid_rows[_i].host);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("host_address");
	TCase *tcase = tcase_create("host_address");

	tcase_add_loop_test(tcase, test_unix, 0, ARRAY_SIZE(rows));
	tcase_add_test(tcase, test_vsock);
	tcase_add_loop_test(tcase, test_host_cids, 0, ARRAY_SIZE(cid_rows));
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
