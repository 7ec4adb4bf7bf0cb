/* WRAP: eye_run */
#include "tests/probe/hosts.h"
#include "probe/kernel_log.h"

extern const struct probe probe_kernel;

static int port, files_port;
static bool mounts;

/* What a host says, when a test says it for one. */
static const char *answer;
bool __real_eye_run(struct eye *, const struct target *, const char *const *,
    struct place_ran *, struct err *);
bool __wrap_eye_run(struct eye *, const struct target *, const char *const *,
    struct place_ran *, struct err *);

bool
__wrap_eye_run(struct eye *eye, const struct target *t,
    const char *const *argv, struct place_ran *ret, struct err *e)
{
	if (answer == NULL)
		return __real_eye_run(eye, t, argv, ret, e);
	*ret = (struct place_ran)PLACE_RAN_INIT;
	buf_str(&ret->out, answer);
	return true;
}

static int
start(void **state)
{
	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	mounts = geteuid() == 0 && hosts_own_mounts();
	if (!kit_keys())
		return 0;
	port = kit_sshd("plain.conf", "", false);
	files_port = kit_sshd("files.conf", "ForceCommand internal-sftp",
	    false);
	return 0;
}

static int
stop(void **state)
{
	hosts_clear();
	if (mounts)
		hosts_unmount();
	return kit_stop(state);
}

#define HERE "disks = ( { name = \"d\"; path = \"/srv/data\"; } );"

#define BASE "=now\n 1700000000\n 864000.12 1.00\n=mounts\n"		\
	" /dev/sda1 / ext4 rw,relatime 0 0\n"				\
	" /dev/sdb1 /srv ext4 rw,relatime 0 0\n"			\
	" proc /proc proc rw 0 0\n"

static struct reading *
read_answer(const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	struct reading *r;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	hosts_site(HERE);
	answer = b.p;
	r = hosts_read(&probe_kernel, "here");
	answer = NULL;
	buf_release(&b);
	return r;
}

#define LOG "=log\n dmesg\n [  259200.000000] Linux version 6.1\n=found\n"

static void
a_host_without_trouble_says_what_was_looked_at(void **state)
{
	struct reading *r = read_answer(BASE "=fstab\n # <fs> <mp>\n"
	    " UUID=1 / ext4 errors=remount-ro 0 1\n /dev/sdb1 /srv/ ext4"
	    " defaults 0 2\n /dev/sr0 /media/cd udf user,noauto 0 0\n UUID=2"
	    " none swap sw 0 0\n /dev/sdc1 /mnt/usb ext4 nofail 0 0\n=ext4\n"
	    " sda1 0 0\n sdb1 0 -\n=raid\n Personalities : [raid1]\n md0 :"
	    " active raid1 sdb1[1] sda1[0]\n       104320 blocks [2/2] [UU]\n"
	    "=net\n eth0 3 0 100000 100000\n" LOG "=end\n");

	(void)state;
	assert_int_equal(r->level, LEVEL_OK);
	assert_string_equal(r->text, "no I/O, file system or link errors;"
	    " looked at mounts, fstab, ext4, raid, network, log of the last 7 d"
	    " 0 h");
	assert_null(r->next);
	assert_string_equal(DATA_STR(r, "log"), "dmesg");
	assert_int_equal(DATA_INT(r, "log_ms"), 604800000);
	assert_int_equal(DATA_INT(r, "uptime_ms"), 864000000);
	assert_int_equal(DATA_INT(r, "io_errors"), 0);
}

static void
what_may_not_be_looked_at_is_said(void **state)
{
	struct reading *r = read_answer(BASE "=end\n");

	(void)state;
	assert_int_equal(r->level, LEVEL_OK);
	assert_string_equal(r->text, "no I/O, file system or link errors;"
	    " looked at mounts; its log is closed to us");
	assert_string_equal(DATA_STR(r, "log"), "closed");
	assert_null(json_object_get(r->data, "io_errors"));
}

