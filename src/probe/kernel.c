/*
 * kernel: is it the hardware? What the kernel of each host that keeps data
 * knows of I/O errors, of file systems that it made read-only, of RAID, of links
 * and of its log, so that the lead is ruled out, or followed, within a minute.
 * What may not be looked at is said; nothing is asked with more rights.
 *
 * data:
 *	place		its name; left out: here
 *	looked		at what: "mounts", "fstab", "ext4", "btrfs", "raid",
 *			"network", "log"
 *	log		"dmesg", "journal"; "closed": whoever logs in may not
 *	log_ms		how far back the log reaches
 *	uptime_ms
 *	read_only	mount points that are, and fstab says they are not, or
 *			that the kernel gave up
 *	not_mounted	mount points that fstab wants
 *	ext4		[{"dev", "errors", "last_ms" (ago; left out: not told)}]
 *	btrfs		[{"dev", "errors"}]
 *	raid		[{"name", "state", "degraded", "rebuilding"}]
 *	network		[{"name", "errors", "packets", "new" (errors since the
 *			read before; left out: this is the first)}]
 *	io_errors, fs_errors, hardware_errors, link_errors, stuck, oom_kills
 *			lines of the log, of its last 200 that matter
 *	lines		[{"kind", "age_ms", "text"}], the newest 10 of them
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "probe/answer.h"
#include "probe/kernel_log.h"

enum {
	DAY_MS = 24 * 3600 * 1000,	/* fresh: it may be tonight's reason */
	WEEK_MS = 7 * DAY_MS,		/* and after that history */
	LISTED = 20, SHOWN = 10, DEVICES = 16,
};

/* ---- which hosts ---------------------------------------------------------- */

/* A container has the kernel of its host. NULL: here. */
static const struct site_place *
host_of(const struct site *site, const char *at)
{
	const struct site_place *p = at ? site_place(site, at) : NULL;

	while (p != NULL && p->container != NULL)
		p = p->at ? site_place(site, p->at) : NULL;
	return p;
}

/* Where the i-th of all that keeps or makes data is; false: there is no such. */
static bool
nth_at(const struct site *site, size_t i, const char **ret_at)
{
	if (i < site_disks(site)) {
		*ret_at = site_disk_at(site, i)->at;
		return true;
	}
	i -= site_disks(site);
	if (i < site_stores(site)) {
		*ret_at = site_store_at(site, i)->at;
		return true;
	}
	i -= site_stores(site);
	if (i < site_dbs(site)) {
		*ret_at = site_db_at(site, i)->dump_at;
		return true;
	}
	return false;
}

/* The k-th host, each once; false: there are fewer. */
static bool
nth_host(const struct site *site, size_t k, const struct site_place **ret)
{
	const char *at, *before;

	for (size_t i = 0; nth_at(site, i, &at); i++) {
		bool seen = false;

		*ret = host_of(site, at);
		for (size_t j = 0; j < i && !seen; j++)
			seen = nth_at(site, j, &before) &&
			    host_of(site, before) == *ret;
		if (!seen && k-- == 0)
			return true;
	}
	return false;
}

static size_t
kernel_count(const struct site *site)
{
	const struct site_place *p;
	size_t n = 0;

	while (nth_host(site, n, &p))
		n++;
	return n;
}

static void
kernel_target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_place *p = NULL;

	(void)nth_host(site, i, &p);
	ret->name = p ? p->name : "here";
	ret->at = ret->row = p;
}

/* ---- what is asked there -------------------------------------------------- */

/* Every line of an answer begins with a space, every head with '='. */
#define SECTIONS(X)							\
	X(NOW, "now") X(MOUNTS, "mounts") X(FSTAB, "fstab")		\
	X(EXT4, "ext4") X(BTRFS, "btrfs") X(RAID, "raid")		\
	X(NET, "net") X(LOG, "log") X(FOUND, "found") X(END, "end")
#define SECTION_ENUM_(id, name) S_##id,
#define SECTION_NAME_(id, name) name,
enum section { SECTIONS(SECTION_ENUM_) SECTION_COUNT };
static const char *const section_names[] = { SECTIONS(SECTION_NAME_) };

/* Only sh's own words where there are many files: a fork each would cost more
 * than all the rest. */
