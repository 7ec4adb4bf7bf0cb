/* What of an engine's things may go. */
#include "cleanup/engines.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"

struct judge {
	struct clean_plan *p;
	const struct clean_part *part;
	const struct site_docker *how;
	size_t n;
	struct engines_list boxes, images, nets, sizes, cache;
	/* why it stays; NULL: it goes */
	char **box_why, **image_why, **net_why, **cache_why;
};

/* "2026-11-21T07:45:00.201735937Z", "2026-11-21 11:03:26.5 +0000 UTC"; 0: never,
 * or unreadable. */
static int64_t
moment(const char *s, int64_t now)
{
	const char *zone;
	char whole[40];
	int64_t ms;

	if (s == NULL || strlen(s) < 20 || s[0] != '2')
		return 0;
	zone = s + 19;
	if (*zone == '.')
		zone += 1 + strspn(zone + 1, "0123456789");
	zone += *zone == ' ';
	if (strncmp(zone, "+0000", 5) == 0)
		zone = "Z";
	if (strspn(zone + (*zone == '+' || *zone == '-'), "0123456789") == 4)
		(void)snprintf(whole, sizeof whole, "%.10sT%.8s%.3s:%.2s", s,
		    s + 11, zone, zone + 3);
	else
		(void)snprintf(whole, sizeof whole, "%.10sT%.8s%.6s", s, s + 11,
		    zone);
	return clock_parse(whole, now, &ms, NULL) ? ms : 0;
}

/* "3.01MB": docker counts in thousands. */
static int64_t
bytes_of(const json_t *v)
{
	static const struct {
		const char *name;
		double n;
	} units[] = { { "B", 1 }, { "kB", 1e3 }, { "KB", 1e3 }, { "MB", 1e6 },
		{ "GB", 1e9 }, { "TB", 1e12 } };
	const char *s = json_string_value(v);
	char *end = NULL;
	double n;

	if (json_is_integer(v))
		return json_integer_value(v);
	if (s == NULL || *s < '0' || *s > '9')
		return 0;
	n = strtod(s, &end);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].name) == 0 && n * units[i].n < 9e18)
			return (int64_t)(n * units[i].n);
	return 0;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
at_of(const struct judge *j, enum clean_kind kind, const json_t *o)
{
	int64_t now = j->p->ask.now;
	int64_t at = moment(json_get_str(o, kind == CLEAN_CACHE ? "CreatedAt" :
	    "Created"), now);

	if (kind == CLEAN_NETWORK && at == 0)
		at = moment(json_get_str(o, "created"), now);
	if (kind == CLEAN_CONTAINER)
		at = later(at, moment(json_get_str(json_object_get(o, "State"),
		    "FinishedAt"), now));
	else if (kind == CLEAN_IMAGE)
		at = later(at, moment(json_get_str(json_object_get(o,
		    "Metadata"), "LastTagTime"), now));
	else if (kind == CLEAN_CACHE)
		at = later(at, moment(json_get_str(o, "LastUsedAt"), now));
	return at;
}

/* NULL: it is old enough. */
static char *
young(const struct judge *j, enum clean_kind kind, const json_t *o)
{
	int64_t at = at_of(j, kind, o);
	char age[32];

	if (at == 0 && kind != CLEAN_IMAGE)
		return xstrdup("its age is not known");
	if (at <= j->p->ask.now - j->how->until_ms)
		return NULL;
	text_fmt_duration(age, j->how->until_ms);
	return xprintf("it is younger than %s", age);
}

static char *
fallback(const struct judge *j)
{
	return xprintf("it may hold a backup, and %s has no verified copy%s",
	    j->p->lacking, j->p->ask.opened > 0 ?
	    " made since the incident opened" : "");
}

/* ---- containers ------------------------------------------------------------------- */

static void
label_box(const json_t *o, struct buf *out)
{
	const char *name = json_get_str(o, "Name");
	const char *image = json_get_str(json_object_get(o, "Config"), "Image");

	buf_printf(out, "%s", name != NULL ? name + (*name == '/') : "?");
	if (image != NULL)
		buf_printf(out, " of %s", image);
}

