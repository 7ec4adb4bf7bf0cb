/*
 * docker: what the engine could give back where the site lets us clean up, and
 * whether the containers that are places run. podman answers the same.
 *
 * data of "docker" (one target, named after its place), sizes in bytes:
 *	place		its name; left out: here
 *	engine		"docker", "podman"
 *	reclaimable	what cleaning up may free at most: never of volumes
 *	images, containers, volumes, cache
 *			each {"total", "active", "size", "reclaimable"}; volumes
 *			are never removed
 *
 * data of "container" (a target each):
 *	place		of its engine; left out: here
 *	container, engine, image
 *	there		the engine knows it
 *	state		"running", "exited", "restarting", "paused", "created",
 *			"dead", ...
 *	exit		of its last end
 *	oom		something in it was killed for lack of memory
 *	memory		its limit; left out: none
 *	restarts	how often the engine started it again
 *	since_ms	in this state, by the clocks of both; left out: not told
 *	health		"healthy", "unhealthy", "starting"; left out: no check
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "probe/answer.h"
#include "probe/said.h"

/* A container that the engine started again so lately may do so for ever. */
enum { FRESH_MS = 10 * 60 * 1000 };

static const char *
engine_of(int runtime)
{
	return runtime == SITE_PODMAN ? "podman" : "docker";
}

/* The engine's answer, or why there is none. */
static bool
ask(struct eye *eye, const struct target *t, const char *const *argv,
    struct place_ran *ran, struct err *e)
{
	char said[SAID_MAX];

	if (!eye_run(eye, t, argv, ran, e)) {
		if (e->sys_errno == ENOENT)
			err_hint(e, "install %s there, or correct the site"
			    " file", argv[0]);
		return false;
	}
	if (ran->exit.code == 0)
		return true;
	said_line(said, ran->errout.p, ran->errout.n);
	err_set(e, strstr(said, "o such ") ? ERR_NOTFOUND : ERR_FAILED,
	    "%s: exit %d%s%s", argv[0], ran->exit.code, *said ? ": " : "", said);
	if (ran->exit.code == 127)
		e->kind = ERR_FAILED;
	if (strstr(said, "permission denied"))
		return err_hint(e, "whoever logs in there must be allowed to"
		    " use %s (group docker)", argv[0]);
	return err_hint(e, "see whether the engine runs: systemctl status %s",
	    argv[0]);
}

static void
odd(struct reading *r, int runtime, const char *what)
{
	struct err e = ERR_INIT;

	err_set(&e, ERR_FAILED, "'%s %s' answers oddly", engine_of(runtime),
	    what);
	reading_fail(r, &e);
}

/* ---- what could be reclaimed ---------------------------------------------- */

static size_t
docker_count(const struct site *site)
{
	return site->cleanup.docker.line != 0;
}

static void
docker_target(const struct site *site, size_t i, struct target *ret)
{
	const struct site_docker *d = &site->cleanup.docker;

	(void)i;
	ret->name = d->at ? d->at : "here";
	ret->at = d->at ? site_place(site, d->at) : NULL;
	ret->row = d;
}

/* "3.918MB (40%)": docker counts in thousands, and tells it rounded; podman
 * has the number. -1: neither. */
static int64_t
bytes_of(const json_t *v)
{
	static const struct { const char *name; double n; } units[] = {
		{ "B", 1 }, { "kB", 1e3 }, { "KB", 1e3 }, { "MB", 1e6 },
		{ "GB", 1e9 }, { "TB", 1e12 }, { "PB", 1e15 } };
	const char *s = json_string_value(v);
	char unit[4] = "", *end = NULL;
	double n;

	if (json_is_integer(v))
		return json_integer_value(v) < 0 ? -1 : json_integer_value(v);
	if (s == NULL || *s < '0' || *s > '9')
		return -1;
	n = strtod(s, &end);
	for (size_t i = 0; i + 1 < sizeof unit && end[i] != '\0' &&
	    end[i] != ' '; i++)
		unit[i] = end[i];
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(unit, units[i].name) == 0 && n * units[i].n < 9e18)
			return (int64_t)(n * units[i].n);
	return -1;
}