static const char script_head[] =
    "LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/sbin:/sbin\n"
    "all() { [ -r \"$2\" ] && echo \"=$1\" && sed 's/^/ /' \"$2\"; }\n"
    "one() { v=; [ -r \"$1\" ] && read -r v <\"$1\"; : \"${v:=-}\"; }\n"
    "echo =now; date '+ %s'; sed 's/^/ /' /proc/uptime\n"
    "all mounts /proc/self/mounts; all fstab /etc/fstab\n"
    "[ -d /sys/fs/ext4 ] && echo =ext4\n"
    "for f in /sys/fs/ext4/*/errors_count; do\n"
    "	[ -r \"$f\" ] || continue; d=${f%/*}; one \"$f\"; n=$v\n"
    "	one \"$d/last_error_time\"; echo \" ${d##*/} $n $v\"; done\n"
    "for f in /sys/fs/btrfs/*/devinfo/*/error_stats; do\n"
    "	[ -r \"$f\" ] || continue; echo =btrfs; d=${f#/sys/fs/btrfs/}\n"
    "	while read -r k v; do echo \" ${d%%/*} $k $v\"; done <\"$f\"; done\n"
    "all raid /proc/mdstat\n"
    "[ -d /sys/class/net ] && echo =net\n"
    "for d in /sys/class/net/*; do\n"
    "	[ -e \"$d/device\" ] || continue; l=${d##*/}\n"
    "	for k in rx_errors tx_errors rx_packets tx_packets; do\n"
    "		one \"$d/statistics/$k\"; l=\"$l $v\"; done\n"
    "	echo \" $l\"; done\n"
    "w=dmesg; l=$(dmesg 2>/dev/null) || l=\n"
    "[ -n \"$l\" ] || { w=journal; l=$(journalctl -k -b -q --no-pager"
    " -o short-monotonic 2>/dev/null) || l=; }\n"
    "if [ -n \"$l\" ]; then echo \"=log\"; echo \" $w\"\n"
    "	printf '%s\\n' \"$l\" | sed 's/^/ /;q' | cut -c1-100\n"
    "	echo =found; printf '%s\\n' \"$l\" | grep -F";
static const char script_tail[] =
    " | tail -n 200 | cut -c1-400 | sed 's/^/ /'; fi\n"
    "echo =end; exit 0";

struct lines {
	VEC(char *) v;
	bool there;			/* it could be looked at */
};

struct seen {				/* between two reads */
	struct { char name[16]; int64_t errors; } dev[DEVICES];
	size_t n;
};

struct look {
	const struct site *site;
	const struct target *t;
	struct reading *r;
	struct seen *seen;
	struct lines of[SECTION_COUNT];
	int64_t now_s, uptime_ms;
	bool bad;			/* anything was said */
};

static void
sort_lines(struct look *l, char *out)
{
	struct lines *to = NULL;

	for (char *line; (line = strsep(&out, "\n")) != NULL;) {
		if (*line == '=') {
			to = NULL;
			for (int i = 0; i < SECTION_COUNT && !to; i++)
				if (strcmp(section_names[i], line + 1) == 0)
					to = &l->of[i];
			if (to != NULL)
				to->there = true;
		} else if (to != NULL && *line == ' ')
			VEC_PUSH(&to->v, line + 1);
	}
}

#define EACH_LINE(l, section, line)					\
	for (size_t i_ = 0; i_ < (l)->of[section].v.n &&		\
	    ((line) = (l)->of[section].v.v[i_], true); i_++)

/* The next word of a line, NULL at its end. */
static char *
word(char **rest)
{
	char *w;

	while ((w = strsep(rest, " \t")) != NULL)
		if (*w != '\0')
			return w;
	return NULL;
}

static int64_t
number(const char *s)
{
	int64_t v;

	return s != NULL && text_int(s, 0, INT64_MAX / 2000, &v) ? v : 0;
}

static void
list_str(struct look *l, const char *key, const char *s)
{
	json_t *list = reading_list(l->r, key);

	if (json_array_size(list) < LISTED)
		json_array_append_new(list, json_utf8(s));
}

static json_t *
list_object(struct look *l, const char *key)
{
	json_t *list = reading_list(l->r, key), *o = json_object();

	if (json_array_size(list) < LISTED)
		json_array_append(list, o);
	return o;			/* the caller drops it */
}

#define SAY(l, level, next, ...)					\
	do {								\
		(l)->bad = true;					\
		reading_say((l)->r, level, next, __VA_ARGS__);		\
	} while (0)

/* ---- file systems --------------------------------------------------------- */

