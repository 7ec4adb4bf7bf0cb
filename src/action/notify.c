#include "action/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"

enum { POINTS = 2, CALM = 2, FILE_MAX = 1 << 20, BLOCK = 8192 };

/* What one reading says about one trigger. */
enum sign { SIGN_NONE, SIGN_BAD, SIGN_NEAR, SIGN_GOOD };

/* ---- readings to triggers ------------------------------------------------------- */

static enum sign
over(const struct reading *r, const char *threshold)
{
	int64_t limit = json_get_int(r->data, threshold, 101);
	int64_t full = json_get_int(r->data, "percent", -1);
	int64_t inodes = json_get_int(r->data, "inodes_percent", -1);

	if (inodes > full)
		full = inodes;
	return full < 0 ? SIGN_NONE : full >= limit ? SIGN_BAD :
	    full > limit - POINTS ? SIGN_NEAR : SIGN_GOOD;
}

static enum sign
sign_disk_warn(const struct reading *r)
{
	return over(r, "warn");
}

static enum sign
sign_disk_high(const struct reading *r)
{
	return over(r, "high");
}

static enum sign
sign_disk_critical(const struct reading *r)
{
	return over(r, "critical");
}

/* Of a yes-or-no among the facts. */
static enum sign
yes_is(const struct reading *r, const char *key, enum sign yes)
{
	const json_t *v = json_object_get(r->data, key);
	enum sign no = yes == SIGN_BAD ? SIGN_GOOD : SIGN_BAD;

	return !json_is_boolean(v) ? SIGN_NONE : json_is_true(v) ? yes : no;
}

static enum sign
sign_login(const struct reading *r)
{
	return yes_is(r, "can_login", SIGN_GOOD);
}

static enum sign
sign_nightly_missed(const struct reading *r)
{
	return yes_is(r, "missed", SIGN_BAD);
}

static enum sign
sign_nightly_failed(const struct reading *r)
{
	return yes_is(r, "failed", SIGN_BAD);
}

static enum sign
sign_size(const struct reading *r)
{
	return yes_is(r, "size_anomaly", SIGN_BAD);
}

/* The gravest of a kind first: who is told of it is not told of the lesser. */
static const struct {
	const char *kind;
	enum site_trigger trigger;
	enum sign (*sign)(const struct reading *r);
} rules[] = {
	{ "disk", SITE_TRIGGER_DISK_CRITICAL, sign_disk_critical },
	{ "disk", SITE_TRIGGER_DISK_HIGH, sign_disk_high },
	{ "disk", SITE_TRIGGER_DISK_WARN, sign_disk_warn },
	{ "database", SITE_TRIGGER_LOGIN_FAILED, sign_login },
	{ "schedule", SITE_TRIGGER_NIGHTLY_FAILED, sign_nightly_failed },
	{ "schedule", SITE_TRIGGER_NIGHTLY_MISSED, sign_nightly_missed },
	{ "backup", SITE_TRIGGER_SIZE_ANOMALY, sign_size },
};
enum { RULES = sizeof rules / sizeof *rules };

/* ---- what was told ---------------------------------------------------------------- */

static struct notice *
find(struct notify *n, enum site_trigger trigger, const char *kind,
    const char *name)
{
	for (size_t i = 0; i < n->v.n; i++)
		if (n->v.v[i].trigger == trigger &&
		    strcmp(n->v.v[i].kind, kind) == 0 &&
		    strcmp(n->v.v[i].name, name) == 0)
			return &n->v.v[i];
	return NULL;
}

static void
notice_release(struct notice *o)
{
	free(o->kind);
	free(o->name);
	for (size_t k = 0; k < o->knows.n; k++)
		free(o->knows.v[k]);
	VEC_RELEASE(&o->knows);
}

static void
drop(struct notify *n, size_t i)
{
	notice_release(&n->v.v[i]);
	n->v.v[i] = n->v.v[--n->v.n];
}

static bool
knows(const struct notice *o, const char *who)
{
	for (size_t i = 0; i < o->knows.n; i++)
		if (strcmp(o->knows.v[i], who) == 0)
			return true;
	return false;
}

/* Knows of it from now on, or of its end. */
static void
knows_now(struct notice *o, const char *who)
{
	if (!o->cleared && !knows(o, who))
		VEC_PUSH(&o->knows, xstrdup(who));
	for (size_t i = o->knows.n; o->cleared && i-- > 0;)
		if (strcmp(o->knows.v[i], who) == 0) {
			free(o->knows.v[i]);
			o->knows.v[i] = o->knows.v[--o->knows.n];
		}
}