static void
mounts_that_differ_from_fstab_are_bad_news(void **state)
{
	static const struct {
		const char *fstab, *mounts, *text;
		enum level level;
	} rows[] = {
		{ "/dev/x /data ext4 defaults 0 0", "/dev/x /data ext4"
		    " ro,relatime 0 0", "'/data' is read-only, fstab says it is"
		    " not", LEVEL_CRITICAL },
		{ "/dev/x /data ext4 errors=remount-ro 0 0", "/dev/x /data ext4"
		    " rw,errors=remount-ro 0 0", "no I/O", LEVEL_OK },
		{ "/dev/x /data ext4 noatime,ro 0 0", "/dev/x /data ext4 ro 0 0",
		    "no I/O", LEVEL_OK },
		{ "/dev/x /data/ ext4 rw 0 0", "/dev/x /data ext4"
		    " relatime,ro 0 0", "'/data' is read-only",
		    LEVEL_CRITICAL },
		{ "/dev/x /d\\040a ext4 rw 0 0", "/dev/x /d\\040a ext4 ro 0 0",
		    "'/d\\040a' is read-only", LEVEL_CRITICAL },
		{ "/dev/x /data ext4 rw 0 0", "/dev/x /other ext4 ro 0 0",
		    "'/data' is not mounted, fstab wants it", LEVEL_WARNING },
		{ "/dev/x /data ext4 rw,noauto 0 0", "", "no I/O", LEVEL_OK },
		{ "/dev/x /data ext4 rw,nofail 0 0", "", "no I/O", LEVEL_OK },
		{ "/dev/x /data ext4 rw 0 0", "/dev/x /data ext4"
		    " rw,relatime,errors=remount-ro,emergency_ro 0 0", "the"
		    " kernel gave up '/data': it is read-only", LEVEL_CRITICAL },
		/* where a disk of the site lies */
		{ "/dev/x /srv/data ext4 nofail 0 0", "", "'/srv/data' is not"
		    " mounted", LEVEL_CRITICAL },
		{ "/dev/x /srv/dat ext4 rw 0 0", "", "'/srv/dat' is not mounted",
		    LEVEL_WARNING },
		/* the last one counts */
		{ "/dev/x /data ext4 rw 0 0", "/dev/x /data ext4 ro 0 0\n"
		    " /dev/y /data ext4 rw 0 0", "no I/O", LEVEL_OK },
		{ "x", "", "no I/O", LEVEL_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reading *r;

		test_case(rows[i].fstab);
		r = read_answer(BASE " %s\n=fstab\n %s\n" LOG "=end\n",
		    rows[i].mounts, rows[i].fstab);
		assert_int_equal(r->level, rows[i].level);
		HAS(r->text, rows[i].text);
		if (r->level != LEVEL_OK)
			assert_non_null(r->next);
	}
}

static void
counted_errors_are_news_for_a_week(void **state)
{
	struct reading *r;

	(void)state;
	r = read_answer(BASE "=ext4\n sda1 0 0\n sdb1 4 1699996400\n=end\n");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "ext4 on sdb1 has counted errors: 4, the last 60 min ago");
	r = read_answer(BASE "=ext4\n sdb1 4 1690000000\n=end\n");
	assert_int_equal(r->level, LEVEL_WARNING);
	r = read_answer(BASE "=ext4\n sdb1 4 -\n=end\n");
	assert_int_equal(r->level, LEVEL_WARNING);
	HAS(r->text, "ext4 on sdb1 has counted errors: 4; looked at");
	r = read_answer(BASE "=btrfs\n u-u-i-d write_errs 0\n u-u-i-d read_errs"
	    " 7\n=end\n");
	assert_int_equal(r->level, LEVEL_WARNING);
	HAS(r->text, "btrfs u-u-i-d has counted read_errs: 7");
}