static bool
has_option(const char *options, const char *name)
{
	size_t n = strlen(name);

	for (const char *o = options; o != NULL; o = strchr(o, ',')) {
		o += *o == ',';
		if (strncmp(o, name, n) == 0 && (o[n] == ',' ||
		    o[n] == '\0' || o[n] == '='))
			return true;
	}
	return false;
}

struct mount {
	const char *point, *type, *options;
};

/* A line of fstab or of mounts; the words stay in it. */
static bool
mount_of(char *line, struct mount *m)
{
	char *rest = line, *source = word(&rest), *point;

	point = word(&rest);
	m->type = word(&rest);
	m->options = word(&rest);
	if (source == NULL || *source == '#' || m->options == NULL)
		return false;
	for (size_t n = strlen(point); n > 1 && point[n - 1] == '/'; n--)
		point[n - 1] = '\0';
	m->point = point;
	return *point == '/';
}

/* Does a disk or store of the site lie there? */
static bool
below(const char *path, const char *point)
{
	size_t n = strlen(point);

	return strcmp(point, "/") != 0 && strncmp(path, point, n) == 0 &&
	    (path[n] == '/' || path[n] == '\0');
}

static bool
used(const struct look *l, const char *point)
{
	for (size_t i = 0; i < site_disks(l->site); i++) {
		const struct site_disk *d = site_disk_at(l->site, i);

		if ((d->at ? site_place(l->site, d->at) : NULL) == l->t->at &&
		    below(d->path, point))
			return true;
	}
	for (size_t i = 0; i < site_stores(l->site); i++) {
		const struct site_store *s = site_store_at(l->site, i);

		if ((s->at ? site_place(l->site, s->at) : NULL) == l->t->at &&
		    below(s->path, point))
			return true;
	}
	return false;
}

#define SAVE "save what can be read, then look at the disk (smartctl -a) before" \
	" it is mounted writable again"

/* How newer kernels say that they gave a file system up: not as "ro". */
static bool
failed(const struct mount *m)
{
	return has_option(m->options, "emergency_ro") ||
	    has_option(m->options, "shutdown");
}

static void
compare(struct look *l, const struct mount *want, const struct mount *is)
{
	if (is->point == NULL && has_option(want->options, "nofail") &&
	    !used(l, want->point))
		return;
	if (is->point == NULL) {
		list_str(l, "not_mounted", want->point);
		SAY(l, used(l, want->point) ? LEVEL_CRITICAL : LEVEL_WARNING,
		    "mount it before anything is written there",
		    "'%s' is not mounted, fstab wants it", want->point);
	} else if (has_option(is->options, "ro") && !failed(is)) {
		list_str(l, "read_only", want->point);
		SAY(l, LEVEL_CRITICAL, SAVE, "'%s' is read-only, fstab says it"
		    " is not", want->point);
	}
}

static void
mounts(struct look *l)
{
	VEC(struct mount) all = { 0 };
	struct mount m;
	char *line;

	EACH_LINE(l, S_MOUNTS, line)
		if (mount_of(line, &m))
			VEC_PUSH(&all, m);
	for (size_t i = 0; i < all.n; i++)
		if (failed(&all.v[i])) {
			list_str(l, "read_only", all.v[i].point);
			SAY(l, LEVEL_CRITICAL, SAVE, "the kernel gave up '%s':"
			    " it is read-only since an error", all.v[i].point);
		}
	if (all.n > 0)
		list_str(l, "looked", "mounts");
	if (all.n > 0 && l->of[S_FSTAB].there)
		list_str(l, "looked", "fstab");
	EACH_LINE(l, S_FSTAB, line) {
		struct mount is = { 0 };

		if (all.n == 0 || !mount_of(line, &m) ||
		    strcmp(m.type, "swap") == 0 || has_option(m.options, "ro") ||
		    has_option(m.options, "noauto"))
			continue;
		for (size_t i = 0; i < all.n; i++)	/* the last one counts */
			if (strcmp(all.v[i].point, m.point) == 0)
				is = all.v[i];
		compare(l, &m, &is);
	}
	VEC_RELEASE(&all);
}

