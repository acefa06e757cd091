/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Completions arrive on the socket's error queue, each for a range of sends by
 * their numbers. They also tell if the kernel has copied after all. Only a
 * limited number may be outstanding; beyond that send(2) fails with ENOBUFS.
 * Waiting asks for no event, as poll(2) always reports POLLERR.
 */
#include "perf/perf_zerocopy.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* after time.h, which it lacks */

#include "perf/perf_socket.h"

int perf_zerocopy_enable(int fd)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

static void count_completion(const struct msghdr *message,
			     struct perf_zerocopy *count)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct sock_extended_err report;
	uint32_t sends;

	if (!control || control->cmsg_len < CMSG_LEN(sizeof(report)))
		return;
	memcpy(&report, CMSG_DATA(control), sizeof(report));
	if (report.ee_origin != SO_EE_ORIGIN_ZEROCOPY)
		return;
	sends = report.ee_data - report.ee_info + 1;
	if (report.ee_code & SO_EE_CODE_ZEROCOPY_COPIED)
		count->copied += sends;
	else
		count->uncopied += sends;
}

void perf_zerocopy_reap(int fd, struct perf_zerocopy *count)
{
	char room[128];
	struct msghdr message = { .msg_control = room };

	message.msg_controllen = sizeof(room);
	while (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0) {
		count_completion(&message, count);
		message.msg_controllen = sizeof(room);
	}
}

int perf_zerocopy_wait(int fd, struct perf_zerocopy *count)
{
	struct pollfd pollfd = { .fd = fd };

	if (poll(&pollfd, 1, PERF_PATIENCE_S * 1000) == 0)
		return -EAGAIN;
	perf_zerocopy_reap(fd, count);
	return 0;
}
