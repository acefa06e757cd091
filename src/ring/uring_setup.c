/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A kernel's version tells little: distributions carry features back, filters
 * take some away. So set-up is tried from the best way down to the plainest.
 * Features that this does not show are asked for by a probe, or used once.
 *
 * The ways, best first (io_uring_setup(2)): completions run only when the one
 * thread that uses the ring asks for them (SINGLE_ISSUER, DEFER_TASKRUN); then,
 * at the latest when it enters the kernel anyway, without an interrupt
 * (COOP_TASKRUN). TASKRUN_FLAG shows in shared memory that some wait, which is
 * what makes a look without a system call possible. SUBMIT_ALL: a request that
 * fails at once does not keep those behind it from being submitted.
 */
#include "ring/uring_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"

#define SQ_ENTRIES 512
#define CQ_ENTRIES 4096

/* The newest way of running completions that this kernel takes. */
static int open_newest(struct io_uring *ur)
{
	static const unsigned ways[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
			IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_SUBMIT_ALL,
		0,
	};
	int err = -ENOSYS;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		struct io_uring_params params = {
			.flags = ways[i] | IORING_SETUP_CQSIZE,
			.cq_entries = CQ_ENTRIES,
		};

		err = io_uring_queue_init_params(SQ_ENTRIES, ur, &params);
		if (err != -EINVAL)
			break;
	}
	return err;
}

static const char *explain(int err)
{
	switch (err) {
	case -ENOSYS:
		return "the kernel has no io_uring";
	case -EPERM:
		return "io_uring is forbidden here (EPERM), by the sysctl "
		       "kernel.io_uring_disabled or a seccomp filter";
	case -ENOMEM:
		return "not enough lockable memory: raise RLIMIT_MEMLOCK";
	case -EMFILE:
	case -ENFILE:
		return "no descriptor is free";
	default:
		return "io_uring_setup failed";
	}
}

/* Calls that a filter may deny. The kernel has them, as a ring was set up. */
enum refusable { REGISTER, ENTER };

#define DENIED(call, name)                                               \
	call " fails with " name ": a seccomp filter seems to deny it, " \
	     "though it allows io_uring_setup"

static const char *explain_refusal(enum refusable call, int err)
{
	switch (err) {
	case -EPERM:
		return call == REGISTER ? DENIED("io_uring_register", "EPERM")
					: DENIED("io_uring_enter", "EPERM");
	case -EACCES:
		return call == REGISTER ? DENIED("io_uring_register", "EACCES")
					: DENIED("io_uring_enter", "EACCES");
	case -ENOSYS:
		return call == REGISTER ? DENIED("io_uring_register", "ENOSYS")
					: DENIED("io_uring_enter", "ENOSYS");
	default:
		return call == REGISTER ? "io_uring_register failed"
					: "io_uring_enter failed";
	}
}

static int refuse(enum refusable call, int err, const char **why)
{
	*why = explain_refusal(call, err);
	return err;
}

static int too_old(const char **why)
{
	*why = "the kernel's io_uring lacks operations: Linux 5.13 or later is "
	       "needed";
	return -ENOSYS;
}

/* All that may be asked about: opcodes have a byte. */
#define OPCODES 256

/* 0, or -errno with *WHY. */
static int check_operations(struct io_uring *ur, const char **why)
{
	static const int needed[] = {
		IORING_OP_POLL_ADD,
		IORING_OP_SENDMSG,
		IORING_OP_RECVMSG,
		IORING_OP_ASYNC_CANCEL,
	};
	struct io_uring_probe *probe = calloc(
		1, sizeof(*probe) + OPCODES * sizeof(struct io_uring_probe_op));
	bool all = true;
	size_t i;
	int err;

	if (!probe) {
		*why = "out of memory";
		return -ENOMEM;
	}
	err = io_uring_register_probe(ur, probe, OPCODES);
	for (i = 0; !err && i < ARRAY_SIZE(needed); i++)
		all = all && io_uring_opcode_supported(probe, needed[i]);
	free(probe);
	/* Kernels that cannot be asked say EINVAL. */
	if (err && err != -EINVAL)
		return refuse(REGISTER, err, why);
	return err || !all ? too_old(why) : 0;
}

/* Arms a multishot POLL of FD, which is ready. 0, or -errno with *WHY. */
static int try_multishot(struct io_uring *ur, int fd, const char **why)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ur);
	struct io_uring_cqe *cqe;
	bool works;
	int n;

	io_uring_prep_poll_multishot(sqe, fd, POLLOUT);
	io_uring_sqe_set_data64(sqe, URING_IGNORED_DATA);
	n = io_uring_submit_and_wait(ur, 1);
	if (n < 0)
		return refuse(ENTER, n, why);
	if (n != 1 || io_uring_peek_cqe(ur, &cqe) != 0)
		return too_old(why);
	works = cqe->res > 0 && (cqe->flags & IORING_CQE_F_MORE);
	io_uring_cqe_seen(ur, cqe);
	return works ? 0 : too_old(why);
}

/* Multishot POLL is no operation of its own: arm one and look. */
static int check_multishot(struct io_uring *ur, const char **why)
{
	struct io_uring_sqe *sqe;
	int ends[2];
	int err;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		err = -errno;
		*why = explain(err);
		return err;
	}
	err = try_multishot(ur, ends[1], why);
	/* The hang-up ends the request; its completions are ignored. */
	fd_close(&ends[0]);
	sqe = io_uring_get_sqe(ur);
	io_uring_prep_cancel64(sqe, URING_IGNORED_DATA, 0);
	io_uring_sqe_set_data64(sqe, URING_IGNORED_DATA);
	io_uring_submit(ur);
	fd_close(&ends[1]);
	return err;
}

int uring_setup(struct io_uring *ur, const char **why)
{
	int err = open_newest(ur);

	if (err) {
		*why = explain(err);
		return err;
	}
	err = check_operations(ur, why);
	if (!err)
		err = check_multishot(ur, why);
	if (err)
		io_uring_queue_exit(ur);
	return err;
}
