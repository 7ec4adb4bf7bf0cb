/*
 * Containers of docker and podman that run PostgreSQL. Of their environment the
 * names alone are read: the runtime's own template cuts the values off.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "found/intern.h"
#include "place/place.h"

enum { LIST_MS = 4000, INSPECT_MS = 3000, EXEC_MS = 4000, CHILD_MS = 9000,
    CONTAINERS_MAX = 200 };

/* One line a fact, its kind first. */
static const char facts[] =
    "{{range .Config.Env}}E {{index (split . \"=\") 0}}{{println}}{{end}}"
    "{{range $p, $x := .Config.ExposedPorts}}X {{$p}}{{println}}{{end}}"
    "{{range $p, $b := .NetworkSettings.Ports}}{{range $b}}"
    "P {{$p}} {{.HostPort}} {{.HostIp}}{{println}}{{end}}{{end}}"
    "{{range .NetworkSettings.Networks}}I {{.IPAddress}}{{println}}{{end}}"
    "M {{.HostConfig.NetworkMode}}{{println}}"
    "{{range .Mounts}}V {{.Destination}} {{.Source}}{{println}}{{end}}";

/* Inside, the superuser's name is in a variable, and stays in there until the
 * server says it. */
static const char inside[] =
    "PGPASSFILE=/dev/null PGCONNECT_TIMEOUT=3 PGAPPNAME=midwatch "
    "PGCLIENTENCODING=UTF8 PGOPTIONS=$1; "
    "export PGPASSFILE PGCONNECT_TIMEOUT PGAPPNAME PGCLIENTENCODING PGOPTIONS; "
    "exec psql -XAtqw -U \"${POSTGRES_USER:-postgres}\" -d postgres "
    "-c \"$2\" -c \"$3\" -c \"$4\"";

struct box {
	const char *id, *name, *image, *state;
};

struct boxes {
	const char *runtime;
	VEC(struct box) v;
};

struct facts {
	bool pgdata, postgres_env, exposes;
	const char *host, *folder;
	int64_t port;
	const char *address;
	bool host_network;
};

/* postgres:16, bitnami/postgresql, postgis/postgis, timescale/timescaledb, but
 * not what stands beside it. */
static bool
image_fits(const char *image)
{
	static const char *const yes[] = { "postgres", "postgis", "timescale",
	    "pgvector", "spilo", "patroni", "pgsql" };
	static const char *const no[] = { "exporter", "postgrest",
	    "postgraphile", "pgadmin", "bouncer", "pgpool", "backup",
	    "adminer", "pgweb" };

	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		if (strcasestr(image, no[i]) != NULL)
			return false;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (strcasestr(image, yes[i]) != NULL)
			return true;
	return false;
}

static void
port_fact(struct found *f, struct facts *a, const char *s)
{
	const char *port = s + strcspn(s, " "), *host;

	if (!text_starts(s, "5432/tcp ") || a->port != 0)
		return;
	port++;
	host = port + strcspn(port, " ");
	if (!text_int(pool_strn(&f->pool, port, (size_t)(host - port)), 1,
	    65535, &a->port))
		return;
	host += *host == ' ';
	/* all addresses, in whatever words: from here it is this one */
	a->host = text_in(host, (const char *const[]){ "", "0.0.0.0", "::" },
	    3) ? "127.0.0.1" : found_str(f, host);
}

static void
fact(struct found *f, struct facts *a, const char *line)
{
	const char *s = line + 2;

	if (line[0] == '\0' || line[1] != ' ')
		return;
	switch (line[0]) {
	case 'E':
		a->pgdata = a->pgdata || strcmp(s, "PGDATA") == 0;
		a->postgres_env = a->postgres_env ||
		    text_starts(s, "POSTGRES_");
		break;
	case 'X':
		a->exposes = a->exposes || strcmp(s, "5432/tcp") == 0;
		break;
	case 'P':
		port_fact(f, a, s);
		break;
	case 'I':
		if (*s != '\0' && a->address == NULL)
			a->address = found_str(f, s);
		break;
	case 'M':
		a->host_network = strcmp(s, "host") == 0;
		break;
	case 'V':
		if (strstr(s, "postgres") != NULL || strstr(s, "pgsql") != NULL ||
		    strstr(s, "/data ") != NULL) {
			s += strcspn(s, " ");
			a->folder = *s == ' ' && s[1] == '/' ?
			    found_str(f, s + 1) : a->folder;
		}
		break;
	}
}

static bool
inspect(struct found *f, const struct boxes *all, const struct box *b,
    struct facts *ret)
{
	const char *const argv[] = { all->runtime, "inspect", "--format", facts,
	    b->id, NULL };
	struct err e = ERR_INIT;
	struct ran ran;
	char *rest, *line;
	bool ok = found_ask(argv, INSPECT_MS, &ran, &e);

