/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A whole daemon in a thread of the test. Memory runs out when the test says so:
 * where a VM's front ends are made, in the middle of making a guest. This program
 * is linked with --wrap for that.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "protocol/wire.h"
#include "session/frontends.h"
#include "suite.h"
#include "unit/config/config_fixture.h"

#define VMS 3
#define WORKERS 2
#define FIRST_CID 3

struct frontends *__real_frontends_new(struct guest *guest);
struct frontends *__wrap_frontends_new(struct guest *guest);

static atomic_int failures; /* still to come */
static sem_t failed;	    /* one of them came */
static sem_t started;

struct frontends *__wrap_frontends_new(struct guest *guest)
{
	if (atomic_load(&failures) > 0) {
		atomic_fetch_sub(&failures, 1);
		sem_post(&failed);
		return NULL;
	}
	return __real_frontends_new(guest);
}

static char group[] = "default";
static char *groups[] = { group };
static char names[VMS][8];
static struct vm_config vms[VMS];
static const struct config config = {
	.vms = vms,
	.nvms = VMS,
	.engine = ENGINE_EPOLL,
	.workers = WORKERS,
};
static pthread_t thread;

static void *serve(void *argument)
{
	struct daemon *daemon = daemon_new(&config);

	(void)argument;
	ck_assert_ptr_nonnull(daemon);
	sem_post(&started);
	daemon_run(daemon);
	daemon_free(daemon);
	return NULL;
}

static void set_up(void)
{
	sigset_t set;

	config_setup();
	log_set_level(LOG_LEVEL_ERROR);
	for (unsigned i = 0; i < VMS; i++) {
		names[i][0] = (char)('a' + i);
		vms[i] = (struct vm_config){
			.name = names[i],
			.guest_cid = FIRST_CID + i,
			.socket = names[i],
			.fd = -1,
			.tx_buffer_size = 262144,
			.queue_size = 1024,
			.groups = groups,
			.ngroups = 1,
		};
	}
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	sem_init(&failed, 0, 0);
	sem_init(&started, 0, 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
	sem_wait(&started);
}

static void tear_down(void)
{
	kill(getpid(), SIGTERM);
	pthread_join(thread, NULL);
	config_teardown();
}

/* A hypervisor connects to VM. */
static int come_to(unsigned vm)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	strcpy(address.sun_path, names[vm]);
	ck_assert_int_eq(
		connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The hypervisor asks something, and waits for the answer. */
static void expect_service(int fd)
{
	const struct vhost_user_header question = {
		.request = VHOST_USER_GET_FEATURES,
		.flags = VHOST_USER_VERSION,
	};
	struct {
		struct vhost_user_header header;
		uint64_t features;
	} __attribute__((packed)) answer;

	ck_assert_int_eq(send(fd, &question, sizeof(question), MSG_NOSIGNAL),
			 sizeof(question));
	ck_assert_int_eq(recv(fd, &answer, sizeof(answer), MSG_WAITALL),
			 sizeof(answer));
	ck_assert_uint_eq(answer.header.request, VHOST_USER_GET_FEATURES);
}

/* VMs a and c are the first worker's, and b is the second one's. When a's
 * hypervisor has come the second worker has less to do. So c moves there, and
 * finds no memory. */
START_TEST(vm_that_finds_no_memory_after_a_move_is_served_later)
{
	int first = come_to(0);
	int second;

	expect_service(first);
	atomic_store(&failures, 2);
	second = come_to(2);
	expect_service(second);
	ck_assert_int_eq(atomic_load(&failures), 0);
	fd_close(&second);
	fd_close(&first);
}
END_TEST

/* A VM that waits for memory is freed like all others. */
START_TEST(daemon_ends_while_a_vm_waits_for_memory)
{
	int first = come_to(0);
	int second;

	expect_service(first);
	atomic_store(&failures, 1000);
	second = come_to(2);
	sem_wait(&failed);
	expect_service(first);
	fd_close(&second);
	fd_close(&first);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker");
	TCase *tcase = tcase_create("memory");

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase,
		       vm_that_finds_no_memory_after_a_move_is_served_later);
	tcase_add_test(tcase, daemon_ends_while_a_vm_waits_for_memory);
	suite_add_tcase(suite, tcase);
	return suite_run(suite);
}
