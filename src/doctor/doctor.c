#include "doctor/doctor.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "doctor/intern.h"

static const struct check {
	const char *name;
	void (*look)(struct doctor *d);
	int64_t limit_ms;
} checks[] = {
#define X(id, name, seconds) { name, check_##id, (seconds) * 1000 },
	DOCTOR_CHECKS(X)
#undef X
};

enum { CHECKS = sizeof checks / sizeof *checks };

/* ---- findings ------------------------------------------------------------ */

const char *
doctor_level_name(enum doctor_level level)
{
	static const char *const names[] = { "ok", "warning", "error" };

	return names[level];
}

void
doctor_found(struct doctor *d, enum doctor_level level, const char *check,
    const char *fmt, ...)
{
	struct finding *f = VEC_NEW(&d->findings);
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	f->level = level;
	f->check = xstrdup(check);
	f->seen = buf_detach(&b);
	f->todo = xstrdup("");
}

void
doctor_todo(struct doctor *d, const char *fmt, ...)
{
	struct finding *f = &d->findings.v[d->findings.n - 1];
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	free(f->todo);
	f->todo = buf_detach(&b);
}

void
doctor_failed(struct doctor *d, enum doctor_level level, const char *check,
    const struct err *e, const char *otherwise)
{
	doctor_found(d, level, check, "%s", e->msg);
	doctor_todo(d, "%s", e->hint[0] != '\0' ? e->hint : otherwise);
}

size_t
doctor_count(const struct doctor *d, enum doctor_level level)
{
	size_t n = 0;

	for (size_t i = 0; i < d->findings.n; i++)
		n += d->findings.v[i].level == level;
	return n;
}

const struct site *
doctor_site(const struct doctor *d)
{
	return d->have_site ? &d->site : NULL;
}

void
doctor_pack(const struct doctor *d, struct buf *out)
{
	for (size_t i = 0; i < d->findings.n; i++) {
		const struct finding *f = &d->findings.v[i];

		buf_ch(out, (char)('0' + f->level));
		buf_add(out, f->check, strlen(f->check) + 1);
		buf_add(out, f->seen, strlen(f->seen) + 1);
		buf_add(out, f->todo, strlen(f->todo) + 1);
	}
}

void
doctor_unpack(struct doctor *d, const struct buf *in)
{
	const char *p = in->p, *end = p + in->n;

	while (p < end) {
		enum doctor_level level = (enum doctor_level)(*p - '0');
		const char *check = p + 1;
		const char *seen = check + strlen(check) + 1;
		const char *todo = seen + strlen(seen) + 1;

		doctor_found(d, level, check, "%s", seen);
		doctor_todo(d, "%s", todo);
		p = todo + strlen(todo) + 1;
	}
}

/* ---- the examination ----------------------------------------------------- */

/* In the child: its findings alone go back. */
static void
look(void *ctx, size_t i, struct buf *out)
{
	struct doctor *d = ctx;

	d->findings.n = 0;
	checks[i].look(d);
	doctor_pack(d, out);
}

static void
look_second(void *ctx, size_t i, struct buf *out)
{
	look(ctx, i + 1, out);
}

static void
look_rest(void *ctx, size_t i, struct buf *out)
{
	look(ctx, i + DOCTOR_FIRST, out);
}

static void
tell(struct doctor *d, const struct check *c, const struct crew_task *t)
{
	if (t->end == CREW_DONE) {
		doctor_unpack(d, &t->out);
		return;
	}
	if (t->end == CREW_LATE)
		doctor_found(d, DOCTOR_ERROR, c->name, "no answer within %d s",
		    (int)(c->limit_ms / 1000));
	else
		doctor_found(d, DOCTOR_ERROR, c->name, "the check itself "
		    "broke off");
	doctor_todo(d, "%s", t->end == CREW_LATE ? "Look for a disk or a mount "
	    "that does not answer: 'df' by hand hangs at the same place." :
	    "Run 'midwatch doctor' again; if it stays, report it.");
}

void
doctor_examine(struct doctor *d)
{
	struct crew_task t[CHECKS];

	memset(t, 0, sizeof t);
	for (size_t i = 0; i < CHECKS; i++)
		t[i].limit_ms = checks[i].limit_ms;
	crew_run(t, 1, look, d);
	crew_run(t + 1, 1, look_second, d);
	crew_run(t + DOCTOR_FIRST, CHECKS - DOCTOR_FIRST, look_rest, d);
	for (size_t i = 0; i < CHECKS; i++)
		tell(d, &checks[i], &t[i]);
	crew_release(t, CHECKS);
}

/* ---- beginning and end --------------------------------------------------- */

/* Before the site's own zone is put in its place. */
static char *
host_zone(void)
{
	const char *tz = getenv("TZ");
	char link[256];
	ssize_t n;
	const char *name;

	if (tz != NULL && tz[0] != '\0')
		return xstrdup(tz[0] == ':' ? tz + 1 : tz);
	n = readlink("/etc/localtime", link, sizeof link - 1);
	if (n <= 0)
		return xstrdup("UTC");
	link[n] = '\0';
	name = strstr(link, "zoneinfo/");
	return xstrdup(name != NULL ? name + strlen("zoneinfo/") : link);
}

static void
find_site(struct doctor *d, const char *config)
{
	struct buf path = BUF_INIT;

	if (site_find(config, &path, &d->site_err) != NULL) {
		d->site_path = xstrdup(path.p);
		d->have_site = site_load(&d->site, path.p);
		d->usage = !d->have_site;
		if (d->have_site && d->site.path != NULL) {
			free(d->site_path);
			d->site_path = xstrdup(d->site.path);
		}
	} else
		d->usage = d->site_err.kind != ERR_NOTFOUND || config != NULL;
	buf_release(&path);
	if (d->have_site && d->site.timezone != NULL)
		(void)clock_zone_set(d->site.timezone, NULL);
	else
		(void)clock_zone_set("UTC", NULL);
}

void
doctor_init(struct doctor *d, const char *config, const char *state)
{
	memset(d, 0, sizeof *d);
	d->state_option = state;
	d->host_zone = host_zone();
	find_site(d, config);
	/* a site file with a mistake in it does not say where the record is */
	if (d->usage && state == NULL)
		err_set(&d->state_err, ERR_USAGE, "not looked at: the site "
		    "file has to say where it is");
	else
		d->have_state = state_locate(&d->state, state, d->have_site ?
		    d->site.state : NULL, &d->state_err);
}

void
doctor_release(struct doctor *d)
{
	for (size_t i = 0; i < d->findings.n; i++) {
		free(d->findings.v[i].check);
		free(d->findings.v[i].seen);
		free(d->findings.v[i].todo);
	}
	VEC_RELEASE(&d->findings);
	site_release(&d->site);
	state_release(&d->state);
	free(d->site_path);
	free(d->host_zone);
	free(d->tonight);
	memset(d, 0, sizeof *d);
}