static void
a_raid_that_lost_a_disk_is_bad_news(void **state)
{
	static const struct { const char *raid, *text; enum level level; }
	    rows[] = {
		{ " md0 : active raid1 sdb1[1](F) sda1[0]\n  104 blocks [2/2]"
		    " [UU]", "RAID md0 runs without one of its disks",
		    LEVEL_CRITICAL },
		{ " md0 : active raid5 sda1[0] sdb1[1]\n  104 blocks super 1.2"
		    " [3/2] [UU_]\n  [=>....]  recovery = 8.1% (25/306)"
		    " finish=6.7min", "RAID md0 runs without one of its disks,"
		    " recovery = 8.1%", LEVEL_CRITICAL },
		{ " md0 : inactive sdb1[0](S)", "RAID md0 is inactive",
		    LEVEL_CRITICAL },
		{ " md0 : active raid1 sdb1[1] sda1[0]\n  104 blocks [2/2] [UU]"
		    "\n\n md1 : active raid1 sdb2[1]\n  104 blocks [2/1] [_U]",
		    "RAID md1 runs", LEVEL_CRITICAL },
		{ " md0 : active raid0 sdb1[1] sda1[0]\n  104 blocks 64k chunks",
		    "no I/O", LEVEL_OK },
		{ " md0 :\n md", "looked at", LEVEL_OK },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reading *r;

		test_case(rows[i].raid);
		r = read_answer(BASE "=raid\n Personalities : [raid1]\n%s\n"
		    " unused devices: <none>\n=end\n", rows[i].raid);
		assert_int_equal(r->level, rows[i].level);
		HAS(r->text, rows[i].text);
	}
}

static void
new_errors_of_a_link_are_news_and_old_ones_are_not(void **state)
{
	struct target t = { .probe = &probe_kernel };
	static const struct { const char *net, *text; enum level level; }
	    reads[] = {
		{ " eth0 5 2 900000 900000", "no I/O", LEVEL_OK },
		{ " eth0 5 2 900100 900100", "no I/O", LEVEL_OK },
		{ " eth0 9 3 900200 900200", "eth0 has 5 new link errors",
		    LEVEL_WARNING },
		{ " eth0 9 3 900300 900300", "no I/O", LEVEL_OK },
		/* restarted: its counters begin again */
		{ " eth0 0 0 10 10", "no I/O", LEVEL_OK },
		{ " eth0 0 0 10 10\n eth1 500 0 9000 9000",
		    "eth1: 500 of 18000 packets were damaged",
		    LEVEL_WARNING },
	};

	(void)state;
	hosts_site(HERE);
	probe_kernel.target(&hosts.site, 0, &t);
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
		struct reading r;
		char *text = xprintf(BASE "=net\n%s\n=end\n", reads[i].net);

		test_case(reads[i].net);
		answer = text;
		reading_init(&r, "kernel", "here");
		probe_kernel.read(&hosts.eye, &t, &r);
		answer = NULL;
		HAS(r.text, reads[i].text);
		assert_int_equal(r.level, reads[i].level);
		reading_release(&r);
		free(text);
	}
	free(t.memory);
}

