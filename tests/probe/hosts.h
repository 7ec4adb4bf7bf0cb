/*
 * For the tests of what is read about hosts: a site made of text, one target of
 * it read as the feed would, and mounts that nobody else sees and that end
 * with the test.
 */
#ifndef TESTS_PROBE_HOSTS_H
#define TESTS_PROBE_HOSTS_H

#include <errno.h>
#include <sys/mount.h>

#include "base/text.h"
#include "base/who.h"
#include "tests/place/kit.h"
#include "reading/probe.h"

/* --- mounts -------------------------------------------------------------- */

/* Everything this process mounts from now on is gone with it. */
TEST_HELPER bool
hosts_own_mounts(void)
{
	char map[64];
	unsigned uid = geteuid(), gid = getegid();
	FILE *f;

	if (uid == 0)
		return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL,
		    MS_REC | MS_PRIVATE, NULL) == 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return false;
	if ((f = fopen("/proc/self/setgroups", "we")) != NULL) {
		fputs("deny", f);
		fclose(f);
	}
	snprintf(map, sizeof map, "%u %u 1", uid, uid);
	if ((f = fopen("/proc/self/uid_map", "we")) == NULL)
		return false;
	fputs(map, f);
	fclose(f);
	snprintf(map, sizeof map, "%u %u 1", gid, gid);
	if ((f = fopen("/proc/self/gid_map", "we")) != NULL) {
		fputs(map, f);
		fclose(f);
	}
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* A new folder of the test's own, or one on a new tmpfs; NULL: not here. */
TEST_HELPER const char *
hosts_tmpfs(const char *name, const char *options)
{
	static char paths[8][PATH_MAX + 256];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof paths[0], "%s", test_path(name));
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		return NULL;
	return mount("tmpfs", path, "tmpfs", 0, options) == 0 ? path : NULL;
}

/* Before the test's folder is removed: all that is mounted in it. By this
 * process, since no other has an ordinary user's right to it. */
TEST_HELPER void
hosts_unmount(void)
{
	char *all = test_read("/proc/self/mounts"), *rest = all, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		char *s = strchr(line, ' '), path[PATH_MAX];
		size_t n = 0;

		if (s == NULL)
			continue;
		for (s++; *s != ' ' && *s != '\0' && n + 1 < sizeof path; s++) {
			path[n++] = *s;
			if (*s != '\\')
				continue;
			path[n - 1] = (char)strtol((char[]){ s[1], s[2], s[3],
				'\0' }, NULL, 8);
			s += 3;
		}
		path[n] = '\0';
		if (text_starts(path, test_dir()))
			(void)umount2(path, MNT_DETACH);
	}
	free(all);
}

TEST_HELPER void
hosts_fill(const char *dir, const char *name, size_t n)
{
	char path[PATH_MAX], block[4096];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	memset(block, 'x', sizeof block);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (; n >= sizeof block; n -= sizeof block)
		assert_int_equal(write(fd, block, sizeof block), sizeof block);
	close(fd);
}

/* --- a site and its readings ---------------------------------------------- */

TEST_HELPER struct {
	struct site site;
	struct eye eye;
	struct reading r;
	bool looks, quiet;
	int64_t limit_ms;	/* of a read; 0: 20 s */
} hosts;

TEST_HELPER void
hosts_clear(void)
{
	if (hosts.looks) {
		eye_release(&hosts.eye);
		site_release(&hosts.site);
	}
	reading_release(&hosts.r);
	memset(&hosts.site, 0, sizeof hosts.site);
	hosts.looks = false;
}

TEST_HELPER void
hosts_site(const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	hosts_clear();
	buf_str(&b, "site = { name = \"a\"; };\n");
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	(void)site_parse(&hosts.site, test_path("site.cfg"), b.p, b.n);
	for (size_t i = 0; i < hosts.site.doc.problems.n; i++)
		print_message("# %s\n", hosts.site.doc.problems.v[i].text);
	assert_int_equal(hosts.site.doc.problems.n, 0);
	buf_release(&b);
	eye_init(&hosts.eye, &hosts.site, NULL);
	hosts.looks = true;
}

