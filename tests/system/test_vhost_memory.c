/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Guest memory as a front end hands it over: tables, slots, replacements. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "system/system.h"

static void open_with_regions(struct scene *s, int engine, unsigned regions,
			      size_t file_offset)
{
	struct guest_config c = guest_defaults(DAEMON_CID);

	c.regions = regions;
	c.file_offset = file_offset;
	scene_open_with(s, engine, &c);
}

START_TEST(tables_of_one_to_eight_regions_work)
{
	struct scene s;

	for (unsigned n = 1; n <= 8; n += n < 3 ? 1 : 5) {
		open_with_regions(&s, _i, n, 0);
		scene_check_works(&s);
		scene_close(&s);
	}
}
END_TEST

START_TEST(regions_may_begin_inside_their_files)
{
	struct scene s;

	open_with_regions(&s, _i, 3, 65536);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(sixty_slots_are_added_one_by_one)
{
	struct scene s;

	open_with_regions(&s, _i, 60, 0);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(five_hundred_slots_can_be_added)
{
	struct scene s;

	open_with_regions(&s, _i, 500, 0);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* Puts FD, a file of SIZE bytes, in the place of the guest's memory. */
static void use_file(struct ram *ram, int fd)
{
	uint8_t *saved = malloc(ram->size);

	/* nothing runs: the present contents move over */
	need(saved != NULL, "malloc");
	memcpy(saved, ram->base, ram->size);
	need(mmap(ram->base, ram->size, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, fd, 0) == ram->base,
	     "mmap");
	memcpy(ram->base, saved, ram->size);
	free(saved);
	dup3(fd, ram->fds[0], O_CLOEXEC);
	close(fd);
}

START_TEST(memory_in_a_plain_file_works)
{
	char path[] = "/tmp/uv-ram-XXXXXX";
	struct guest_config c = guest_defaults(DAEMON_CID);
	struct scene s;
	int fd = mkstemp(path);

	need(fd >= 0, path);
	unlink(path);
	scene_daemon(&s, _i, NULL);
	guest_init(&s.guest, &c, &s.world);
	need(!ftruncate(fd, (off_t)s.guest.ram.size), "ftruncate");
	use_file(&s.guest.ram, fd);
	guest_attach(&s.guest, s.daemon.socket[0]);
	guest_start(&s.guest);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* SET_MEM_TABLE with COUNT of REGIONS and NFDS descriptors. */
static uint64_t set_table(struct scene *s, const struct vu_region *regions,
			  unsigned count, const int *fds, unsigned nfds)
{
	struct vu_table table = { .count = count };

	for (unsigned i = 0; i < count && i < 8; i++)
		table.regions[i] = regions[i];
	return vhost_tell(&s->guest.vhost, VU_SET_MEM_TABLE, &table,
			  (uint32_t)(8 + 32 * (count > 8 ? 8 : count)), fds,
			  nfds);
}

static uint64_t add_region(struct scene *s, struct vu_region region, int fd)
{
	struct vu_single_region one = { 0, region };

	return vhost_tell(&s->guest.vhost, VU_ADD_MEM_REG, &one, sizeof(one),
			  &fd, 1);
}

static uint64_t remove_region(struct scene *s, struct vu_region region)
{
	struct vu_single_region one = { 0, region };

	return vhost_tell(&s->guest.vhost, VU_REM_MEM_REG, &one, sizeof(one),
			  NULL, 0);
}

/* What is wrong with one of two regions: a change of the second one. */
static void spoil(struct vu_region r[2], unsigned how)
{
	switch (how) {
	case 0: /* the same place in the guest */
		r[1].guest_addr = r[0].guest_addr + r[0].size / 2;
		return;
	case 1: /* the same place in the front end */
		r[1].user_addr = r[0].user_addr + 4096;
		return;
	case 2: /* empty */
		r[1].size = 0;
		return;
	case 3: /* the file is shorter */
		r[1].size += 4096;
		return;
	case 4: /* an offset beyond the file */
		r[1].mmap_offset = 1ull << 40;
		return;
	case 5: /* beyond the end of addresses */
		r[1].guest_addr = UINT64_MAX - 4095;
		return;
	case 6:
		r[1].user_addr = UINT64_MAX - 4095;
		return;
	case 7: /* offset and size wrap around */
		r[1].mmap_offset = UINT64_MAX - 4095;
		return;
	case 8: /* endless */
		r[1].size = UINT64_MAX - 8191;
		return;
	}
}

START_TEST(bad_tables_are_refused_and_the_old_one_stays)
{
	struct scene s;
	struct vu_region r[8] = { 0 };
	unsigned fds;

	open_with_regions(&s, _i, 2, 0);
	fds = daemon_fds(&s.daemon);
	scene_check_works(&s);
	drive_until(&s.world, daemon_fds(&s.daemon) == fds);
	for (unsigned how = 0; how < 9; how++) {
		r[0] = ram_region(&s.guest.ram, 0);
		r[1] = ram_region(&s.guest.ram, 1);
		spoil(r, how);
		ck_assert_msg(set_table(&s, r, 2, s.guest.ram.fds, 2),
			      "table %u is taken", how);
	}
	r[0] = ram_region(&s.guest.ram, 0);
	r[1] = ram_region(&s.guest.ram, 1);
	ck_assert_uint_ne(set_table(&s, r, 2, s.guest.ram.fds, 1), 0);
	ck_assert_uint_ne(set_table(&s, r, 1, s.guest.ram.fds, 2), 0);
	ck_assert_uint_ne(set_table(&s, r, 0, NULL, 0), 0);
	ck_assert_uint_ne(set_table(&s, r, 9, s.guest.ram.fds, 2), 0);
	ck_assert_uint_ne(set_table(&s, r, 0xffffffff, s.guest.ram.fds, 2), 0);
	drive_until(&s.world, daemon_fds(&s.daemon) <= fds);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

START_TEST(bad_slots_are_refused_and_the_others_stay)
{
	struct scene s;
	struct vu_region r[2];

	open_with_regions(&s, _i, 2, 0);
	ck_assert_uint_ne(remove_region(&s, (struct vu_region){ 0x1000, 4096,
								0x1000, 0 }),
			  0);
	r[0] = ram_region(&s.guest.ram, 0);
	r[1] = ram_region(&s.guest.ram, 1);
	ck_assert_uint_eq(remove_region(&s, r[1]), 0);
	ck_assert_uint_ne(remove_region(&s, r[1]), 0);
	for (unsigned how = 0; how < 9; how++) {
		struct vu_region bad[2] = { r[0], r[1] };

		spoil(bad, how);
		ck_assert_msg(add_region(&s, bad[1], s.guest.ram.fds[1]),
			      "slot %u is taken", how);
	}
	ck_assert_uint_eq(add_region(&s, r[1], s.guest.ram.fds[1]), 0);
	ck_assert_uint_ne(add_region(&s, r[1], s.guest.ram.fds[1]), 0);
	scene_check_works(&s);
	scene_close(&s);
}
END_TEST

/* A front end without slots sends the whole table again when its memory
 * changes, and the rings run on. */
START_TEST(table_is_replaced_while_bytes_move)
{
	struct scene s;
	struct pair p;

	open_with_regions(&s, _i, 3, 0);
	pair_from_guest(&s, &p);
	sink_expect(&p.host.in, 1);
	sink_expect(&p.guest->in, 2);
	gsock_read_all(p.guest);
	gsock_send(p.guest, 1, 32 * MIB);
	host_send(&p.host, 2, 32 * MIB);
	for (unsigned i = 1; i <= 100; i++) {
		drive_until(&s.world,
			    p.host.in.got >= i * (32 * MIB / 100) &&
				    p.guest->in.got >= i * (32 * MIB / 100));
		guest_set_mem_table(&s.guest);
	}
	drive_until(&s.world,
		    p.host.in.got == 32 * MIB && p.guest->in.got == 32 * MIB);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* The slot is far from the guest's memory, and nobody uses it: all that it
 * could disturb is the map as a whole. */
START_TEST(slots_come_and_go_while_bytes_move)
{
	struct scene s;
	struct pair p;
	int fd = memfd_create("slot", MFD_CLOEXEC);
	struct vu_region slot = { 1ull << 40, 1 << 20, 1ull << 41, 0 };

	ck_assert(!ftruncate(fd, 1 << 20));
	open_with_regions(&s, _i, 2, 0);
	pair_from_guest(&s, &p);
	sink_expect(&p.host.in, 1);
	gsock_send(p.guest, 1, 32 * MIB);
	for (unsigned i = 1; i <= 100; i++) {
		drive_until(&s.world, p.host.in.got >= i * (32 * MIB / 100));
		ck_assert_uint_eq(i % 2 ? add_region(&s, slot, fd)
					: remove_region(&s, slot),
				  0);
	}
	drive_until(&s.world, p.host.in.got == 32 * MIB);
	pair_close(&p);
	close(fd);
	scene_close(&s);
}
END_TEST

/* Rings cannot run in memory that is not there; they run once it is there
 * again. */
START_TEST(region_of_rings_is_removed_and_comes_back)
{
	struct vu_region region;
	struct scene s;
	struct pair p;

	open_with_regions(&s, _i, 1, 0);
	pair_from_guest(&s, &p);
	region = ram_region(&s.guest.ram, 0);
	for (unsigned i = 0; i < 20; i++) {
		pair_both_ways(&p, 100000);
		pair_begin_to_guest(&p, 100000);
		ck_assert_uint_eq(remove_region(&s, region), 0);
		world_rest(&s.world, i % 2);
		ck_assert_uint_eq(add_region(&s, region, s.guest.ram.fds[0]),
				  0);
	}
	drive_until(&s.world, p.guest->in.got == p.host.out.total);
	pair_close(&p);
	scene_close(&s);
}
END_TEST

/* A guest in VM 1 with a connection, whose memory will go, beside another
 * guest. */
struct doomed {
	struct scene s;
	struct guest guest;
	struct pair p;
};

static void doomed_open(struct doomed *d, int engine)
{
	struct guest_config c = guest_defaults(DAEMON_CID + 1);
	struct daemon_config config = { .vms = 2 };

	scene_daemon(&d->s, engine, &config);
	guest_boot(&d->guest, &c, &d->s.world, d->s.daemon.socket[1]);
	c.cid = DAEMON_CID;
	guest_boot(&d->s.guest, &c, &d->s.world, d->s.daemon.socket[0]);
	pair_open_from_guest(&d->p, &d->guest, d->s.daemon.uds[1]);
}

/* From here on this side does not touch that memory. */
static void truncate_memory(struct doomed *d)
{
	driver_halt(&d->guest.sockets.driver);
	ck_assert(!ftruncate(d->guest.ram.fds[0], 0));
}

/* The bad guest's connection ends, and nothing of the other guest's. */
static void doomed_close(struct doomed *d)
{
	drive_until(&d->s.world, host_over(&d->p.host));
	ck_assert_uint_ge(daemon_log_count(&d->s.daemon, "memory vanished"), 1);
	host_close(&d->p.host);
	scene_check_works(&d->s);
	guest_free(&d->guest);
	scene_close(&d->s);
}

START_TEST(truncated_memory_ends_that_guest_only)
{
	struct doomed d;

	doomed_open(&d, _i);
	pair_both_ways(&d.p, 65536);
	truncate_memory(&d);
	ck_assert(write(d.guest.sockets.driver.rings[DRIVER_TX].kick_fd,
			&(uint64_t){ 1 }, 8) == 8);
	doomed_close(&d);
}
END_TEST

/* The same, where a system call and not a fault notices it. */
START_TEST(data_for_truncated_memory_does_no_harm)
{
	struct doomed d;

	doomed_open(&d, _i);
	truncate_memory(&d);
	host_send(&d.p.host, 2, 65536);
	scene_check_works(&d.s);
	doomed_close(&d);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		tables_of_one_to_eight_regions_work,
		regions_may_begin_inside_their_files,
		sixty_slots_are_added_one_by_one,
		five_hundred_slots_can_be_added,
		memory_in_a_plain_file_works,
		bad_tables_are_refused_and_the_old_one_stays,
		bad_slots_are_refused_and_the_others_stay,
		table_is_replaced_while_bytes_move,
		slots_come_and_go_while_bytes_move,
		region_of_rings_is_removed_and_comes_back,
		truncated_memory_ends_that_guest_only,
		data_for_truncated_memory_does_no_harm,
	};

	return run_tests("system/vhost_memory", tests, ARRAY_SIZE(tests));
}