static int64_t
count_of(const json_t *v)
{
	int64_t n;

	if (json_is_integer(v))
		return json_integer_value(v);
	return json_is_string(v) && text_int(json_string_value(v), 0,
	    INT64_MAX, &n) ? n : 0;
}

static const struct { const char *type, *key, *words; bool ours; } shares[] = {
	{ "Images", "images", "images", true },
	{ "Containers", "containers", "containers", true },
	{ "Build Cache", "cache", "build cache", true },
	{ "Local Volumes", "volumes", "volumes", false },
};

/* One line of the answer; false: it is none. */
static bool
share(struct reading *r, const char *line, size_t n, int64_t *sum,
    int64_t *volumes, struct buf *parts)
{
	json_t *o = json_read(line, n, NULL), *to, *total;
	const char *type = o ? json_get_str(o, "Type") : NULL;
	int64_t size, gain;
	char words[16];

	size = bytes_of(o ? json_object_get(o, "Size") : NULL);
	gain = bytes_of(o ? json_object_get(o, "Reclaimable") : NULL);
	if (type == NULL || size < 0 || gain < 0) {
		json_decref(o);
		return false;
	}
	total = json_object_get(o, "TotalCount");
	if (total == NULL)
		total = json_object_get(o, "Total");
	for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
		if (strcmp(type, shares[i].type) != 0)
			continue;
		to = json_object();
		json_object_set_new(to, "total", json_integer(count_of(total)));
		json_object_set_new(to, "active", json_integer(count_of(
		    json_object_get(o, "Active"))));
		json_object_set_new(to, "size", json_integer(size));
		json_object_set_new(to, "reclaimable", json_integer(gain));
		json_object_set_new(r->data, shares[i].key, to);
		if (!shares[i].ours)
			*volumes = size;
		else if (gain > 0 && *sum <= INT64_MAX - gain) {
			*sum += gain;
			text_fmt_size(words, gain);
			buf_printf(parts, "%s%s %s", parts->n ? ", " : "",
			    shares[i].words, words);
		}
	}
	json_decref(o);
	return true;
}

void
docker_answer(const struct site_docker *d, const char *s, size_t n,
    struct reading *r)
{
	struct buf parts = BUF_INIT;
	int64_t sum = 0, volumes = 0;
	size_t lines = 0;
	char all[16], kept[16];

	for (size_t at = 0; at < n;) {
		const char *line = s + at, *nl = memchr(line, '\n', n - at);
		size_t len = nl ? (size_t)(nl - line) : n - at;

		lines += len > 0 &&
		    share(r, line, len, &sum, &volumes, &parts);
		at += len + 1;
	}
	if (lines == 0) {
		odd(r, d->runtime, "system df");
		return;
	}
	reading_str(r, "place", d->at);
	reading_str(r, "engine", engine_of(d->runtime));
	reading_int(r, "reclaimable", sum);
	text_fmt_size(all, sum);
	text_fmt_size(kept, volumes);
	reading_say(r, LEVEL_OK, NULL, "%s%s could be reclaimed%s%s%s%s%s%s",
	    d->images == SITE_IMAGES_DANGLING && sum > 0 ? "at most " : "",
	    sum > 0 ? all : "nothing", parts.n ? " (" : "", parts.p,
	    parts.n ? ")" : "", volumes > 0 ? "; volumes hold " : "",
	    volumes > 0 ? kept : "", volumes > 0 ? " and stay" : "");
	buf_release(&parts);
}