static void
judge_boxes(struct judge *j)
{
	for (size_t i = 0; i < j->boxes.v.n; i++) {
		const json_t *o = j->boxes.v.v[i];
		const struct site_place *named = engines_named(j->p->ask.site,
		    o);
		struct buf why = BUF_INIT;

		if (named != NULL)
			buf_printf(&why, "the place '%s' of the site names it",
			    named->name);
		else if (engines_is_running(o))
			buf_str(&why, "it runs");
		else if ((j->box_why[i] = young(j, CLEAN_CONTAINER, o)) != NULL)
			;
		else if (j->p->lacking != NULL)
			j->box_why[i] = fallback(j);
		else
			(void)engines_holds_data(j->part, o, &why);
		if (why.n > 0)
			j->box_why[i] = buf_detach(&why);
		buf_release(&why);
	}
}

/* ---- images ------------------------------------------------------------------------- */

static bool
same_image(const char *a, const char *b)
{
	a += text_starts(a, "sha256:") ? 7 : 0;
	b += text_starts(b, "sha256:") ? 7 : 0;
	return strcmp(a, b) == 0;
}

static const char *
string_at(const json_t *list, size_t i)
{
	const char *s = json_string_value(json_array_get(list, i));

	return s != NULL ? s : "";
}

static void
label_image(const json_t *o, struct buf *out)
{
	const json_t *tags = json_object_get(o, "RepoTags");

	for (size_t i = 0; i < json_array_size(tags); i++)
		buf_printf(out, "%s%s", i > 0 ? " " : "", string_at(tags, i));
	if (out->n == 0)
		buf_str(out, "without a name");
}

/* A container that stays and was made of it. */
static const json_t *
user_of(const struct judge *j, const json_t *image)
{
	for (size_t i = 0; i < j->boxes.v.n; i++) {
		const char *id = json_get_str(j->boxes.v.v[i], "Image");

		if (j->box_why[i] != NULL && id != NULL &&
		    same_image(id, engines_id(image)))
			return j->boxes.v.v[i];
	}
	return NULL;
}

/* "nginx:1.25", "nginx" of a place that is named so. */
static const char *
place_of_image(const struct judge *j, const json_t *image)
{
	const json_t *tags = json_object_get(image, "RepoTags");

	for (size_t i = 0; i < site_places(j->p->ask.site); i++) {
		const struct site_place *p = site_place_at(j->p->ask.site, i);
		size_t n = p->container != NULL ? strlen(p->container) : 0;

		for (size_t k = 0; n > 0 && k < json_array_size(tags); k++) {
			const char *tag = string_at(tags, k);

			if (strncmp(tag, p->container, n) == 0 &&
			    (tag[n] == '\0' || tag[n] == ':'))
				return p->name;
		}
	}
	return NULL;
}

static void
judge_image(struct judge *j, size_t i)
{
	const json_t *o = j->images.v.v[i], *box = user_of(j, o);
	const char *named = place_of_image(j, o);
	struct buf why = BUF_INIT;

	if (box != NULL) {
		buf_str(&why, "the container ");
		label_box(box, &why);
		buf_str(&why, " needs it");
	} else if (named != NULL)
		buf_printf(&why, "the place '%s' of the site names it", named);
	else if (j->how->images == SITE_IMAGES_DANGLING &&
	    json_array_size(json_object_get(o, "RepoTags")) > 0)
		buf_str(&why, "it has a name, and images = \"dangling\"");
	else if ((j->image_why[i] = young(j, CLEAN_IMAGE, o)) != NULL)
		;
	else if (j->p->lacking != NULL &&
	    json_array_size(json_object_get(o, "RepoDigests")) == 0)
		j->image_why[i] = fallback(j);
	if (why.n > 0)
		j->image_why[i] = buf_detach(&why);
	buf_release(&why);
}

/* What is built upon must outlive what is built upon it. */
static void
keep_parents(struct judge *j, struct engines_list *l, char **why)
{
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = 0; i < l->v.n; i++) {
			const char *up = json_get_str(l->v.v[i], "Parent");

			for (size_t k = 0; why[i] != NULL && up != NULL &&
			    *up != '\0' && k < l->v.n; k++)
				if (why[k] == NULL && strcmp(up,
				    engines_id(l->v.v[k])) == 0) {
					why[k] = xstrdup("something that stays "
					    "is built upon it");
					again = true;
				}
		}
	}
	(void)j;
}

/* ---- networks ------------------------------------------------------------------------- */

