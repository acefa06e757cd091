/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * vsock-peer: either end of a test connection, in a guest or on the host.
 *
 * Prints "listening", "connected", "progress SENT RECEIVED" as they happen and
 * ends with one line "done ..." (status 0) or "failed ..." (status 1); a
 * connect() that fails is "refused ERRNO-NAME MILLISECONDS" (status 3).
 */
#include "address.h"
#include "messages.h"
#include "peer_options.h"
#include "transfer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	STACK_SIZE = 65536,
	PROGRESS_MS = 100,
	STATUS_REFUSED = 3,
};

/* All connections of this program, and how many of their threads run. */
struct crowd {
	const struct options *options;
	struct transfer *transfers;
	pthread_barrier_t all_open;
	_Atomic unsigned int running;
	_Atomic int refused; /* a connect()'s errno */
	int listener;
	_Atomic int64_t began_ms; /* to connect, then to transfer */
};

struct member {
	struct crowd *crowd;
	unsigned int number;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static int open_connection(struct crowd *crowd)
{
	int fd;

	if (crowd->options->plan.connecting) {
		fd = address_connect(&crowd->options->address);
		if (fd < 0)
			atomic_store(&crowd->refused, -fd);
		return fd;
	}
	fd = accept(crowd->listener, NULL, NULL);
	return fd < 0 ? -errno : fd;
}

/* Nobody moves a byte before all have connected, or have failed to. */
static void *member_thread(void *argument)
{
	struct member *member = argument;
	struct crowd *crowd = member->crowd;
	struct transfer *transfer = &crowd->transfers[member->number];

	transfer->plan = &crowd->options->plan;
	transfer->start = member->number * 4099;
	transfer->fd = open_connection(crowd);
	if (transfer->fd < 0)
		snprintf(transfer->error, sizeof(transfer->error), "%s: %s",
			 transfer->plan->connecting ? "connect" : "accept",
			 strerror(-transfer->fd));
	pthread_barrier_wait(&crowd->all_open);
	if (member->number == 0 && !atomic_load(&crowd->refused)) {
		atomic_store(&crowd->began_ms, now_ms());
		say("connected");
	}
	if (transfer->fd >= 0 && transfer->plan->messages)
		messages_echo(transfer);
	else if (transfer->fd >= 0)
		transfer_run(transfer);
	free(member);
	atomic_fetch_sub(&crowd->running, 1);
	return NULL;
}

static void start_member(struct crowd *crowd, unsigned int number)
{
	struct member *member = malloc(sizeof(*member));
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (member)
		*member = (struct member){ crowd, number };
	if (!member ||
	    pthread_create(&thread, &attributes, member_thread, member)) {
		printf("failed no thread for connection %u\n", number);
		exit(EXIT_FAILURE);
	}
	pthread_attr_destroy(&attributes);
}

static void print_progress(const struct crowd *crowd)
{
	uint64_t sent = 0, received = 0;
	unsigned int i;

	for (i = 0; i < crowd->options->count; i++) {
		sent += atomic_load(&crowd->transfers[i].sent);
		received += atomic_load(&crowd->transfers[i].received);
	}
	printf("progress %" PRIu64 " %" PRIu64 "\n", sent, received);
	fflush(stdout);
}

static void wait_for_members(struct crowd *crowd)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int64_t next = now_ms();

	while (atomic_load(&crowd->running) > 0) {
		nanosleep(&pause, NULL);
		if (!crowd->options->progress || now_ms() < next)
			continue;
		next = now_ms() + PROGRESS_MS;
		print_progress(crowd);
	}
}

static int report_failure(const struct crowd *crowd, unsigned int number)
{
	int refused = atomic_load(&crowd->refused);

	if (refused) {
		printf("refused %s %" PRId64 "\n", strerrorname_np(refused),
		       now_ms() - crowd->began_ms);
		return STATUS_REFUSED;
	}
	printf("failed connection %u: %s\n", number,
	       crowd->transfers[number].error);
	return EXIT_FAILURE;
}

static int report(const struct crowd *crowd)
{
	uint64_t sent = 0, received = 0, sent_sum = 0, received_sum = 0;
	unsigned int i, copied = 0;

	for (i = 0; i < crowd->options->count; i++) {
		const struct transfer *transfer = &crowd->transfers[i];

		if (transfer->error[0])
			return report_failure(crowd, i);
		sent += atomic_load(&transfer->sent);
		received += atomic_load(&transfer->received);
		sent_sum += checksum_value(&transfer->sent_sum);
		received_sum += checksum_value(&transfer->received_sum);
		copied += transfer->copied;
	}
	printf("done connections=%u sent=%" PRIu64 " sent_sum=%016" PRIx64
	       " received=%" PRIu64 " received_sum=%016" PRIx64
	       " copied=%u ms=%" PRId64 "\n",
	       crowd->options->count, sent, sent_sum, received, received_sum,
	       copied, now_ms() - crowd->began_ms);
	return EXIT_SUCCESS;
}

static void close_all(struct crowd *crowd)
{
	unsigned int i;

	for (i = 0; i < crowd->options->count; i++)
		if (crowd->transfers[i].fd >= 0)
			close(crowd->transfers[i].fd);
	free(crowd->transfers);
	if (crowd->listener < 0)
		return;
	close(crowd->listener);
	address_forget(&crowd->options->address);
}

static int run(const struct options *options)
{
	struct crowd crowd = { .options = options, .listener = -1 };
	unsigned int i;
	int status;

	if (!options->plan.connecting) {
		crowd.listener = address_listen(&options->address);
		if (crowd.listener < 0) {
			printf("failed listen: %s\n",
			       strerror(-crowd.listener));
			return EXIT_FAILURE;
		}
		say("listening");
	}
	crowd.transfers = calloc(options->count, sizeof(*crowd.transfers));
	if (!crowd.transfers)
		return EXIT_FAILURE;
	pthread_barrier_init(&crowd.all_open, NULL, options->count);
	atomic_store(&crowd.running, options->count);
	atomic_store(&crowd.began_ms, now_ms());
	for (i = 0; i < options->count; i++)
		start_member(&crowd, i);
	wait_for_members(&crowd);
	status = report(&crowd);
	close_all(&crowd);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;

	if (options_parse(argc, argv, &options) < 0)
		return 2;
	pattern_init();
	return run(&options);
}