static void
ext4(struct look *l)
{
	char *line, span[32];

	if (l->of[S_EXT4].v.n > 0)
		list_str(l, "looked", "ext4");
	EACH_LINE(l, S_EXT4, line) {
		char *rest = line, *dev = word(&rest);
		int64_t n = number(word(&rest)), last = number(word(&rest));
		int64_t age = last > 0 && l->now_s >= last ?
		    (l->now_s - last) * 1000 : -1;
		json_t *o;

		if (dev == NULL)
			continue;
		o = list_object(l, "ext4");
		json_object_set_new(o, "dev", json_utf8(dev));
		json_object_set_new(o, "errors", json_integer(n));
		if (age >= 0)
			json_object_set_new(o, "last_ms", json_integer(age));
		json_decref(o);
		if (n == 0)
			continue;
		text_fmt_duration(span, age);
		SAY(l, age < 0 || age > WEEK_MS ? LEVEL_WARNING : LEVEL_CRITICAL,
		    "look at the disk (smartctl -a), then check the file system"
		    " while it is not mounted (e2fsck -f)",
		    "ext4 on %s has counted errors: %lld%s%s%s", dev, (long long)n,
		    age < 0 ? "" : ", the last ", age < 0 ? "" : span,
		    age < 0 ? "" : " ago");
	}
}

static void
btrfs(struct look *l)
{
	char *line;

	if (l->of[S_BTRFS].there)
		list_str(l, "looked", "btrfs");
	EACH_LINE(l, S_BTRFS, line) {
		char *rest = line, *dev = word(&rest), *kind = word(&rest);
		int64_t n = number(word(&rest));
		json_t *o;

		if (kind == NULL || n == 0)
			continue;
		o = list_object(l, "btrfs");
		json_object_set_new(o, "dev", json_utf8(dev));
		json_object_set_new(o, "errors", json_integer(n));
		json_decref(o);
		SAY(l, LEVEL_WARNING, "look at the disk (smartctl -a), then"
		    " btrfs scrub", "btrfs %s has counted %s: %lld", dev, kind,
		    (long long)n);
	}
}

/* "md0 : active raid1 sdb1[1](F) sda1[0]", then "... blocks [2/1] [U_]", then
 * perhaps "[=>...]  recovery = 8.1% (...) finish=6.7min". */
static void
raid_one(struct look *l, const char *name, const char *state, bool degraded,
    const char *rebuilding)
{
	json_t *o = list_object(l, "raid");

	json_object_set_new(o, "name", json_utf8(name));
	json_object_set_new(o, "state", json_utf8(state));
	json_object_set_new(o, "degraded", json_boolean(degraded));
	if (*rebuilding != '\0')
		json_object_set_new(o, "rebuilding", json_utf8(rebuilding));
	json_decref(o);
	if (strcmp(state, "active") != 0)
		SAY(l, LEVEL_CRITICAL, "see mdadm --detail before it is touched",
		    "RAID %s is %s", name, state);
	else if (degraded)
		SAY(l, LEVEL_CRITICAL, "replace the failed disk: mdadm --detail"
		    " names it", "RAID %s runs without one of its disks%s%s",
		    name, *rebuilding ? ", " : "", rebuilding);
}

/* "[U_]": a member is missing. */
static bool
member_missing(const char *line)
{
	for (const char *s = line; (s = strchr(s, '[')) != NULL; s++) {
		size_t n = strspn(s + 1, "U_");

		if (n > 0 && s[1 + n] == ']' && memchr(s + 1, '_', n))
			return true;
	}
	return false;
}

static void
raid(struct look *l)
{
	char *line, *name = NULL, *rest, *state = NULL, busy[64] = "";
	bool degraded = false;

	if (l->of[S_RAID].there)
		list_str(l, "looked", "raid");
	EACH_LINE(l, S_RAID, line) {
		char *colon = strstr(line, " : ");
		const char *at = strstr(line, "recovery =");

		if (strncmp(line, "md", 2) == 0 && colon != NULL) {
			if (name != NULL)
				raid_one(l, name, state, degraded, busy);
			degraded = strstr(colon, "(F)") != NULL;
			*colon = '\0';
			rest = colon + 3;
			name = line;
			state = word(&rest);
			if (state == NULL)
				state = colon;
			busy[0] = '\0';
		} else if (name != NULL) {
			degraded = degraded || member_missing(line);
			if (at != NULL)
				(void)snprintf(busy, sizeof busy, "%.*s",
				    (int)strcspn(at, "("), at);
		}
	}
	if (name != NULL)
		raid_one(l, name, state, degraded, busy);
}

/* ---- links ---------------------------------------------------------------- */

