#include "tests/found/kit.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/io.h"

/* Everything with a zone, so that hours can be told. */
static struct found
machine(void)
{
	return (struct found){ .root = kit_root(), .zone = "UTC",
	    .host_name = "db1" };
}

/* ---- schedules ------------------------------------------------------------------ */

static void
an_hour_that_comes_every_day_is_told(void **state)
{
	static const struct { const char *line, *when, *rest; } crons[] = {
		{ "30 1 * * * root pg_dump x", "01:30", "root pg_dump x" },
		{ "0 2 * * 1-5 cmd", "02:00", "cmd" },
		{ "@daily cmd", "00:00", "cmd" },
		{ "*/5 * * * * cmd", NULL, "cmd" },
		{ "0 2 1 * * cmd", NULL, "cmd" },
		{ "0 1,13 * * * cmd", NULL, "cmd" },
		{ "@reboot cmd", NULL, "cmd" },
	};
	static const struct { const char *text, *when; } calendars[] = {
		{ "daily", "00:00" }, { "*-*-* 02:30:00", "02:30" },
		{ "03:15", "03:15" }, { "Mon..Fri 4:05", "04:05" },
		{ "hourly", NULL }, { "weekly", NULL }, { "", NULL },
		{ "nonsense", NULL }, { "*-*-* 02:00 Asia/Kolkata", "20:30" },
	};
	struct found f = machine();
	const char *rest, *got;
	struct firing fires;

	(void)state;
	for (size_t i = 0; i < sizeof crons / sizeof *crons; i++) {
		test_case(crons[i].line);
		assert_true(firing_cron(&fires, crons[i].line, &rest, NULL));
		got = found_when(&f, &fires, f.zone);
		if (crons[i].when == NULL)
			assert_null(got);
		else
			assert_string_equal(got, crons[i].when);
		assert_string_equal(rest, crons[i].rest);
	}
	for (size_t i = 0; i < sizeof calendars / sizeof *calendars; i++) {
		test_case(calendars[i].text);
		got = firing_calendar(&fires, calendars[i].text, NULL) ?
		    found_when(&f, &fires, f.zone) : NULL;
		if (calendars[i].when == NULL)
			assert_null(got);
		else
			assert_string_equal(got, calendars[i].when);
	}
	pool_release(&f.pool);
}

