/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * guest-notify CID PORT COUNT: sends COUNT notifications to a host program, one
 * after the other, as systemd does: from a privileged port, always the same one
 * as far as it is free, each over a connection of its own, which ends when the
 * host program has closed it.
 *
 * A notification is its number in one line. Prints "failed NUMBER: CALL: ERROR"
 * for each one that fails, and "done failed=N".
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT_FIRST = 1023, PORT_LAST = 512 };

/* Returns NULL, or the call that failed, with errno. */
static const char *bind_privileged(int fd)
{
	struct sockaddr_vm own = { .svm_family = AF_VSOCK,
				   .svm_cid = VMADDR_CID_ANY };

	for (own.svm_port = PORT_FIRST; own.svm_port >= PORT_LAST;
	     own.svm_port--) {
		if (bind(fd, (struct sockaddr *)&own, sizeof(own)) == 0)
			return NULL;
		if (errno != EADDRINUSE)
			break;
	}
	return "bind";
}

/* All of a notification: connects, sends it, and waits for the end. */
static const char *notify(int fd, const struct sockaddr_vm *to,
			  unsigned int number)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%u\n", number);
	const char *why = bind_privileged(fd);

	if (why)
		return why;
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return "connect";
	if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len)
		return "send";
	/* The host program may have closed already: then shutdown() makes the
	 * kernel forget that there was a connection. */
	shutdown(fd, SHUT_WR);
	if (recv(fd, text, sizeof(text), 0) == 0 || errno == ENOTCONN)
		return NULL;
	return "recv";
}

int main(int argc, char **argv)
{
	struct sockaddr_vm to = { .svm_family = AF_VSOCK };
	unsigned int number, count, failed = 0;
	const char *why;
	int fd;

	if (argc != 4) {
		fputs("usage: guest-notify CID PORT COUNT\n", stderr);
		return 2;
	}
	to.svm_cid = (unsigned int)strtoul(argv[1], NULL, 10);
	to.svm_port = (unsigned int)strtoul(argv[2], NULL, 10);
	count = (unsigned int)strtoul(argv[3], NULL, 10);
	for (number = 0; number < count; number++) {
		fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
		why = fd < 0 ? "socket" : notify(fd, &to, number);
		if (why) {
			printf("failed %u: %s: %s\n", number, why,
			       strerror(errno));
			failed++;
		}
		close(fd);
	}
	printf("done failed=%u\n", failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
