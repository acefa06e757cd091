/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "transfer.h"

#include "zerocopy.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	READ_SIZE = 262144,
	ZEROCOPY_OUTSTANDING = 64,
};

/* The first failure is the one that explains the others. */
static void fail(struct transfer *transfer, const char *format, ...)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	va_list values;

	pthread_mutex_lock(&mutex);
	if (!transfer->error[0]) {
		va_start(values, format);
		vsnprintf(transfer->error, sizeof(transfer->error), format,
			  values);
		va_end(values);
	}
	pthread_mutex_unlock(&mutex);
	shutdown(transfer->fd, SHUT_RDWR);
}

static ssize_t send_part(struct transfer *transfer, struct zerocopy *zerocopy,
			 uint64_t done)
{
	const struct transfer_plan *plan = transfer->plan;
	int flags = MSG_NOSIGNAL | (plan->zerocopy ? MSG_ZEROCOPY : 0);
	const uint8_t *bytes = pattern_at(transfer->start + done);
	size_t size = plan->write_size;
	ssize_t n;

	if (size > plan->send - done)
		size = (size_t)(plan->send - done);
	n = send(transfer->fd, bytes, size, flags);
	if (n < 0 && errno == ENOBUFS && zerocopy->sends != zerocopy->completed)
		n = 0;
	if (n < 0)
		return -errno;
	if (n > 0)
		zerocopy->sends++;
	checksum_add(&transfer->sent_sum, bytes, (size_t)n);
	return n;
}

static int collect(struct transfer *transfer, struct zerocopy *zerocopy,
		   uint32_t most)
{
	if (!transfer->plan->zerocopy)
		return 0;
	return zerocopy_collect(transfer->fd, zerocopy, most);
}

static void send_all(struct transfer *transfer)
{
	const struct transfer_plan *plan = transfer->plan;
	struct zerocopy zerocopy = { 0 };
	uint64_t done = 0;
	ssize_t n = 0;

	if (plan->zerocopy)
		n = zerocopy_enable(transfer->fd);
	while (n >= 0 && done < plan->send) {
		n = send_part(transfer, &zerocopy, done);
		if (n < 0)
			break;
		done += (uint64_t)n;
		atomic_store(&transfer->sent, done);
		n = collect(transfer, &zerocopy,
			    n == 0 ? 0 : ZEROCOPY_OUTSTANDING);
	}
	if (n >= 0)
		n = collect(transfer, &zerocopy, 0);
	transfer->copied = zerocopy.copied;
	if (n < 0)
		fail(transfer, "send after %" PRIu64 " bytes: %s", done,
		     strerror((int)-n));
	else if (plan->half_close && shutdown(transfer->fd, SHUT_WR) < 0)
		fail(transfer, "shutdown: %s", strerror(errno));
}

static void *send_thread(void *transfer)
{
	send_all(transfer);
	return NULL;
}

static void wait_for_word(const struct transfer_plan *plan)
{
	struct pollfd pollfd = { .fd = plan->wait_fd, .events = POLLIN };

	puts("waiting");
	fflush(stdout);
	poll(&pollfd, 1, -1);
}

static void take(struct transfer *transfer, const uint8_t *bytes, size_t n,
		 uint64_t done)
{
	size_t good = pattern_compare(transfer->start + done, bytes, n);

	checksum_add(&transfer->received_sum, bytes, n);
	if (good < n)
		fail(transfer, "received byte %" PRIu64 " is wrong",
		     done + good);
	else if (done + n > transfer->plan->receive)
		fail(transfer, "received more than %" PRIu64 " bytes",
		     transfer->plan->receive);
}

static void receive_all(struct transfer *transfer)
{
	const struct transfer_plan *plan = transfer->plan;
	uint8_t *buffer = malloc(READ_SIZE);
	bool waited = plan->wait_fd < 0;
	uint64_t done = 0;
	ssize_t n = buffer ? 1 : -1;

	while (n > 0 && (done < plan->receive || plan->expect_eof)) {
		if (!waited && done >= plan->wait_at) {
			wait_for_word(plan);
			waited = true;
		}
		n = recv(transfer->fd, buffer, READ_SIZE, 0);
		if (n <= 0)
			break;
		take(transfer, buffer, (size_t)n, done);
		done += (uint64_t)n;
		atomic_store(&transfer->received, done);
	}
	if (n < 0)
		fail(transfer, "receive after %" PRIu64 " bytes: %s", done,
		     strerror(errno));
	else if (done < plan->receive)
		fail(transfer, "end after %" PRIu64 " bytes", done);
	free(buffer);
}

/* The connecting side says where in the known stream both sides begin. */
static bool exchange_tag(struct transfer *transfer)
{
	uint32_t *start = &transfer->start;
	ssize_t n;

	if (!transfer->plan->tagged)
		return true;
	if (transfer->plan->connecting)
		n = send(transfer->fd, start, sizeof(*start), MSG_NOSIGNAL);
	else
		n = recv(transfer->fd, start, sizeof(*start), MSG_WAITALL);
	if (n == (ssize_t)sizeof(*start))
		return true;
	fail(transfer, "tag: %s", n < 0 ? strerror(errno) : "end");
	return false;
}

void transfer_run(struct transfer *transfer)
{
	pthread_t thread;
	int error;

	if (!exchange_tag(transfer))
		return;
	if (transfer->plan->reply) {
		receive_all(transfer);
		send_all(transfer);
		return;
	}
	error = pthread_create(&thread, NULL, send_thread, transfer);
	if (error) {
		fail(transfer, "thread: %s", strerror(error));
		return;
	}
	receive_all(transfer);
	pthread_join(thread, NULL);
}