static void
what_looks_like_a_backup_is_known(void **state)
{
	static const struct { const char *command, *word; bool strong; } t[] = {
		{ "pg_dump otc", "pg_dump", true },
		{ "/usr/bin/pg_dumpall>x", "pg_dumpall", true },
		{ "PGPASSWORD=x pgBackRest --stanza", "pgbackrest", true },
		{ "rsync -a /a /b", "rsync", false },
		{ "/root/mysqldump.sh", "dump", false },
		{ "tcpdump -i eth0", NULL, false },
		{ "dpkg-db-backup.timer", NULL, false },
		{ "tcpdump -w /backup/x; pg_dump y", "pg_dump", true },
		{ "logrotate /etc/logrotate.conf", NULL, false },
		{ "wal-gadget", NULL, false },
		{ "", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		bool strong = false;
		const char *word = found_backup_word(t[i].command, &strong);

		test_case(t[i].command);
		if (t[i].word == NULL) {
			assert_null(word);
			continue;
		}
		assert_string_equal(word, t[i].word);
		assert_int_equal(strong, t[i].strong);
	}
}

static void
crontabs_are_read_without_their_secrets(void **state)
{
	const struct found_thing *t;
	struct found f = machine();
	struct buf all = BUF_INIT;

	(void)state;
	kit_folder("/srv/dumps");
	kit_folder("/data/sets");
	kit_file("/etc/debian_version", "12.0\n");
	kit_file("/etc/crontab", "# pg_dump in a comment\nSHELL=/bin/sh\n"
	    "PATH = /bin\n25 6 * * * root run-parts /etc/cron.daily\n"
	    "30 1 * * *\tpostgres\tPGPASSWORD=secret pg_dump -f /srv/dumps/x.dump otc\n");
	kit_file("/etc/cron.d/nightly", "0 3 * * * root /opt/nightly.sh --to "
	    "/data/sets\n");
	kit_file("/opt/nightly.sh", "#!/bin/sh\n# not pg_dump\nrsync a b\n"
	    "PGPASSWORD=secret pg_basebackup -D x\n");
	kit_file("/etc/cron.d/ignored.dpkg-old", "0 3 * * * root pg_dump x\n");
	kit_file("/etc/cron.d/zoned", "CRON_TZ=Asia/Tokyo\n0 3 * * * root "
	    "pg_dump z\n");
	kit_file("/var/spool/cron/crontabs/ann", "15 4 * * * rsync /a /b\n");
	kit_file("/etc/cron.daily/autopostgresqlbackup", "#!/bin/sh\n");
	kit_file("/etc/cron.daily/logrotate", "#!/bin/sh\n");
	kit_file("/etc/cron.daily/rsync.old", "#!/bin/sh\n");
	kit_executable("/etc/cron.daily/autopostgresqlbackup");
	look_jobs(&f);

	assert_int_equal(found_count(&f, FOUND_JOB), 5);
	t = KIT_FIND(&f, FOUND_JOB, name, "/etc/crontab:5");
	assert_non_null(t);
	assert_string_equal(t->text, "pg_dump");
	assert_string_equal(t->when, "01:30");
	assert_string_equal(t->user, "postgres");
	t = KIT_FIND(&f, FOUND_JOB, name, "/etc/cron.d/nightly:1");
	assert_string_equal(t->text, "pg_basebackup in /opt/nightly.sh");
	assert_string_equal(t->when, "03:00");
	t = KIT_FIND(&f, FOUND_JOB, name, "/etc/cron.d/zoned:2");
	assert_string_equal(t->when, "03:00");	/* no cron here heeds it */
	t = KIT_FIND(&f, FOUND_JOB, name, "/var/spool/cron/crontabs/ann:1");
	assert_string_equal(t->user, "ann");
	assert_false(t->strong);
	t = KIT_FIND(&f, FOUND_JOB, name, "/etc/cron.daily/autopostgresqlbackup");
	assert_string_equal(t->when, "06:25");
	assert_non_null(KIT_FIND(&f, FOUND_FOLDER, path, "/srv/dumps"));
	assert_non_null(KIT_FIND(&f, FOUND_FOLDER, path, "/data/sets"));
	found_pack(&f, &all);
	assert_null(memmem(all.p, all.n, "secret", 6));
	buf_release(&all);
	found_release(&f);
	kit_clear();
}

static void
timers_count_when_they_are_switched_on(void **state)
{
	const struct found_thing *t;
	struct found f = machine();
	char *link;

	(void)state;
	kit_file("/etc/systemd/system/save.timer",
	    "[Timer]\nOnCalendar=*-*-* 02:20:00\nUnit=do.service\n");
	kit_file("/etc/systemd/system/do.service",
	    "[Service]\nUser=postgres\nExecStart=-/usr/bin/pg_dumpall\n");
	kit_file("/etc/systemd/system/timers.target.wants/save.timer", "");
	kit_file("/etc/systemd/system/off.timer",
	    "[Timer]\nOnCalendar=daily\n");
	kit_file("/etc/systemd/system/off.service",
	    "[Service]\nExecStart=pg_dump x\n");
	kit_file("/usr/lib/systemd/system/pg_dump@.timer",
	    "[Timer]\nOnCalendar=weekly\n");
	kit_file("/usr/lib/systemd/system/pg_dump@.service",
	    "[Service]\nExecStart=pg_backupcluster %i\n");
	kit_file("/etc/systemd/system/timers.target.wants/pg_dump@15-main.timer",
	    "");
	kit_file("/etc/systemd/system/pg_dump@.timer.d/hour.conf",
	    "[Timer]\nOnCalendar=\nOnCalendar=05:10\n");
	kit_file("/usr/lib/systemd/system/backup-tool.timer",
	    "[Timer]\nOnCalendar=daily\n");	/* brought by a package */
	kit_file("/etc/systemd/system/timers.target.wants/dpkg-db-backup.timer",
	    "");
	kit_file("/usr/lib/systemd/system/dpkg-db-backup.timer",
	    "[Timer]\nOnCalendar=daily\n");
	link = xprintf("%s/etc/systemd/system/masked-backup.timer",
	    kit_root());
	assert_int_equal(symlink("/dev/null", link), 0);
	free(link);
	look_jobs(&f);

	assert_int_equal(found_count(&f, FOUND_JOB), 3);
	t = KIT_FIND(&f, FOUND_JOB, name, "save.timer");
	assert_string_equal(t->text, "pg_dumpall");
	assert_string_equal(t->when, "02:20");
	assert_string_equal(t->user, "postgres");
	assert_true(t->ok);
	t = KIT_FIND(&f, FOUND_JOB, name, "off.timer");
	assert_false(t->ok);
	t = KIT_FIND(&f, FOUND_JOB, name, "pg_dump@15-main.timer");
	assert_string_equal(t->when, "05:10");
	found_release(&f);
	kit_clear();
}

/* ---- disks ---------------------------------------------------------------------- */

static void
only_disks_are_disks(void **state)
{
	struct found f = machine();
	char *text = xprintf(
	    "22 27 0:21 / /proc rw - proc proc rw\n"
	    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	    "30 27 0:25 / /dev/shm rw - tmpfs tmpfs rw\n"
	    "31 27 254:0 /var/lib /usr rw - ext4 /dev/vda rw\n"
	    "32 27 254:0 /etc/hosts /etc/hosts rw - ext4 /dev/vda rw\n"
	    "33 27 8:1 / %s/with\\040space rw shared:1 master:2 - xfs "
	    "/dev/sdb\\0401 rw\n"
	    "34 27 0:99 / /nowhere rw - nfs4 nas:/x rw\n"
	    "garbage\n27 1 254:0 / /\n- - - - - - - - -\n", kit_root());

	(void)state;
	kit_folder("/with space");
	kit_file("/proc/self/mountinfo", text);
	look_disks(&f);
	assert_int_equal(found_count(&f, FOUND_DISK), 2);
	assert_non_null(KIT_FIND(&f, FOUND_DISK, path, "/"));
	assert_non_null(KIT_FIND(&f, FOUND_DISK, name, "/dev/sdb 1"));
	assert_true(KIT_FIND(&f, FOUND_DISK, path, "/")->size > 0);
	found_release(&f);
	kit_clear();

	kit_file("/proc/self/mountinfo",
	    "27 1 0:44 / / rw - overlay overlay rw\n");
	f = machine();
	look_disks(&f);		/* in a container it is all there is */
	assert_int_equal(found_count(&f, FOUND_DISK), 1);
	found_release(&f);
	kit_clear();
	free(text);
}

static void
folders_are_told_by_the_dumps_in_them(void **state)
{
	const struct found_thing *t;
	struct found f = machine();

	(void)state;
	kit_file("/srv/app/backups/otc.dump", "");
	kit_file("/srv/app/backups/otc.sql.gz", "");
	kit_file("/srv/app/backups/.hidden.dump", "");
	kit_file("/srv/app/backups/README", "");
	kit_folder("/backup");
	kit_file("/backups", "a file");
	look_folders(&f);
	assert_int_equal(found_count(&f, FOUND_FOLDER), 2);
	t = KIT_FIND(&f, FOUND_FOLDER, path, "/srv/app/backups");
	assert_true(t->strong && t->ok);
	assert_non_null(strstr(t->text, "2 files that look like dumps"));
	t = KIT_FIND(&f, FOUND_FOLDER, path, "/backup");
	assert_false(t->strong);
	assert_null(t->text);
	found_release(&f);
	kit_clear();
}

/* ---- servers ---------------------------------------------------------------------- */

static void
clusters_are_read_from_their_files(void **state)
{
	const struct found_thing *t;
	struct found f = machine();

	(void)state;
	kit_file("/etc/postgresql/15/main/postgresql.conf",
	    "#port = 1\nport = 5433 # the second\nPort = 5432\n"
	    "data_directory = '/srv/pg data/15'\t# here\n"
	    "unix_socket_directories = '/no/such/folder, /tmp'\n");
	kit_file("/etc/postgresql/13/old/postgresql.conf",
	    "data_directory='/srv/13'\nexternal_pid_file = 'port = 7'\n");
	kit_file("/etc/postgresql/13/old/conf.d/own.conf", "port=6000");
	kit_file("/etc/postgresql/14/empty/start.conf", "auto");
	kit_file("/var/log/postgresql/postgresql-15-main.log", "");
	look_servers(&f);
	assert_int_equal(found_count(&f, FOUND_SERVER), 2);
	t = KIT_FIND(&f, FOUND_SERVER, name, "15/main");
	assert_int_equal(t->port, 5432);
	assert_string_equal(t->host, "/no/such/folder");
	assert_string_equal(t->path, "/srv/pg data/15");
	assert_false(t->ok);
	assert_string_equal(t->why, "it does not run");
	t = KIT_FIND(&f, FOUND_SERVER, name, "13/old");
	assert_int_equal(t->port, 6000);
	assert_string_equal(KIT_FIND(&f, FOUND_LOG, name, "15/main")->path,
	    "/var/log/postgresql/postgresql-15-main.log");
	found_release(&f);
	kit_clear();
}

/* cmdline holds its NULs as spaces here. */
static void
process(const char *pid, const char *comm, const char *parent,
    const char *cgroup, const char *cmdline)
{
	char *dir = xprintf("/proc/%s", pid), *path, *full, *status;
	size_t n = strlen(cmdline);
	char *args = xstrdup(cmdline);
	FILE *f;

	kit_folder(dir);
	path = xprintf("%s/comm", dir);
	kit_file(path, comm);
	free(path);
	path = xprintf("%s/cgroup", dir);
	kit_file(path, cgroup);
	free(path);
	path = xprintf("%s/status", dir);
	status = xprintf("Name:\tx\nPPid:\t%s\nUid:\t0\n", parent);
	kit_file(path, status);
	free(path);
	for (size_t i = 0; i < n; i++)
		if (args[i] == ' ')
			args[i] = '\0';
	full = xprintf("%s%s/cmdline", kit_root(), dir);
	f = fopen(full, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(args, 1, n + 1, f), n + 1);
	assert_int_equal(fclose(f), 0);
	free(full);
	free(status);
	free(args);
	free(dir);
}

static void
running_servers_are_told_from_their_children(void **state)
{
	const struct found_thing *t;
	struct found f = machine();

	(void)state;
	process("1", "init\n", "0", "0::/\n", "init");
	process("100", "postgres\n", "1", "0::/\n",
	    "postgres -D /srv/a -p 6001 -k /none/a -c fsync=off");
	process("101", "postgres\n", "100", "0::/\n", "postgres: checkpointer");
	process("200", "postgres\n", "1", "0::/docker/ab12\n",
	    "postgres -D /data");
	process("300", "postgres\n", "1", "0::/\n",
	    "postgres --boot -D /srv/new");
	process("400", "postgres\n", "1", "0::/\n", "postgres -D/srv/lone");
	kit_file("/srv/lone/postmaster.pid", "-400\n/srv/lone\n1\n5432\n\n");
	process("500", "postmaster\n", "1", "0::/\n", "postmaster -D /srv/b");
	kit_file("/srv/b/postmaster.pid",
	    "500\n/srv/b\n1700000000\n6002\n/none/b\nlocalhost\n");
	process("600", "postgres\n", "1", "0::/\n", "postgres");
	look_servers(&f);
	assert_int_equal(found_count(&f, FOUND_SERVER), 3);
	t = KIT_FIND(&f, FOUND_SERVER, path, "/srv/a");
	assert_int_equal(t->port, 6001);
	assert_string_equal(t->host, "/none/a");
	t = KIT_FIND(&f, FOUND_SERVER, path, "/srv/b");
	assert_int_equal(t->port, 6002);
	assert_string_equal(t->host, "/none/b");
	t = KIT_FIND(&f, FOUND_SERVER, why, "its port is not known (pid 600)");
	assert_non_null(t);
	found_release(&f);
	kit_clear();
}

static int
listen_at(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof sun.sun_path);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static void
a_socket_that_never_answers_is_given_up(void **state)
{
	const struct found_thing *t;
	struct found f = machine();
	const char *path = test_path(".s.PGSQL.5999");
	char *kernel = xprintf("Num RefCount Protocol Flags Type St Inode Path\n"
	    "0: 00000002 00000000 00010000 0001 01 7 %s\n"
	    "0: 00000002 00000000 00010000 0001 01 8 /gone/.s.PGSQL.5432\n"
	    "0: 00000002 00000000 00010000 0001 01 9 @/x/.s.PGSQL.1\n"
	    "0: 00000002 00000000 00010000 0001 01 9 %s.PGSQL.x\n"
	    "0: 00000003 00000000 00000000 0001 03 10\n", path, path);
	int64_t start = clock_mono_ms();
	int fd = listen_at(path);
	char *psql = spawn_which("psql");

	(void)state;
	kit_file("/proc/net/unix", kernel);
	look_servers(&f);
	assert_true(clock_mono_ms() - start < 11000);
	assert_int_equal(found_count(&f, FOUND_SERVER), 1);
	t = &f.things.v[0];
	assert_int_equal(t->port, 5999);
	assert_true(t->ok);
	assert_non_null(t->why);
	if (psql == NULL)
		assert_string_equal(t->why, "psql is not installed");
	found_release(&f);
	kit_clear();
	io_close(&fd);
	(void)unlink(path);
	free(kernel);
	free(psql);
}

static void
answers_of_psql_are_taken_apart(void **state)
{
	char said[] = "junk\nS|31352e35|313a32|2f64|6d65|t|5433\n"
	    "D|6f7463|t\nD|6e650a77|f\nZ|6f7463|8192\nZ|6e6f6e65|1\n"
	    "D|zz|t|too many\nS|\n";
	char nothing[] = "FATAL: no\n";
	struct found_thing like = { .host = "/run", .port = 1, .user = "me" };
	struct found f = machine();
	struct found_server is = { 0 };

	(void)state;
	assert_true(found_databases(&f, said, &like, &is));
	assert_string_equal(is.version, "15.5");
	assert_string_equal(is.data, "/d");
	assert_string_equal(is.role, "me");
	assert_int_equal(is.port, 5433);
	assert_true(is.standby);
	assert_int_equal(f.things.n, 2);
	assert_string_equal(f.things.v[0].name, "otc");
	assert_string_equal(f.things.v[0].user, "me");
	assert_int_equal(f.things.v[0].size, 8192);
	assert_string_equal(f.things.v[1].name, "ne\nw");
	assert_false(f.things.v[1].ok);
	assert_false(found_databases(&f, nothing, &like, &is));
	found_release(&f);
}

/* ---- the whole ---------------------------------------------------------------------- */

static void
the_zone_is_that_of_cron(void **state)
{
	struct found f = { .root = kit_root() };
	char *link = xprintf("%s/etc/localtime", kit_root());

	(void)state;
	kit_file("/etc/timezone", "Africa/Lagos\n");
	found_look(&f);
	assert_string_equal(f.zone, "Africa/Lagos");
	found_release(&f);

	assert_int_equal(symlink("/usr/share/zoneinfo/Etc/UTC", link), 0);
	f.root = kit_root();
	found_look(&f);
	assert_string_equal(f.zone, "UTC");
	found_release(&f);
	free(link);
	kit_clear();
}

static void
things_come_back_from_a_child_as_they_were(void **state)
{
	struct found a = machine(), b = machine();
	struct found_thing *t = found_add(&a, FOUND_DISK);
	struct buf bytes = BUF_INIT;

	(void)state;
	t->name = "";
	t->path = "/p\n";
	t->size = -1;
	t->free = INT64_MAX;
	t->percent = 7;
	found_note(&a, "%s", "n");
	found_pack(&a, &bytes);
	found_unpack(&b, &bytes);
	assert_int_equal(b.things.n, 2);
	assert_int_equal(b.things.v[0].kind, FOUND_DISK);
	assert_string_equal(b.things.v[0].name, "");
	assert_string_equal(b.things.v[0].path, "/p\n");
	assert_null(b.things.v[0].user);
	assert_int_equal(b.things.v[0].size, -1);
	assert_int_equal(b.things.v[0].free, INT64_MAX);
	assert_int_equal(b.things.v[0].percent, 7);
	assert_string_equal(b.things.v[1].text, "n");
	buf_release(&bytes);
	found_release(&a);
	found_release(&b);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_hour_that_comes_every_day_is_told),
	cmocka_unit_test(what_looks_like_a_backup_is_known),
	cmocka_unit_test(crontabs_are_read_without_their_secrets),
	cmocka_unit_test(timers_count_when_they_are_switched_on),
	cmocka_unit_test(only_disks_are_disks),
	cmocka_unit_test(folders_are_told_by_the_dumps_in_them),
	cmocka_unit_test(clusters_are_read_from_their_files),
	cmocka_unit_test(running_servers_are_told_from_their_children),
	cmocka_unit_test(a_socket_that_never_answers_is_given_up),
	cmocka_unit_test(answers_of_psql_are_taken_apart),
	cmocka_unit_test(the_zone_is_that_of_cron),
	cmocka_unit_test(things_come_back_from_a_child_as_they_were),
};

int
main(void)
{
	return RUN_TESTS(tests);
}
