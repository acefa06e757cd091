/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Text and JSON show the same figures. Sizes that were asked for are given in
 * powers of 1,024, as users write them; results in powers of 1,000, as networks
 * are measured.
 */
#include "perf/perf_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/check.h"

static double per_second(uint64_t n, uint64_t ns)
{
	return ns ? (double)n * 1e9 / (double)ns : 0;
}

static const char *boolean(bool value)
{
	return value ? "true" : "false";
}

/* The server's lines say to which test they belong. */
static void print_prefix(const struct perf_print *print)
{
	if (print->test)
		printf("[%u] ", print->test);
}

void perf_print_start(const struct perf_print *print,
		      const struct perf_plan *plan, const char *whom)
{
	char size[PERF_AMOUNT], bytes[PERF_AMOUNT];

	if (print->json)
		return;
	print_prefix(print);
	printf("%s%s, %s: %u connection%s, %s at a time",
	       perf_mode_name(plan->mode), plan->reverse ? " reversed" : "",
	       whom, plan->parallel, plan->parallel == 1 ? "" : "s",
	       perf_size_text(size, plan->size));
	if (plan->bytes)
		printf(", %s", perf_size_text(bytes, plan->bytes));
	if (plan->time_ms)
		printf(", %g s", plan->time_ms / 1000.0);
	printf("%s%s\n", plan->zerocopy ? ", without copying" : "",
	       plan->verify ? ", every byte compared" : "");
}

static void print_rates(const struct perf_plan *plan,
			const struct perf_sample *moved, uint64_t ns)
{
	char sent[PERF_AMOUNT], received[PERF_AMOUNT];

	perf_amount_text(sent, per_second(moved->sent, ns));
	perf_amount_text(received, per_second(moved->received, ns));
	if (perf_plan_has_trips(plan))
		printf("%.0f round trips/s", per_second(moved->trips, ns));
	else if (plan->mode == PERF_BIDIRECTIONAL)
		printf("%s/s sent, %s/s received", sent, received);
	else
		printf("%s/s", moved->sent ? sent : received);
}

static void json_rates(const struct perf_sample *moved, uint64_t ns)
{
	printf(", \"sent\": %" PRIu64 ", \"received\": %" PRIu64
	       ", \"sent_per_second\": %.0f, \"received_per_second\": %.0f"
	       ", \"trips\": %" PRIu64 ", \"trips_per_second\": %.1f",
	       moved->sent, moved->received, per_second(moved->sent, ns),
	       per_second(moved->received, ns), moved->trips,
	       per_second(moved->trips, ns));
}

static void json_test(const struct perf_print *print)
{
	if (print->test)
		printf(", \"test\": %u", print->test);
}

void perf_print_interval(const struct perf_print *print,
			 const struct perf_plan *plan, uint64_t from_ns,
			 uint64_t to_ns, const struct perf_sample *moved)
{
	uint64_t ns = to_ns - from_ns;

	if (print->json) {
		printf("{\"type\": \"interval\"");
		json_test(print);
		printf(", \"from\": %.3f, \"to\": %.3f", (double)from_ns / 1e9,
		       (double)to_ns / 1e9);
		json_rates(moved, ns);
		printf("}\n");
		return;
	}
	print_prefix(print);
	printf("%7.2f s  ", (double)to_ns / 1e9);
	print_rates(plan, moved, ns);
	putchar('\n');
}

static const struct {
	const char *name;
	double share;
} percentiles[] = {
	{ "p50", 0.5 },
	{ "p90", 0.9 },
	{ "p99", 0.99 },
	{ "p99.9", 0.999 },
};

/* The round trips of all connections; NULL if there are none. The caller frees
 * it. */
static struct latency *all_latencies(const struct perf_run *run)
{
	struct latency *all;
	unsigned i;

	if (!run->latencies)
		return NULL;
	all = calloc(1, sizeof(*all));
	for (i = 0; all && i < run->plan.parallel; i++)
		latency_merge(all, &run->latencies[i]);
	return all;
}

static double mean(const struct latency *latency)
{
	return latency->count ? (double)latency->sum / (double)latency->count
			      : 0;
}

static void print_latency(const struct latency *latency)
{
	char text[PERF_AMOUNT];
	unsigned i;

	printf("round trip: mean %s", perf_time_text(text, mean(latency)));
	for (i = 0; i < ARRAY_SIZE(percentiles); i++)
		printf(", %s %s", percentiles[i].name,
		       perf_time_text(text, latency_at(latency,
						       percentiles[i].share)));
	printf(", max %s\n", perf_time_text(text, (double)latency->max));
}

static void json_latency(const struct latency *latency)
{
	unsigned i;

	printf(", \"latency_us\": {\"mean\": %.3f", mean(latency) / 1e3);
	for (i = 0; i < ARRAY_SIZE(percentiles); i++)
		printf(", \"%s\": %.3f", percentiles[i].name,
		       latency_at(latency, percentiles[i].share) / 1e3);
	printf(", \"max\": %.3f}", (double)latency->max / 1e3);
}

/* The process's time: that of the test at a client, which runs only one. A
 * server may run several at a time, and prints none. */
static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void json_summary(const struct perf_print *print,
			 const struct perf_run *run, uint64_t ns,
			 const struct latency *latency)
{
	const struct perf_plan *plan = &run->plan;
	const struct perf_sample moved = perf_run_sample(run);

	printf("{\"type\": \"summary\"");
	json_test(print);
	printf(", \"mode\": \"%s\", \"reverse\": %s, \"verify\": %s"
	       ", \"zerocopy\": %s, \"size\": %u, \"parallel\": %u"
	       ", \"seconds\": %.6f",
	       perf_mode_name(plan->mode), boolean(plan->reverse),
	       boolean(plan->verify), boolean(plan->zerocopy), plan->size,
	       plan->parallel, (double)ns / 1e9);
	json_rates(&moved, ns);
	if (plan->zerocopy)
		printf(", \"sends_uncopied\": %" PRIu64
		       ", \"sends_copied\": %" PRIu64,
		       run->uncopied, run->copied);
	if (latency)
		json_latency(latency);
	if (!print->test)
		printf(", \"cpu_seconds\": %.6f", cpu_seconds());
	printf("}\n");
}

static void text_summary(const struct perf_print *print,
			 const struct perf_run *run, uint64_t ns,
			 const struct latency *latency)
{
	const struct perf_plan *plan = &run->plan;
	const struct perf_sample moved = perf_run_sample(run);
	char text[PERF_AMOUNT];

	print_prefix(print);
	if (perf_plan_has_trips(plan))
		printf("%" PRIu64 " round trips", moved.trips);
	else
		printf("%s",
		       perf_amount_text(text, (double)moved.sent +
						      (double)moved.received));
	printf(" in %.2f s: ", (double)ns / 1e9);
	print_rates(plan, &moved, ns);
	printf("%s\n", plan->verify ? ", every byte right" : "");
	if (run->uncopied || run->copied)
		printf("%" PRIu64 " sends without a copy, %" PRIu64
		       " that the kernel copied after all\n",
		       run->uncopied, run->copied);
	if (latency)
		print_latency(latency);
}

void perf_print_summary(const struct perf_print *print,
			const struct perf_run *run, uint64_t ns)
{
	struct latency *latency = all_latencies(run);

	if (print->json)
		json_summary(print, run, ns, latency);
	else
		text_summary(print, run, ns, latency);
	free(latency);
}