static void
load_one(struct notify *n, const json_t *o, const char *kind, const char *name,
    enum site_trigger trigger)
{
	struct notice *new = VEC_NEW(&n->v);
	const json_t *who;
	size_t i;

	new->trigger = trigger;
	new->kind = xstrdup(kind);
	new->name = xstrdup(name);
	new->since = json_get_int(o, "since_ms", 0);
	new->calm = (int)json_get_int(o, "calm", 0);
	json_array_foreach(json_object_get(o, "knows"), i, who)
		if (json_is_string(who))
			knows_now(new, json_string_value(who));
	new->cleared = json_get_bool(o, "cleared");
	new->told = json_get_bool(o, "told");
}

static void
load(struct notify *n, const char *path)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	json_t *all = NULL, *o;
	size_t i;

	if (file_read(path, &b, FILE_MAX, &e))
		all = json_read(b.p, b.n, &e);
	json_array_foreach(json_object_get(all, "notices"), i, o) {
		const char *word = json_get_str(o, "trigger");
		const char *kind = json_get_str(o, "kind");
		const char *name = json_get_str(o, "name");

		for (int t = 0; t < SITE_TRIGGER_COUNT && word != NULL &&
		    kind != NULL && name != NULL; t++)
			if (strcmp(site_triggers[t], word) == 0)
				load_one(n, o, kind, name,
				    (enum site_trigger)t);
	}
	json_decref(all);
	buf_release(&b);
}

/* The first rule of a full disk: nobody is told again and again because of it. */
static bool
rewrite(const char *path, const struct buf *b, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	bool ok = fd >= 0 && fstat(fd, &st) == 0 && st.st_size == (off_t)b->n &&
	    io_pwrite_all(fd, b->p, b->n, 0);

	io_close(&fd);
	if (ok)
		err_clear(e);
	return ok;
}

static bool
save(const struct notify *n, const char *path, struct err *e)
{
	struct buf b = BUF_INIT;
	bool ok;

	json_open(&b);
	json_key(&b, "notices");
	json_open_list(&b);
	for (size_t i = 0; i < n->v.n; i++) {
		const struct notice *o = &n->v.v[i];

		json_comma(&b);
		json_open(&b);
		json_put_str(&b, "trigger", site_triggers[o->trigger]);
		json_put_str(&b, "kind", o->kind);
		json_put_str(&b, "name", o->name);
		json_put_int(&b, "since_ms", o->since);
		json_put_bool(&b, "cleared", o->cleared);
		json_put_bool(&b, "told", o->told);
		json_put_int(&b, "calm", o->calm);
		json_key(&b, "knows");
		json_open_list(&b);
		for (size_t k = 0; k < o->knows.n; k++) {
			json_comma(&b);
			json_text(&b, o->knows.v[k]);
		}
		json_close_list(&b);
		json_close(&b);
	}
	json_close_list(&b);
	json_close(&b);
	/* always of one size, as long as that is enough */
	while (b.n % BLOCK != BLOCK - 1)
		buf_ch(&b, ' ');
	buf_ch(&b, '\n');
	ok = file_replace(path, b.p, b.n, 0660, e) || rewrite(path, &b, e);
	buf_release(&b);
	return ok;
}

/* ---- a change ---------------------------------------------------------------------- */

static void
note_sign(struct notify *n, enum site_trigger trigger,
    const struct reading *r, enum sign sign)
{
	struct notice *o = find(n, trigger, r->kind, r->name);
	bool steady = strcmp(r->kind, "disk") == 0;

	if (sign == SIGN_BAD && o == NULL) {
		VEC_PUSH(&n->v, ((struct notice){ .trigger = trigger,
		    .kind = xstrdup(r->kind), .name = xstrdup(r->name),
		    .since = r->at }));
	} else if (o == NULL || sign == SIGN_NONE || sign == SIGN_NEAR)
		;
	else if (sign == SIGN_BAD) {
		o->calm = 0;
		/* it came back before the all-clear could be given */
		if (o->cleared) {
			o->cleared = false;
			o->told = false;
		}
	} else if (!o->cleared && (++o->calm >= CALM || steady)) {
		/* who was never told of it needs no all-clear */
		o->cleared = true;
		o->told = o->knows.n == 0;
	}
}

/* Who needs not be told: of what they know, and of the end of what they do not.
 * Who was told of something graver just now knows of this as well. */
static void
who_knows(struct notice *o, const struct site *site, const struct told *graver,
    struct told *ret)
{
	for (size_t i = 0; i < site_contacts(site); i++) {
		const struct site_contact *who = site_contact_at(site, i);
		bool heard = told_has(graver, who);

		if (heard || knows(o, who->who) != o->cleared)
			VEC_PUSH(&ret->v, ((struct told_one){ .who = who }));
		if (heard && (who->triggers & 1u << o->trigger) != 0)
			knows_now(o, who->who);
	}
}