/* Errors of that device since the read before; -1: this is the first. */
static int64_t
fresh_errors(struct seen *seen, const char *name, int64_t errors)
{
	size_t i = 0;
	int64_t before;

	while (i < seen->n && strcmp(seen->dev[i].name, name) != 0)
		i++;
	if (i == DEVICES)
		return -1;
	before = seen->dev[i].errors;
	seen->dev[i].errors = errors;
	if (i < seen->n)
		return errors > before ? errors - before : 0;
	(void)snprintf(seen->dev[i].name, sizeof seen->dev[i].name, "%s", name);
	seen->n++;
	return -1;
}

static void
network(struct look *l)
{
	char *line;

	if (l->of[S_NET].there)
		list_str(l, "looked", "network");
	EACH_LINE(l, S_NET, line) {
		char *rest = line, *name = word(&rest);
		int64_t errors = number(word(&rest)), packets, fresh;
		json_t *o;

		errors += number(word(&rest));
		packets = number(word(&rest));
		packets += number(word(&rest));
		if (name == NULL)
			continue;
		fresh = fresh_errors(l->seen, name, errors);
		o = list_object(l, "network");
		json_object_set_new(o, "name", json_utf8(name));
		json_object_set_new(o, "errors", json_integer(errors));
		json_object_set_new(o, "packets", json_integer(packets));
		if (fresh >= 0)
			json_object_set_new(o, "new", json_integer(fresh));
		json_decref(o);
		if (fresh > 0)
			SAY(l, LEVEL_WARNING, "look at the cable, the port and"
			    " the switch's counters: ethtool -S",
			    "%s has %lld new link errors", name,
			    (long long)fresh);
		else if (errors >= 100 && errors > packets / 1000)
			SAY(l, LEVEL_WARNING, "look at the cable, the port and"
			    " the switch's counters: ethtool -S",
			    "%s: %lld of %lld packets were damaged since it"
			    " is up", name, (long long)errors,
			    (long long)packets);
	}
}

/* ---- the log -------------------------------------------------------------- */

static const struct { const char *key, *words; bool bad; } kinds[] = {
#define KIND_(id, key, words, bad) { key, words, bad },
	KERNEL_KINDS(KIND_)
#undef KIND_
};

struct tally {
	size_t n;
	int64_t age;			/* of the newest */
	char last[200];
};

static void
say_tally(struct look *l, enum kernel_kind k, const struct tally *t)
{
	char span[32];
	bool timed = t->age >= 0, fresh = t->age < DAY_MS;
	enum level level = fresh && timed && kinds[k].bad ? LEVEL_CRITICAL :
	    LEVEL_WARNING;

	/* older than a week is no news */
	if (t->n == 0 || t->age > WEEK_MS)
		return;
	text_fmt_duration(span, t->age);
	SAY(l, level, k == KERNEL_MEMORY ? "see what took the memory: the kernel"
	    " log has a table of it" : "read the kernel log around it: dmesg -T",
	    "%s in the kernel log: %zu, the last%s%s%s: %s", kinds[k].words,
	    t->n, timed ? " " : "", timed ? span : "", timed ? " ago" : "",
	    t->last);
}

static void
found(struct look *l)
{
	struct tally tally[KERNEL_KIND_COUNT] = { 0 };
	struct lines *all = &l->of[S_FOUND];
	size_t shown = 0;

	for (size_t i = all->v.n; i-- > 0;) {	/* the newest first */
		struct kernel_found f;
		struct tally *t;
		json_t *o;

		if (!kernel_log_line(all->v.v[i], l->uptime_ms, &f))
			continue;
		t = &tally[f.kind];
		if (t->n++ == 0) {
			t->age = f.age_ms;
			(void)snprintf(t->last, sizeof t->last, "%.*s",
			    (int)text_fit(f.text, strlen(f.text), 160), f.text);
		}
		if (shown++ >= SHOWN)
			continue;
		o = list_object(l, "lines");
		json_object_set_new(o, "kind", json_utf8(kinds[f.kind].words));
		if (f.age_ms >= 0)
			json_object_set_new(o, "age_ms",
			    json_integer(f.age_ms));
		json_object_set_new(o, "text", json_utf8(f.text));
		json_decref(o);
	}
	for (int k = 0; k < KERNEL_KIND_COUNT; k++) {
		reading_int(l->r, kinds[k].key, (int64_t)tally[k].n);
		say_tally(l, (enum kernel_kind)k, &tally[k]);
	}
}

/* How far back it reaches; -1: it does not say. */
static int64_t
reaches(const struct look *l)
{
	const struct lines *log = &l->of[S_LOG];
	const char *text;
	int64_t at = log->v.n > 1 ? kernel_log_time(log->v.v[1], &text) : -1;

	if (at < 0 || l->uptime_ms < at * 1000)
		return -1;
	return l->uptime_ms - at * 1000;
}