static void
lines_of_the_log_are_told_apart(void **state)
{
	static const struct { const char *line, *key, *text; enum level level; }
	    rows[] = {
		{ "[863000.1] blk_update_request: I/O error, dev sdb, sector 8"
		    " op 0x0:(READ)", "io_errors", "I/O errors in the kernel"
		    " log: 1, the last 17 min ago: blk_update_request: I/O"
		    " error, dev sdb", LEVEL_CRITICAL },
		{ "[863990.0] EXT4-fs error (device sdb1): ext4_find_entry:1455:"
		    " inode #2: comm ls: reading directory", "fs_errors",
		    "file system errors in the kernel log: 1, the last 10 s ago",
		    LEVEL_CRITICAL },
		{ "[863990.0] XFS (sdb1): metadata I/O error in \"x\" at daddr",
		    "fs_errors", "file system errors", LEVEL_CRITICAL },
		{ "[863990.0] mce: [Hardware Error]: CPU 0: Machine Check",
		    "hardware_errors", "hardware errors", LEVEL_CRITICAL },
		{ "[863990.0] e1000e 0000:00:1f.6 eth0: NIC Link is Down",
		    "link_errors", "link errors", LEVEL_WARNING },
		{ "[863990.0] ata1: hard resetting link", "link_errors",
		    "link errors", LEVEL_WARNING },
		{ "[863990.0] INFO: task pg_dump:812 blocked for more than 120"
		    " seconds.", "stuck", "stuck processes", LEVEL_WARNING },
		{ "[863990.0] Out of memory: Killed process 812 (postgres)",
		    "oom_kills", "processes killed for lack of memory",
		    LEVEL_WARNING },
		/* as journalctl and dmesg -r have it */
		{ "[863990.123456] db1 kernel: nvme0: I/O 12 QID 3 timeout,"
		    " aborting", "io_errors", "10 s ago: nvme0: I/O 12",
		    LEVEL_CRITICAL },
		{ "<3>[863990.0] Buffer I/O error on dev sda1, logical block 0",
		    "io_errors", "10 s ago: Buffer I/O error", LEVEL_CRITICAL },
		/* three days ago, three weeks ago, no time at all */
		{ "[604800.0] Buffer I/O error on dev sda1", "io_errors",
		    "the last 3 d 0 h ago", LEVEL_WARNING },
		{ "[1.0] Buffer I/O error on dev sda1", "io_errors", "no I/O",
		    LEVEL_OK },
		{ "Buffer I/O error on dev sda1", "io_errors", "I/O errors in"
		    " the kernel log: 1, the last: Buffer", LEVEL_WARNING },
		{ "[99999999.0] Buffer I/O error on dev sda1", "io_errors",
		    "the last 0.0 s ago", LEVEL_CRITICAL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct reading *r;

		test_case(rows[i].line);
		r = read_answer(BASE LOG " %s\n=end\n", rows[i].line);
		assert_int_equal(r->level, rows[i].level);
		assert_int_equal(DATA_INT(r, rows[i].key), 1);
		HAS(r->text, rows[i].text);
		assert_int_equal(json_array_size(json_object_get(r->data,
		    "lines")), 1);
	}
}

static void
what_is_no_disk_is_no_news(void **state)
{
	static const char *const lines[] = {
		"[863990.0] blk_update_request: I/O error, dev loop0, sector 0",
		"[863990.0] blk_update_request: I/O error, dev fd0, sector 0",
		"[863990.0] Buffer I/O error on dev sr0, logical block 0",
		"[863990.0] EXT4-fs error (device loop12): x",
		"[863990.0] XFS (loop3): Log I/O Error (0x6) detected",
		"[3.0] ata3: hard resetting link",
		"[863990.0] usb 1-1: new device found",
		"[863990.0] Memory cgroup out of memory: Killed process 8 (sh)",
		"[", "<", "[]", "[.", "[ 1", "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct kernel_found f;

		test_case(lines[i]);
		assert_false(kernel_log_line(lines[i], 864000000, &f));
	}
}

static void
what_is_looked_for_there_is_what_is_known_here(void **state)
{
	struct buf b = BUF_INIT;
	char script[8192];

	(void)state;
	kernel_log_words(&b);
	snprintf(script, sizeof script, "printf '%%s\\n' \"[1.0] x"
	    " [Hardware Error] y\" 'nothing' | grep -F%s | grep -q Hardware",
	    b.p);
	assert_true(kit_sh(script));
	snprintf(script, sizeof script, "! echo nothing | grep -F%s", b.p);
	assert_true(kit_sh(script));
	buf_release(&b);
}

static void
hostile_words_of_a_host_stay_in_their_line(void **state)
{
	struct reading *r;

	(void)state;
	r = read_answer("=now\n x\n y\n=mounts\n /dev/x /\x1b[2J\xe2\x80\xae ext4"
	    " ro 0 0\n=fstab\n /dev/x /\x1b[2J\xe2\x80\xae ext4 rw 0 0\n=ext4\n"
	    " s\xff\x1b]0;x\x07 5 9\n=raid\n md\xc2\x9b" "0 : \x1b[1m x\n=net\n"
	    " e\xe2\x80\x8b 900 0 1 1\n=log\n \x1b[2J\n [\x1b] a\n=found\n"
	    " [863990.0] \x1b[2J\xe2\x80\xae I/O error \xff\xfe\r\n=end\n");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "'/\\x1b[2J<U+202E>' is read-only");
}

static void
an_answer_that_is_none_is_no_answer(void **state)
{
	static const char *const odd[] = { "", "=end\n", "=mounts\n x\n", BASE,
		"=now\n=mounts\n=end\n", "=\n= \n=end\n=end\n", "\n\n\n" };

	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct reading *r;

		test_case(odd[i]);
		r = read_answer("%s", odd[i]);
		assert_int_equal(r->level, LEVEL_UNKNOWN);
		HAS(r->error, "nothing of the kernel can be read");
	}
}

