/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "zerocopy.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* after time.h, which it lacks */

enum { DEADLINE_MS = 60000 };

int zerocopy_enable(int fd)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

static int count_completion(const struct msghdr *message,
			    struct zerocopy *zerocopy)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct sock_extended_err report;
	uint32_t sends;

	if (!control || control->cmsg_len < CMSG_LEN(sizeof(report)))
		return -EPROTO;
	memcpy(&report, CMSG_DATA(control), sizeof(report));
	if (report.ee_origin != SO_EE_ORIGIN_ZEROCOPY || report.ee_errno != 0)
		return -EPROTO;
	sends = report.ee_data - report.ee_info + 1;
	zerocopy->completed += sends;
	if (report.ee_code & SO_EE_CODE_ZEROCOPY_COPIED)
		zerocopy->copied += sends;
	return 0;
}

/*
 * A send that had to wait for credit is reported once for each of its parts, so
 * that there may be more completions than sends.
 */
static bool more_missing(const struct zerocopy *zerocopy, uint32_t most)
{
	return zerocopy->completed < zerocopy->sends &&
	       zerocopy->sends - zerocopy->completed > most;
}

int zerocopy_collect(int fd, struct zerocopy *zerocopy, uint32_t most)
{
	while (more_missing(zerocopy, most)) {
		char room[128];
		struct msghdr message = { .msg_control = room,
					  .msg_controllen = sizeof(room) };
		struct pollfd pollfd = { .fd = fd };
		int error = 0;

		if (poll(&pollfd, 1, DEADLINE_MS) == 0)
			return -ETIMEDOUT;
		if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
			error = count_completion(&message, zerocopy);
		else if (errno != EAGAIN)
			error = -errno;
		if (error < 0)
			return error;
	}
	return 0;
}