static bool
on_network(const json_t *box, const json_t *net)
{
	const json_t *all = json_object_get(json_object_get(box,
	    "NetworkSettings"), "Networks"), *x;
	const char *name = json_get_str(net, "Name"), *key;
	json_t *copy = json_copy((json_t *)(uintptr_t)all);
	bool found = false;

	json_object_foreach(copy, key, x) {
		const char *id = json_get_str(x, "NetworkID");

		found = found || (name != NULL && strcmp(key, name) == 0) ||
		    (id != NULL && strcmp(id, engines_id(net)) == 0);
	}
	json_decref(copy);
	return found;
}

static void
judge_nets(struct judge *j)
{
	static const char *const own[] = { "bridge", "host", "none", "podman",
		"ingress", "docker_gwbridge" };

	for (size_t i = 0; i < j->nets.v.n; i++) {
		const json_t *o = j->nets.v.v[i];
		const char *name = json_get_str(o, "Name");
		const char *scope = json_get_str(o, "Scope");

		if (name == NULL || text_in(name, own,
		    sizeof own / sizeof *own) || (scope != NULL &&
		    strcmp(scope, "local") != 0))
			j->net_why[i] = xstrdup("it is not this engine's to "
			    "remove");
		else if (json_object_size(json_object_get(o, "Containers")) > 0)
			j->net_why[i] = xstrdup("a container is on it");
		else
			j->net_why[i] = young(j, CLEAN_NETWORK, o);
		for (size_t k = 0; j->net_why[i] == NULL &&
		    k < j->boxes.v.n; k++)
			if (j->box_why[k] != NULL &&
			    on_network(j->boxes.v.v[k], o))
				j->net_why[i] = xstrdup("a container that "
				    "stays is on it");
	}
}

/* ---- build cache -------------------------------------------------------------------- */

static bool
is_true(const json_t *o, const char *key)
{
	const char *s = json_get_str(o, key);

	return json_get_bool(o, key) || (s != NULL && strcmp(s, "true") == 0);
}

static void
judge_cache(struct judge *j)
{
	for (size_t i = 0; i < j->cache.v.n; i++) {
		const json_t *o = j->cache.v.v[i];

		if (is_true(o, "InUse"))
			j->cache_why[i] = xstrdup("a build uses it");
		else if (j->how->images == SITE_IMAGES_DANGLING &&
		    is_true(o, "Shared"))
			j->cache_why[i] = xstrdup("an image shares it");
		else
			j->cache_why[i] = young(j, CLEAN_CACHE, o);
	}
	keep_parents(j, &j->cache, j->cache_why);
}

/* ---- the list ------------------------------------------------------------------------- */

static int64_t
size_of(const struct judge *j, enum clean_kind kind, const json_t *o)
{
	if (kind == CLEAN_CONTAINER)
		return json_get_int(o, "SizeRw", 0);
	if (kind == CLEAN_CACHE)	/* what is shared goes with the image */
		return is_true(o, "Shared") ? 0 :
		    bytes_of(json_object_get(o, "Size"));
	if (kind != CLEAN_IMAGE)
		return 0;
	for (size_t i = 0; i < j->sizes.v.n; i++)
		if (same_image(engines_id(j->sizes.v.v[i]), engines_id(o)))
			return bytes_of(json_object_get(j->sizes.v.v[i],
			    "UniqueSize"));
	return json_get_int(o, "Size", 0);
}

static void
label(enum clean_kind kind, const json_t *o, struct buf *out)
{
	const char *s;

	if (kind == CLEAN_CONTAINER)
		label_box(o, out);
	else if (kind == CLEAN_IMAGE)
		label_image(o, out);
	else {
		s = json_get_str(o, kind == CLEAN_NETWORK ? "Name" :
		    "Description");
		buf_str(out, s != NULL ? s : "");
	}
}

static void
add(struct judge *j, enum clean_kind kind, const json_t *o)
{
	static const char *const words[CLEAN_KIND_COUNT] = {
		[CLEAN_CONTAINER] = "stopped", [CLEAN_IMAGE] =
		    "no container that stays needs it", [CLEAN_NETWORK] =
		    "no container that stays is on it", [CLEAN_CACHE] =
		    "no build uses it" };
	struct clean_item *c = VEC_NEW(&j->p->v);
	struct buf name = BUF_INIT;
	char age[32];

	text_fmt_duration(age, j->how->until_ms);
	label(kind, o, &name);
	*c = (struct clean_item){ .kind = kind, .part = j->n,
		.what = xstrdup(engines_id(o)), .label = buf_detach(&name),
		.size = size_of(j, kind, o), .at = at_of(j, kind, o),
		.reason = xprintf("%s, and older than %s", words[kind], age) };
	engines_mark(kind, o, c->mark);
}