static void
random_answers_do_no_harm(void **state)
{
	static const char words[] = "=now\n=mounts\n=fstab\n=ext4\n=net\n=raid\n"
	    "=found\n=log\n=end\n /dev/x / ext4 ro [U_] : md0 (F) 9 \x1b \xff "
	    "I/O error [12.3] \n \n";
	unsigned seed = 1;
	char text[600];

	(void)state;
	hosts.quiet = true;
	for (int i = 0; i < 2000; i++) {
		size_t n = 0;

		while (n < sizeof text - 20) {
			size_t at = (size_t)rand_r(&seed) % (sizeof words - 1),
			    len = 1 + (size_t)rand_r(&seed) % 12;

			if (len > sizeof words - 1 - at)
				len = sizeof words - 1 - at;
			memcpy(text + n, words + at, len);
			n += len;
		}
		text[n] = '\0';
		(void)read_answer("%s%s\n=end\n", i % 2 ? BASE : "", text);
	}
	hosts.quiet = false;
}

/* --- real hosts ------------------------------------------------------------ */

static void
every_host_that_keeps_data_is_one_target(void **state)
{
	struct target t = { 0 };

	(void)state;
	hosts_site("places = ( { name = \"a\"; ssh = \"a\"; }, { name = \"b\";"
	    " ssh = \"b\"; }, { name = \"c\"; at = \"a\"; container = \"c\"; },"
	    " { name = \"l\"; container = \"l\"; } );\n"
	    "disks = ( { name = \"d\"; at = \"c\"; path = \"/x\"; }, { name ="
	    " \"e\"; at = \"l\"; path = \"/\"; } );\nstores = ( { name = \"s\";"
	    " at = \"a\"; path = \"/x\"; } );\ndatabases = ( { name = \"x\"; },"
	    " { name = \"y\"; dump_at = \"c\"; } );");
	assert_int_equal(probe_kernel.count(&hosts.site), 2);
	probe_kernel.target(&hosts.site, 0, &t);
	assert_string_equal(t.name, "a");
	assert_ptr_equal(t.at, site_place(&hosts.site, "a"));
	probe_kernel.target(&hosts.site, 1, &t);
	assert_string_equal(t.name, "here");
	assert_null(t.at);
	hosts_site("databases = ( );");
	assert_int_equal(probe_kernel.count(&hosts.site), 0);
}

static void
this_kernel_is_read_here_and_over_ssh(void **state)
{
	int64_t up[2] = { 0 };

	(void)state;
	for (int way = 0; way < (port ? 2 : 1); way++) {
		struct reading *r;

		if (way == 0)
			hosts_site(HERE);
		else
			hosts_site("places = ( %s );\ndisks = ( { name = \"d\";"
			    " at = \"box\"; path = \"/\"; } );",
			    hosts_place("box", port, ""));
		r = hosts_read(&probe_kernel, way ? "box" : "here");
		assert_int_not_equal(r->level, LEVEL_UNKNOWN);
		HAS(r->text, "looked at mounts");
		up[way] = DATA_INT(r, "uptime_ms");
		assert_true(up[way] > 0);
	}
	if (port)
		assert_in_range(up[1] - up[0], 0, 30000);
}