	if (ok)
		for (rest = ran.out.p; (line = found_line(&rest)) != NULL;)
			fact(f, ret, line);
	else
		found_note(f, "the container '%s' (%s): %s", b->name,
		    all->runtime, found_why(f, &ran, &e));
	ran_release(&ran);
	return ok;
}

/* published: what this host calls the port; else the server says its own. */
static void
ask_inside(struct found *f, const struct boxes *all, bool published,
    struct found_thing *t)
{
	const char *const argv[] = { "sh", "-c", inside, "sh", found_pgoptions,
	    found_sql[0], found_sql[1], found_sql[2], NULL };
	struct place_spec spec = { .name = t->name, .container = t->name,
	    .runtime = all->runtime };
	struct found_thing like = { .at = t->name, .host = t->host,
	    .port = t->port };
	struct place_care care = { .deadline_ms = clock_mono_ms() + EXEC_MS };
	struct found_server is = { 0 };
	struct place_ran ran = PLACE_RAN_INIT;
	struct err e = ERR_INIT;
	size_t from = f->things.n;
	struct place *p = place_open(&spec, &care, &e);

	if (p != NULL && place_run(p, &(struct place_run){ .argv = argv,
	    .deadline_ms = care.deadline_ms }, &ran, &e)) {
		if (found_databases(f, ran.out.p, &like, &is)) {
			t->user = is.role;
			t->when = pool_strn(&f->pool, is.version,
			    strcspn(is.version, " "));
		} else
			t->why = found_why(f, &(struct ran){
			    .errout = ran.errout }, &e);
	} else
		t->why = found_str(f, e.msg);
	if (!published && is.port != 0)
		t->port = is.port;
	for (; from < f->things.n; from++)
		f->things.v[from].port = t->port;
	place_ran_release(&ran);
	place_close(p);
}

static void
look_into(struct found *f, void *ctx, size_t i)
{
	const struct boxes *all = ctx;
	const struct box *b = &all->v.v[i];
	struct facts a = { 0 };
	struct found_thing t = { .kind = FOUND_CONTAINER };

	if (!inspect(f, all, b, &a) || (!image_fits(b->image) && !a.pgdata &&
	    !(a.postgres_env && a.exposes)))
		return;
	t.name = b->name;
	t.at = all->runtime;
	t.text = b->image;
	t.path = a.folder;
	t.ok = strcmp(b->state, "running") == 0;
	t.port = a.port != 0 ? a.port : 5432;
	/* an address of its own is another one when it is made again */
	t.strong = a.port != 0 || a.host_network;
	t.host = a.port != 0 ? a.host : a.host_network ? "127.0.0.1" :
	    a.address;
	if (t.ok)
		ask_inside(f, all, a.port != 0, &t);
	else
		t.why = pool_printf(&f->pool, "it is %s", b->state);
	*found_add(f, FOUND_CONTAINER) = t;
}

static void
late(struct found *f, void *ctx, size_t i)
{
	const struct boxes *all = ctx;

	found_note(f, "the container '%s': %s did not answer in time",
	    all->v.v[i].name, all->runtime);
}

/* id, names, image, state between tabs */
static void
take_box(struct found *f, struct boxes *all, char *line)
{
	char *v[4] = { NULL };
	size_t n = 0;

	while (n < 4 && (v[n] = strsep(&line, "\t")) != NULL)
		n++;
	if (n < 4 || all->v.n >= CONTAINERS_MAX)
		return;
	v[1][strcspn(v[1], ",")] = '\0';
	VEC_PUSH(&all->v, ((struct box){ found_str(f, v[0]),
	    found_str(f, v[1]), found_str(f, v[2]), found_str(f, v[3]) }));
}

static void
look_runtime(struct found *f, const char *runtime)
{
	const char *const argv[] = { runtime, "ps", "--all", "--no-trunc",
	    "--format", "{{.ID}}\t{{.Names}}\t{{.Image}}\t{{.State}}", NULL };
	struct boxes all = { .runtime = runtime };
	struct err e = ERR_INIT;
	struct ran ran;
	char *rest, *line, *path = spawn_which(runtime);

	if (path == NULL || f->root != NULL) {
		free(path);
		return;
	}
	free(path);
	if (found_ask(argv, LIST_MS, &ran, &e)) {
		for (rest = ran.out.p; (line = found_line(&rest)) != NULL;)
			take_box(f, &all, line);
		found_each(f, all.v.n, CHILD_MS, look_into, &all, late);
	} else
		found_note(f, "containers of %s: %s", runtime,
		    found_why(f, &ran, &e));
	ran_release(&ran);
	VEC_RELEASE(&all.v);
}

void
look_docker(struct found *f)
{
	look_runtime(f, "docker");
}

void
look_podman(struct found *f)
{
	look_runtime(f, "podman");
}