static bool
tell_one(struct notify *n, struct notice *o, const struct site *site,
    const struct state *state, const struct reading *r,
    const struct told *graver, const char *incident, int64_t deadline_ms)
{
	struct told told = { 0 }, except = { 0 };
	struct buf subject = BUF_INIT;
	bool all = true;

	who_knows(o, site, graver, &except);

	if (o->cleared)
		buf_printf(&subject, "all-clear for %s: ",
		    site_triggers[o->trigger]);
	buf_printf(&subject, "%s %s: %s", r->kind, r->name, r->text != NULL ?
	    r->text : r->error != NULL ? r->error : "");
	struct tell t = { .trigger = o->trigger, .subject = subject.p,
	    .text = r->next, .incident = incident, .clear = o->cleared };
	tell_people(site, state, &t, &except, deadline_ms, &told);
	for (size_t i = 0; i < told.v.n; i++) {
		if (told.v.v[i].how == TOLD_FAILED)
			all = false;
		else
			knows_now(o, told.v.v[i].who->who);
		VEC_PUSH(&n->told.v, told.v.v[i]);
	}
	told_release(&told);
	told_release(&except);
	buf_release(&subject);
	return all;
}

static void
handle(struct notify *n, const struct site *site, const struct state *state,
    const struct reading *r, const char *incident, int64_t deadline_ms)
{
	size_t before = n->told.v.n;
	struct told mine = { 0 };

	for (size_t i = 0; i < RULES && r->error == NULL; i++)
		if (strcmp(rules[i].kind, r->kind) == 0)
			note_sign(n, rules[i].trigger, r, rules[i].sign(r));
	for (size_t i = 0; i < RULES; i++) {
		struct notice *o = find(n, rules[i].trigger, r->kind, r->name);

		if (o == NULL || o->told || strcmp(rules[i].kind, r->kind) != 0)
			continue;
		o->told = tell_one(n, o, site, state, r, &mine, incident,
		    deadline_ms);
		for (; before < n->told.v.n; before++)
			VEC_PUSH(&mine.v, n->told.v.v[before]);
	}
	told_release(&mine);
}

bool
notify_run(struct notify *n, const struct site *site,
    const struct state *state, const struct readings *all,
    const char *incident, int64_t deadline_ms, struct err *e)
{
	char *path = state_path(state, "notify.json");
	int lock = state_lock_file(state, "notify", e);
	/* a disk that is full or broken is what people are to be told of */
	bool broken = lock < 0 && (e->sys_errno == ENOSPC ||
	    e->sys_errno == EDQUOT || e->sys_errno == EROFS ||
	    e->sys_errno == EIO);
	bool ok = false;

	*n = (struct notify){ 0 };
	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0)
		err_set(e, ERR_BUSY, "another run is telling people just now");
	else if (lock >= 0 || broken) {
		load(n, path);
		for (size_t i = 0; i < all->v.n; i++)
			handle(n, site, state, &all->v.v[i], incident,
			    deadline_ms);
		for (size_t i = n->v.n; i-- > 0;)
			if (n->v.v[i].cleared && n->v.v[i].told)
				drop(n, i);
		ok = save(n, path, e);
	}
	io_close(&lock);
	free(path);
	return ok;
}

bool
notify_known(const struct state *state, enum site_trigger trigger,
    const char *kind, const char *name, const struct told *told,
    struct err *e)
{
	char *path = state_path(state, "notify.json");
	int lock = state_lock_file(state, "notify", e);
	struct notify n = { 0 };
	struct notice *o;
	bool ok = false;

	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0)
		err_set(e, ERR_BUSY, "another run is telling people just now");
	else if (lock >= 0) {
		load(&n, path);
		o = find(&n, trigger, kind, name);
		if (o == NULL) {
			o = VEC_NEW(&n.v);
			*o = (struct notice){ .trigger = trigger,
				.kind = xstrdup(kind), .name = xstrdup(name),
				.since = clock_wall_ms() };
		}
		o->cleared = false;
		o->calm = 0;
		o->told = true;
		for (size_t i = 0; i < told->v.n; i++)
			if (told->v.v[i].how == TOLD_FAILED)
				o->told = false;
			else
				knows_now(o, told->v.v[i].who->who);
		ok = save(&n, path, e);
	}
	io_close(&lock);
	free(path);
	notify_release(&n);
	return ok;
}

void
notify_release(struct notify *n)
{
	for (size_t i = 0; i < n->v.n; i++)
		notice_release(&n->v.v[i]);
	VEC_RELEASE(&n->v);
	told_release(&n->told);
}
