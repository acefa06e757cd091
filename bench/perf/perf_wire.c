/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Each kind of message has one length, which is known before the body is read;
 * the length that the other end gives is only compared. Text from the other end
 * goes to a terminal, and is made printable here. Numbers are checked when they
 * are read, and a plan is checked as if it had been typed in.
 */
#include "perf/perf_wire.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

#define MAGIC 0x70737675u /* "uvsp" */

enum {
	FLAG_REVERSE = 1,
	FLAG_VERIFY = 2,
	FLAG_ZEROCOPY = 4,
};

enum {
	PLAN_BYTES = 36,
	DATA_BYTES = 20,
	REPORT_BYTES = 20, /* and the reason */
	TEXT_BYTES = sizeof(struct perf_why),
};
static_assert(REPORT_BYTES + TEXT_BYTES <= PERF_BODY_MAX, "bodies fit");

static unsigned put_plan(const struct perf_plan *plan, uint8_t *at)
{
	uint32_t flags = (plan->reverse ? FLAG_REVERSE : 0) |
			 (plan->verify ? FLAG_VERIFY : 0) |
			 (plan->zerocopy ? FLAG_ZEROCOPY : 0);

	put_le64(at, plan->id);
	put_le64(at + 8, plan->bytes);
	put_le32(at + 16, (uint32_t)plan->mode);
	put_le32(at + 20, flags);
	put_le32(at + 24, plan->size);
	put_le32(at + 28, plan->parallel);
	put_le32(at + 32, plan->time_ms);
	return PLAN_BYTES;
}

static int get_plan(const uint8_t *at, struct perf_plan *plan,
		    struct perf_why *why)
{
	uint32_t mode = get_le32(at + 16);
	uint32_t flags = get_le32(at + 20);
	const char *wrong;

	if (mode >= PERF_MODES)
		return perf_because(why, "there is no mode %u", mode);
	*plan = (struct perf_plan){
		.mode = (enum perf_mode)mode,
		.reverse = flags & FLAG_REVERSE,
		.verify = flags & FLAG_VERIFY,
		.zerocopy = flags & FLAG_ZEROCOPY,
		.size = get_le32(at + 24),
		.parallel = get_le32(at + 28),
		.bytes = get_le64(at + 8),
		.time_ms = get_le32(at + 32),
		.id = get_le64(at),
	};
	wrong = perf_plan_check(plan);
	return wrong ? perf_because(why, "%s", wrong) : 0;
}

static unsigned put_data(const struct perf_data *data, uint8_t *at)
{
	put_le64(at, data->id);
	put_le64(at + 8, data->sequence);
	put_le32(at + 16, data->number);
	return DATA_BYTES;
}

static void get_data(const uint8_t *at, struct perf_data *data)
{
	data->id = get_le64(at);
	data->sequence = get_le64(at + 8);
	data->number = get_le32(at + 16);
}

static unsigned put_text(const struct perf_why *why, uint8_t *at)
{
	memset(at, 0, TEXT_BYTES);
	memcpy(at, why->text, strnlen(why->text, TEXT_BYTES - 1));
	return TEXT_BYTES;
}

/* The text is for a terminal, so anything that is not printable is replaced. */
static void get_text(const uint8_t *at, struct perf_why *why)
{
	char *c;

	memcpy(why->text, at, TEXT_BYTES);
	why->text[TEXT_BYTES - 1] = '\0';
	for (c = why->text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static unsigned put_report(const struct perf_report *report, uint8_t *at)
{
	put_le64(at, report->sent);
	put_le64(at + 8, report->received);
	put_le32(at + 16, (uint32_t)report->verdict);
	return REPORT_BYTES + put_text(&report->why, at + REPORT_BYTES);
}

static int get_report(const uint8_t *at, struct perf_report *report,
		      struct perf_why *why)
{
	uint32_t verdict = get_le32(at + 16);

	if (verdict > PERF_CAUSE)
		return perf_because(why, "there is no verdict %u", verdict);
	report->sent = get_le64(at);
	report->received = get_le64(at + 8);
	report->verdict = (enum perf_verdict)verdict;
	get_text(at + REPORT_BYTES, &report->why);
	return 0;
}

static unsigned put_body(const struct perf_message *m, uint8_t *at)
{
	switch (m->kind) {
	case PERF_TEST:
		return put_plan(&m->body.plan, at);
	case PERF_DATA:
		return put_data(&m->body.data, at);
	case PERF_REPORT:
		return put_report(&m->body.report, at);
	case PERF_REFUSED:
		return put_text(&m->body.why, at);
	case PERF_ACCEPTED:
	case PERF_READY:
	case PERF_START:
		break;
	}
	return 0;
}

unsigned perf_wire_put(const struct perf_message *m,
		       uint8_t out[PERF_HEAD + PERF_BODY_MAX])
{
	unsigned length = put_body(m, out + PERF_HEAD);

	put_le32(out, MAGIC);
	put_le16(out + 4, PERF_VERSION);
	put_le16(out + 6, (uint16_t)m->kind);
	put_le32(out + 8, length);
	return PERF_HEAD + length;
}

static unsigned body_length(enum perf_kind kind)
{
	switch (kind) {
	case PERF_TEST:
		return PLAN_BYTES;
	case PERF_DATA:
		return DATA_BYTES;
	case PERF_REPORT:
		return REPORT_BYTES + TEXT_BYTES;
	case PERF_REFUSED:
		return TEXT_BYTES;
	case PERF_ACCEPTED:
	case PERF_READY:
	case PERF_START:
		break;
	}
	return 0;
}

bool perf_wire_begins(const uint8_t *head, size_t n)
{
	uint8_t magic[4];

	put_le32(magic, MAGIC);
	return memcmp(head, magic, min_size(n, sizeof(magic))) == 0;
}

int perf_wire_head(const uint8_t head[PERF_HEAD], struct perf_message *out,
		   struct perf_why *why)
{
	unsigned version = get_le16(head + 4);
	unsigned kind = get_le16(head + 6);
	uint32_t length = get_le32(head + 8);

	if (!perf_wire_begins(head, PERF_HEAD))
		return perf_because(why, "the other end is not "
					 "uring-vsock-perf");
	if (version != PERF_VERSION)
		return perf_because(why,
				    "the other end speaks version %u of the "
				    "protocol, this program version %u: use "
				    "the same release at both ends",
				    version, PERF_VERSION);
	if (kind < PERF_TEST || kind > PERF_REPORT)
		return perf_because(why, "there is no message %u", kind);
	out->kind = (enum perf_kind)kind;
	if (length != body_length(out->kind))
		return perf_because(why, "message %u has %u bytes, not %u",
				    kind, length, body_length(out->kind));
	return (int)length;
}

int perf_wire_body(const uint8_t *body, unsigned length,
		   struct perf_message *out, struct perf_why *why)
{
	if (length != body_length(out->kind))
		return perf_because(why, "a message was cut short");
	switch (out->kind) {
	case PERF_TEST:
		return get_plan(body, &out->body.plan, why);
	case PERF_DATA:
		get_data(body, &out->body.data);
		break;
	case PERF_REPORT:
		return get_report(body, &out->body.report, why);
	case PERF_REFUSED:
		get_text(body, &out->body.why);
		break;
	case PERF_ACCEPTED:
	case PERF_READY:
	case PERF_START:
		break;
	}
	return 0;
}