static void
a_file_system_that_really_fails_is_seen(void **state)
{
	struct reading *r;
	char fstab[PATH_MAX * 2];

	(void)state;
	if (!mounts || geteuid() != 0 || !kit_sh("PATH=$PATH:/usr/sbin:/sbin;"
	    " cd $1 && truncate -s 16M img && mkfs.ext4 -q img && mkdir disk &&"
	    " mount -o loop,errors=remount-ro img disk")) {
		test_skip("no ext4 can be mounted here");
		return;
	}
	if (!kit_sh("d=$(sed -n \"s,^/dev/\\([^ ]*\\) $1/disk .*,\\1,p\""
	    " /proc/self/mounts); test -w /sys/fs/ext4/$d/trigger_fs_error")) {
		test_skip("this kernel has no switch for a failing ext4");
		return;
	}
	snprintf(fstab, sizeof fstab, "/dev/x %s/disk ext4 rw 0 0\n",
	    test_dir());
	(void)test_write("fstab", fstab);
	assert_true(kit_sh("[ -e /etc/fstab ] || exit 1; mount --bind $1/fstab"
	    " /etc/fstab"));
	hosts_site("disks = ( { name = \"d\"; path = \"%s/disk\"; } );",
	    test_dir());
	r = hosts_read(&probe_kernel, "here");
	assert_null(strstr(r->text, "read-only"));
	assert_null(strstr(r->text, "has counted errors"));

	assert_true(kit_sh("d=$(sed -n \"s,^/dev/\\([^ ]*\\) $1/disk .*,\\1,p\""
	    " /proc/self/mounts); echo ouch >/sys/fs/ext4/$d/trigger_fs_error;"
	    " :"));
	r = hosts_read(&probe_kernel, "here");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	HAS(r->text, "has counted errors: 1, the last ");
	/* as older and as newer kernels say it */
	HAS(r->text, strstr(r->text, "gave up") ? "/disk': it is read-only since"
	    " an error" : "/disk' is read-only, fstab says it is not");
	HAS(r->next, "smartctl");

	extern const struct probe probe_disk;

	r = hosts_read(&probe_disk, "d");
	assert_int_equal(r->level, LEVEL_CRITICAL);
	assert_true(DATA_BOOL(r, "read_only"));
	(void)kit_sh("umount /etc/fstab");
}

static void
a_log_that_we_may_not_read_is_closed(void **state)
{
	char path[PATH_MAX * 2], was[8192];
	struct reading *r;

	(void)state;
	mkdir(test_path("bin"), 0755);
	chmod(test_write("bin/dmesg", "#!/bin/sh\nexit 1\n"), 0755);
	chmod(test_write("bin/journalctl", "#!/bin/sh\nexit 0\n"), 0755);
	snprintf(was, sizeof was, "%s", getenv("PATH"));
	snprintf(path, sizeof path, "%s:/usr/bin:/bin", test_path("bin"));
	setenv("PATH", path, 1);
	hosts_site(HERE);
	r = hosts_read(&probe_kernel, "here");
	setenv("PATH", was, 1);
	assert_string_equal(DATA_STR(r, "log"), "closed");
	HAS(r->text, "its log is closed to us");
}

static void
a_server_of_files_alone_is_not_looked_at(void **state)
{
	struct reading *r;

	(void)state;
	if (!files_port) {
		test_skip("there is no sshd here");
		return;
	}
	hosts_site("places = ( %s );\nstores = ( { name = \"s\"; at = \"box\";"
	    " path = \"/\"; } );", hosts_place("box", files_port, ""));
	r = hosts_read(&probe_kernel, "box");
	assert_int_equal(r->level, LEVEL_OK);
	HAS(r->text, "not looked at: commands cannot be run there");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_host_without_trouble_says_what_was_looked_at),
	cmocka_unit_test(what_may_not_be_looked_at_is_said),
	cmocka_unit_test(mounts_that_differ_from_fstab_are_bad_news),
	cmocka_unit_test(counted_errors_are_news_for_a_week),
	cmocka_unit_test(a_raid_that_lost_a_disk_is_bad_news),
	cmocka_unit_test(new_errors_of_a_link_are_news_and_old_ones_are_not),
	cmocka_unit_test(lines_of_the_log_are_told_apart),
	cmocka_unit_test(what_is_no_disk_is_no_news),
	cmocka_unit_test(what_is_looked_for_there_is_what_is_known_here),
	cmocka_unit_test(hostile_words_of_a_host_stay_in_their_line),
	cmocka_unit_test(an_answer_that_is_none_is_no_answer),
	cmocka_unit_test(random_answers_do_no_harm),
	cmocka_unit_test(every_host_that_keeps_data_is_one_target),
	cmocka_unit_test(this_kernel_is_read_here_and_over_ssh),
	cmocka_unit_test(a_file_system_that_really_fails_is_seen),
	cmocka_unit_test(a_log_that_we_may_not_read_is_closed),
	cmocka_unit_test(a_server_of_files_alone_is_not_looked_at),
};

int
main(void)
{
	return cmocka_run_group_tests_name("kernel_test", tests, start, stop);
}