static void
log_facts(struct look *l)
{
	const struct lines *log = &l->of[S_LOG];
	int64_t back = reaches(l);

	if (log->v.n == 0) {
		reading_str(l->r, "log", "closed");
		return;
	}
	list_str(l, "looked", "log");
	reading_str(l->r, "log", log->v.v[0]);
	if (back >= 0)
		reading_int(l->r, "log_ms", back);
	found(l);
}

/* ---- all of it ------------------------------------------------------------ */

static void
times(struct look *l)
{
	const struct lines *now = &l->of[S_NOW];

	if (now->v.n > 0)
		l->now_s = number(now->v.v[0]);
	if (now->v.n > 1) {
		now->v.v[1][strcspn(now->v.v[1], ". ")] = '\0';
		l->uptime_ms = number(now->v.v[1]) * 1000;
	}
	if (l->uptime_ms > 0)
		reading_int(l->r, "uptime_ms", l->uptime_ms);
}

/* What was looked at, and what not: nobody may take silence for health. */
static void
say_looked(struct look *l)
{
	const json_t *looked = reading_list(l->r, "looked");
	int64_t back = reaches(l);
	struct buf at = BUF_INIT;
	char span[32];

	for (size_t i = 0; i < json_array_size(looked); i++)
		buf_printf(&at, "%s%s", i > 0 ? ", " : "",
		    json_string_value(json_array_get(looked, i)));
	if (back >= 0) {
		text_fmt_duration(span, back);
		buf_printf(&at, " of the last %s", span);
	}
	reading_say(l->r, LEVEL_OK, NULL, "%slooked at %s%s", l->bad ? "" :
	    "no I/O, file system or link errors; ", at.p,
	    l->of[S_LOG].v.n > 0 ? "" : "; its log is closed to us");
	buf_release(&at);
}

static bool
look_there(struct eye *eye, struct target *t, struct place_ran *ran,
    struct err *e)
{
	struct buf script = BUF_INIT;
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	bool ok;

	buf_str(&script, script_head);
	kernel_log_words(&script);
	buf_str(&script, script_tail);
	argv[2] = script.p;
	ok = eye_run(eye, t, argv, ran, e);
	buf_release(&script);
	return ok;
}

/* A server that offers files alone has a kernel that nobody sees. */
static bool
files_alone(struct eye *eye, struct target *t)
{
	struct place_stat st;
	struct place *p = eye_place(eye, t, NULL);

	return t->at != NULL && p != NULL && place_stat(p, ".", &st, NULL);
}

void
kernel_answer(const struct site *site, struct target *t, char *out,
    struct reading *r)
{
	struct look l = { .site = site, .t = t, .r = r };
	struct err e = ERR_INIT;

	if (t->memory == NULL)
		t->memory = xcalloc(1, sizeof *l.seen);
	l.seen = t->memory;
	sort_lines(&l, out);
	if (!l.of[S_END].there || l.of[S_MOUNTS].v.n == 0) {
		err_set(&e, ERR_FAILED, "nothing of the kernel can be read"
		    " there");
		reading_fail(r, &e);
		goto out;
	}
	reading_str(r, "place", t->at ? t->at->name : NULL);
	times(&l);
	mounts(&l);
	ext4(&l);
	btrfs(&l);
	raid(&l);
	network(&l);
	log_facts(&l);
	say_looked(&l);
out:
	for (int i = 0; i < SECTION_COUNT; i++)
		VEC_RELEASE(&l.of[i].v);
}

static void
kernel_read(struct eye *eye, struct target *t, struct reading *r)
{
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;
	char none[] = "";

	if (look_there(eye, t, &ran, &e))
		kernel_answer(eye->site, t, ran.out.n ? ran.out.p : none, r);
	else if (e.kind == ERR_FAILED && files_alone(eye, t))
		reading_say(r, LEVEL_OK, NULL, "not looked at: commands cannot"
		    " be run there");
	else
		reading_fail(r, &e);
	place_ran_release(&ran);
}

const struct probe probe_kernel = {
	.kind = "kernel",
	.what = "I/O errors, read-only file systems, RAID and links, by kernel",
	.every_ms = 60000,
	.deadline_ms = 10000,
	.count = kernel_count,
	.target = kernel_target,
	.read = kernel_read,
};