/* A place of the site at one of the kit's servers. */
TEST_HELPER const char *
hosts_place(const char *name, int port, const char *more)
{
	static char text[4][1024];
	static unsigned turn;
	char known[64], *to = text[turn++ % 4];

	snprintf(known, sizeof known, "known.%d", port);
	snprintf(to, sizeof text[0], "{ name = \"%s\"; ssh ="
	    " \"%s@127.0.0.1\"; port = %d; identity = \"%s\"; known_hosts ="
	    " \"%s\"; %s }", name, who_am_i()->login, port, test_path("userkey"),
	    kit_known(known, port, "hostkey.pub"), more);
	return to;
}

/* What a hostile side may answer: a screen cleared, a title set, text turned
 * round, hidden and broken, for printf(1); and how it is to be read. */
#define EVIL_OCTAL "\\033[2J\\033]0;x\\007\\342\\200\\256abc\\302\\2332J" \
	"\\377\\342\\200\\213.\\r"
#define EVIL_CLEAN "\\x1b[2J\\x1b]0;x\\x07<U+202E>abc"

/* One character that a terminal could obey, or that hides or turns others. */
TEST_HELPER bool
hosts_harmful(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) ||
	    (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || c == 0x061c;
}

/* The rule for everything that a person reads. */
TEST_HELPER void
hosts_clean(const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0;

	for (size_t i = 0; i < n;) {
		uint32_t c = 0;
		size_t len = text_utf8_len(s + i, n - i, &c);

		if (len == 0 || hosts_harmful(c))
			fail_msg("byte %zu (%02x) of \"%s\" is not clean", i,
			    (unsigned)(unsigned char)s[i], s);
		i += len;
	}
}

/* Reads the target of that name; what it says is checked to be clean, and to
 * survive the wire. The reading stays until the next one. */
TEST_HELPER struct reading *
hosts_read(const struct probe *probe, const char *name)
{
	size_t n = probe->count(&hosts.site), i;
	struct target t = { .probe = probe };
	struct buf wire = BUF_INIT;
	struct reading back;
	struct err e = ERR_INIT;

	for (i = 0; i < n; i++) {
		t = (struct target){ .probe = probe, .index = i };
		probe->target(&hosts.site, i, &t);
		if (strcmp(t.name, name) == 0)
			break;
	}
	if (i == n)
		fail_msg("the site has no %s '%s'", probe->kind, name);
	reading_release(&hosts.r);
	reading_init(&hosts.r, probe->kind, t.name);
	hosts.eye.now = clock_wall_ms();
	hosts.eye.deadline = clock_mono_ms() + (hosts.limit_ms ?
	    hosts.limit_ms : 20000);
	hosts.r.deadline_ms = probe->deadline_ms;
	probe->read(&hosts.eye, &t, &hosts.r);
	free(t.memory);

	reading_write(&hosts.r, &wire);
	if (!hosts.quiet)
		print_message("# %s", wire.p);
	hosts_clean(hosts.r.text);
	hosts_clean(hosts.r.next);
	hosts_clean(hosts.r.error);
	if (wire.n == 0 || wire.p[wire.n - 1] != '\n')
		fail_msg("a reading is a line");
	wire.p[wire.n - 1] = '\0';
	hosts_clean(wire.p);
	wire.p[wire.n - 1] = '\n';
	if (!reading_parse(&back, wire.p, wire.n - 1, &e))
		fail_msg("%s", e.msg);
	assert_int_equal(back.level, hosts.r.level);
	reading_release(&back);
	buf_release(&wire);
	/* what is known has a sentence, what is not has its reason */
	assert_true(hosts.r.level == LEVEL_UNKNOWN || hosts.r.text != NULL);
	assert_true(hosts.r.text != NULL || hosts.r.error != NULL);
	return &hosts.r;
}

#define DATA_INT(r, key) json_get_int((r)->data, key, -1)
#define DATA_STR(r, key) json_get_str((r)->data, key)
#define DATA_BOOL(r, key) json_get_bool((r)->data, key)
#define HAS(text, part)							\
	do {								\
		const char *t_ = (text), *p_ = (part);			\
		if (t_ == NULL || strstr(t_, p_) == NULL)		\
			fail_msg("\"%s\" does not say \"%s\"",		\
			    t_ ? t_ : "(nothing)", p_);			\
	} while (0)

#endif