/* What is built upon others first. */
static void
emit(struct judge *j, enum clean_kind kind, struct engines_list *l, char **why)
{
	bool *done = xcalloc(l->v.n + 1, sizeof *done), again = true;

	for (size_t i = 0; i < l->v.n; i++)
		if (why[i] != NULL) {
			struct buf name = BUF_INIT;

			buf_printf(&name, "%s ", clean_kind_name(kind));
			label(kind, l->v.v[i], &name);
			VEC_PUSH(&j->p->kept, ((struct clean_kept){ j->n,
			    buf_detach(&name), xstrdup(why[i]) }));
			done[i] = true;
		}
	while (again) {
		again = false;
		for (size_t i = 0; i < l->v.n; i++) {
			bool child = false;

			for (size_t k = 0; !done[i] && k < l->v.n; k++) {
				const char *up = json_get_str(l->v.v[k],
				    "Parent");

				child = child || (!done[k] && k != i &&
				    up != NULL && strcmp(up,
				    engines_id(l->v.v[i])) == 0);
			}
			if (done[i] || child)
				continue;
			add(j, kind, l->v.v[i]);
			done[i] = again = true;
		}
	}
	free(done);
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(engines_id(*(json_t *const *)a),
	    engines_id(*(json_t *const *)b));
}

static char **
whys(struct engines_list *l)
{
	if (l->v.n > 1)
		qsort(l->v.v, l->v.n, sizeof *l->v.v, by_id);
	return xcalloc(l->v.n + 1, sizeof(char *));
}

static void
free_whys(struct engines_list *l, char **why)
{
	for (size_t i = 0; why != NULL && i < l->v.n; i++)
		free(why[i]);
	free(why);
	engines_list_release(l);
}

bool
engines_look(struct clean_plan *p, size_t part, struct err *e)
{
	struct judge j = { .p = p, .part = p->parts.v[part], .n = part,
		.how = &p->ask.site->cleanup.docker };
	struct err quiet = ERR_INIT;
	bool ok;

	ok = engines_inspect(j.part, CLEAN_CONTAINER, NULL, 0, &j.boxes, e) &&
	    engines_inspect(j.part, CLEAN_IMAGE, NULL, 0, &j.images, e);
	/* podman has no such words, and neither takes room there */
	if (ok && strcmp(j.part->engine, "podman") == 0)
		VEC_PUSH(&p->notes, xprintf("%s: its networks stay: they take "
		    "no room", j.part->name));
	else if (ok && (!engines_inspect(j.part, CLEAN_NETWORK, NULL, 0, &j.nets,
	    &quiet) || !engines_cache(j.part, &j.sizes, &j.cache, &quiet)))
		VEC_PUSH(&p->notes, xprintf("%s: not all of it could be "
		    "looked at: %s", j.part->name, quiet.msg));
	j.box_why = whys(&j.boxes);
	j.image_why = whys(&j.images);
	j.net_why = whys(&j.nets);
	j.cache_why = whys(&j.cache);
	if (ok) {
		judge_boxes(&j);
		for (size_t i = 0; i < j.images.v.n; i++)
			judge_image(&j, i);
		keep_parents(&j, &j.images, j.image_why);
		judge_nets(&j);
		judge_cache(&j);
		emit(&j, CLEAN_CONTAINER, &j.boxes, j.box_why);
		emit(&j, CLEAN_IMAGE, &j.images, j.image_why);
		emit(&j, CLEAN_NETWORK, &j.nets, j.net_why);
		emit(&j, CLEAN_CACHE, &j.cache, j.cache_why);
	}
	free_whys(&j.boxes, j.box_why);
	free_whys(&j.images, j.image_why);
	free_whys(&j.nets, j.net_why);
	free_whys(&j.cache, j.cache_why);
	engines_list_release(&j.sizes);
	return ok;
}