static void
docker_read(struct eye *eye, struct target *t, struct reading *r)
{
	const struct site_docker *d = t->row;
	const char *argv[] = { engine_of(d->runtime), "system", "df",
		"--format", "{{json .}}", NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;

	if (ask(eye, t, argv, &ran, &e))
		docker_answer(d, ran.out.p, ran.out.n, r);
	else
		reading_fail(r, &e);
	place_ran_release(&ran);
}

const struct probe probe_docker = {
	.kind = "docker",
	.what = "what cleaning up containers and images could give back",
	.every_ms = 300000,
	.deadline_ms = 60000,
	.count = docker_count,
	.target = docker_target,
	.read = docker_read,
	.alone = true,		/* it walks all that the engine has */
};

/* ---- containers ----------------------------------------------------------- */

static size_t
container_count(const struct site *site)
{
	size_t n = 0;

	for (size_t k = 0; k < site_places(site); k++)
		n += site_place_at(site, k)->container != NULL;
	return n;
}

static void
container_target(const struct site *site, size_t i, struct target *ret)
{
	for (size_t k = 0; k < site_places(site); k++) {
		const struct site_place *p = site_place_at(site, k);

		if (p->container == NULL || i-- != 0)
			continue;
		ret->name = p->name;
		ret->at = p->at ? site_place(site, p->at) : NULL;
		ret->row = p;
		return;
	}
}

struct box {
	const char *state, *health, *said;
	int64_t exit, restarts, memory, since, now;
	bool oom;
};

/* "2026-11-21T07:45:00.201735937Z" or with an offset: the fraction goes. 0: it
 * never was. */
static int64_t
moment(const char *s, int64_t now)
{
	char whole[40];
	const char *rest;
	int64_t ms;

	if (s == NULL || strlen(s) < 20 || s[0] != '2')
		return 0;
	rest = s + 19;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	(void)snprintf(whole, sizeof whole, "%.19s%.10s", s, rest);
	return clock_parse(whole, now, &ms, NULL) ? ms : 0;
}

static bool
box_of(const json_t *o, struct box *b, int64_t now)
{
	const json_t *state = json_object_get(o, "state"), *health, *log;

	*b = (struct box){ .state = json_get_str(state, "Status"), .now = now };
	if (b->state == NULL)
		return false;
	b->exit = json_get_int(state, "ExitCode", 0);
	b->oom = json_get_bool(state, "OOMKilled");
	b->restarts = json_get_int(o, "restarts", 0);
	b->memory = json_get_int(o, "memory", 0);
	b->since = moment(json_get_str(state, strcmp(b->state, "exited") == 0 ||
	    strcmp(b->state, "dead") == 0 ? "FinishedAt" : "StartedAt"), now);
	health = json_object_get(state, "Health");
	if (health == NULL)
		health = json_object_get(state, "Healthcheck");	/* old podman */
	b->health = json_get_str(health, "Status");
	if (b->health != NULL && (*b->health == '\0' ||
	    strcmp(b->health, "none") == 0))
		b->health = NULL;
	log = json_object_get(health, "Log");
	if (json_array_size(log) > 0)
		b->said = json_get_str(json_array_get(log,
		    json_array_size(log) - 1), "Output");
	return true;
}

static void
box_facts(struct reading *r, const struct site_place *p, const struct box *b)
{
	reading_str(r, "place", p->at);
	reading_str(r, "container", p->container);
	reading_str(r, "engine", engine_of(p->runtime));
	reading_bool(r, "there", b != NULL);
	if (b == NULL)
		return;
	reading_str(r, "state", b->state);
	reading_int(r, "exit", b->exit);
	reading_bool(r, "oom", b->oom);
	if (b->memory > 0)
		reading_int(r, "memory", b->memory);
	reading_int(r, "restarts", b->restarts);
	if (b->since > 0)
		reading_int(r, "since_ms", b->now > b->since ?
		    b->now - b->since : 0);
	reading_str(r, "health", b->health);
}

/* " 5 min ago", "": nobody knows. */
static const char *
ago(char out[48], const struct box *b, const char *before, const char *after)
{
	char span[32];

	out[0] = '\0';
	if (b->since > 0 && b->now >= b->since) {
		text_fmt_duration(span, b->now - b->since);
		(void)snprintf(out, 48, "%s%s%s", before, span, after);
	}
	return out;
}

static void
say_down(struct reading *r, const struct site_place *p, const struct box *b)
{
	const char *engine = engine_of(p->runtime), *at = p->at ? p->at :
	    "this host";
	char when[48], limit[48] = "", size[16], next[300];

	(void)snprintf(next, sizeof next, "at %s: %s logs --tail 50 %s, then"
	    " %s start %s", at, engine, p->container, engine, p->container);
	if (b->memory > 0) {
		text_fmt_size(size, b->memory);
		(void)snprintf(limit, sizeof limit, " (its limit: %s)", size);
	}
	if (strcmp(b->state, "paused") == 0) {
		(void)snprintf(next, sizeof next, "at %s: %s unpause %s", at,
		    engine, p->container);
		reading_say(r, LEVEL_CRITICAL, next, "paused: nothing in it"
		    " runs");
	} else if (strcmp(b->state, "restarting") == 0) {
		(void)snprintf(next, sizeof next, "at %s: %s logs --tail 50 %s",
		    at, engine, p->container);
		reading_say(r, LEVEL_CRITICAL, next, "restarting: it ends with"
		    " exit %lld, restarts: %lld", (long long)b->exit,
		    (long long)b->restarts);
	} else if (strcmp(b->state, "created") == 0 ||
	    strcmp(b->state, "configured") == 0)
		reading_say(r, LEVEL_CRITICAL, next, "it was made and never"
		    " started");
	else
		reading_say(r, LEVEL_CRITICAL, next, "%s%s with exit %lld%s%s%s",
		    b->state, ago(when, b, " ", " ago"), (long long)b->exit,
		    b->oom ? ", killed for lack of memory" :
		    b->exit == 137 ? " (killed)" : "",
		    b->oom ? limit : "", b->restarts > 0 ?
		    ", and had been restarted before" : "");
}

static void
say_running(struct reading *r, const struct site_place *p, const struct box *b)
{
	char when[48], line[SAID_MAX] = "", next[300];

	(void)snprintf(next, sizeof next, "at %s: %s logs --tail 50 %s", p->at ?
	    p->at : "this host", engine_of(p->runtime), p->container);
	if (b->health != NULL && strcmp(b->health, "unhealthy") == 0) {
		if (b->said != NULL)
			said_line(line, b->said, strlen(b->said));
		reading_say(r, LEVEL_WARNING, next, "its own check says"
		    " unhealthy%s%s", *line ? ": " : "", line);
	}
	if (b->oom)
		reading_say(r, LEVEL_WARNING, next, "something in it was killed"
		    " for lack of memory");
	if (b->restarts > 0 && b->since > 0 && b->now - b->since < FRESH_MS)
		reading_say(r, LEVEL_WARNING, next, "restarts: %lld%s",
		    (long long)b->restarts, ago(when, b, ", the last ", " ago"));
	reading_say(r, LEVEL_OK, NULL, "running%s", ago(when, b, " for ", ""));
}

void
container_answer(const struct site_place *p, const char *s, size_t n,
    int64_t now, struct reading *r)
{
	json_t *o = json_read(s, n, NULL);
	struct box b;

	if (o == NULL || !box_of(o, &b, now)) {
		odd(r, p->runtime, "inspect");
	} else {
		box_facts(r, p, &b);
		reading_str(r, "image", json_get_str(o, "image"));
		if (strcmp(b.state, "running") == 0)
			say_running(r, p, &b);
		else
			say_down(r, p, &b);
	}
	json_decref(o);
}

static void
container_read(struct eye *eye, struct target *t, struct reading *r)
{
	static const char template[] = "{\"state\":{{json .State}},"
	    "\"restarts\":{{json .RestartCount}},"
	    "\"image\":{{json .Config.Image}},"
	    "\"memory\":{{json .HostConfig.Memory}}}";
	const struct site_place *p = t->row;
	const char *argv[] = { engine_of(p->runtime), "inspect", "--type",
		"container", "--format", template, "--", p->container, NULL };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;

	if (ask(eye, t, argv, &ran, &e)) {
		container_answer(p, ran.out.p, ran.out.n, eye->now, r);
	} else if (e.kind == ERR_NOTFOUND && ran.exit.code != 0) {
		box_facts(r, p, NULL);
		reading_say(r, LEVEL_CRITICAL, "see what runs there (docker ps"
		    " -a), or correct the name in the site file",
		    "there is no container '%s'", p->container);
	} else {
		reading_fail(r, &e);
	}
	place_ran_release(&ran);
}

const struct probe probe_container = {
	.kind = "container",
	.what = "whether the containers of the site run",
	.every_ms = 30000,
	.deadline_ms = 5000,
	.count = container_count,
	.target = container_target,
	.read = container_read,
};
