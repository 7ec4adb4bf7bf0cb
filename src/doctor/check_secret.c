/*
 * Checks of what must stay private: password files and keys, and `~`, which is
 * somebody else's home on a shared site. Nothing in them is read.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "doctor/intern.h"

struct paths {
	VEC(char *) v;
};

static bool
paths_add(struct paths *p, const char *path)
{
	for (size_t i = 0; i < p->v.n; i++)
		if (strcmp(p->v.v[i], path) == 0)
			return false;
	VEC_PUSH(&p->v, xstrdup(path));
	return true;
}

static void
paths_release(struct paths *p)
{
	for (size_t i = 0; i < p->v.n; i++)
		free(p->v.v[i]);
	VEC_RELEASE(&p->v);
}

static char *
in_home(const char *rest)
{
	const char *home = getenv("HOME");

	return xprintf("%s/%s", home != NULL ? home : "", rest);
}

static char *
owner_name(uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	return pw != NULL ? xstrdup(pw->pw_name) :
	    xprintf("uid %lu", (unsigned long)uid);
}

/* The file is there, private, and ours. */
static void
private_file(struct doctor *d, const char *check, const char *path,
    enum doctor_level missing, const char *use)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		doctor_found(d, errno == ENOENT ? missing : DOCTOR_ERROR, check,
		    "'%s' %s (%s)", path, errno == ENOENT ? "is not there" :
		    strerror(errno), use);
		doctor_todo(d, "Make it with the mode 0600, or take its name "
		    "out of the site file.");
	} else if (!S_ISREG(st.st_mode)) {
		doctor_found(d, DOCTOR_ERROR, check, "'%s' is not a file (%s)",
		    path, use);
		doctor_todo(d, "Put a file with the mode 0600 there.");
	} else if (st.st_uid != geteuid() && st.st_uid != 0) {
		char *owner = owner_name(st.st_uid);

		doctor_found(d, DOCTOR_ERROR, check, "'%s' belongs to %s, who "
		    "can change and read it (%s)", path, owner, use);
		doctor_todo(d, "Keep one of your own, with the mode 0600.");
		free(owner);
	} else if ((st.st_mode & 077) != 0) {
		doctor_found(d, DOCTOR_ERROR, check, "'%s' has the mode %04o: "
		    "others can get at it, and it is refused for that (%s)",
		    path, st.st_mode & 07777u, use);
		doctor_todo(d, "'chmod 600 %s', and change what is in it if "
		    "others use this host.", path);
	} else if (access(path, R_OK) != 0) {
		doctor_found(d, DOCTOR_ERROR, check, "'%s' cannot be read: %s "
		    "(%s)", path, strerror(errno), use);
		doctor_todo(d, "See its owner and mode.");
	} else
		doctor_found(d, DOCTOR_OK, check, "'%s' is there, mode %04o "
		    "(%s)", path, st.st_mode & 07777u, use);
}

/* ---- password files -------------------------------------------------------- */

static void
rotated_files(struct doctor *d, const struct site_db *db, struct paths *seen)
{
	for (size_t i = 0; i < db->rotate.update.n; i++) {
		const struct site_place *at = NULL;
		const char *path = site_where(&d->site, db->rotate.update.v[i],
		    &at);
		char *full, *use;

		if (at != NULL || path == NULL)
			continue;
		full = path[0] == '~' ? in_home(path + 1 + (path[1] == '/')) :
		    path[0] == '/' ? xstrdup(path) :
		    file_join(d->site.doc.dir, path);
		use = xprintf("a new password of %s is written to it",
		    db->name);
		if (paths_add(seen, full))
			private_file(d, "password files", full, DOCTOR_WARNING,
			    use);
		free(full);
		free(use);
	}
}

void
check_passwords(struct doctor *d)
{
	const struct site *s = doctor_site(d);
	struct paths seen = { 0 };
	const char *libpq = getenv("PGPASSFILE");
	char *usual = text_empty(libpq) ? in_home(".pgpass") : xstrdup(libpq);

	for (size_t i = 0; s != NULL && i < site_dbs(s); i++) {
		const struct site_db *db = site_db_at(s, i);
		const char *path = db->passfile != NULL ? db->passfile : usual;
		char *use = xprintf("login of %s", db->name);

		if (paths_add(&seen, path))
			private_file(d, "password files", path, db->passfile ?
			    DOCTOR_ERROR : DOCTOR_WARNING, use);
		free(use);
		rotated_files(d, db, &seen);
	}
	paths_release(&seen);
	free(usual);
}

/* ---- keys ------------------------------------------------------------------ */

static void
known_hosts(struct doctor *d, const struct site_place *p, struct paths *seen)
{
	char *usual = in_home(".ssh/known_hosts");
	const char *path = p->known_hosts != NULL ? p->known_hosts : usual;
	struct stat st;

	if (!paths_add(seen, path)) {
		free(usual);
		return;
	}
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
	    access(path, R_OK) != 0) {
		doctor_found(d, p->known_hosts ? DOCTOR_ERROR : DOCTOR_WARNING,
		    "ssh keys", "'%s' is not there or cannot be read: no host "
		    "is known (place %s)", path, p->name);
		doctor_todo(d, "'midwatch trust %s' shows its key and writes it "
		    "down; an unknown host is refused at night.", p->name);
	} else if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		doctor_found(d, DOCTOR_ERROR, "ssh keys", "others can write to "
		    "'%s' and so pass off a host as another", path);
		doctor_todo(d, "'chmod go-w %s'.", path);
	} else
		doctor_found(d, DOCTOR_OK, "ssh keys", "'%s' is there (known "
		    "hosts)", path);
	free(usual);
}

void
check_keys(struct doctor *d)
{
	const struct site *s = doctor_site(d);
	struct paths seen = { 0 };

	for (size_t i = 0; s != NULL && i < site_places(s); i++) {
		const struct site_place *p = site_place_at(s, i);
		char *use;

		if (p->ssh == NULL)
			continue;
		use = xprintf("key for %s", p->name);
		if (p->identity != NULL && paths_add(&seen, p->identity))
			private_file(d, "ssh keys", p->identity, DOCTOR_ERROR,
			    use);
		free(use);
		known_hosts(d, p, &seen);
	}
	paths_release(&seen);
}

/* ---- the home directory of whom? -------------------------------------------- */

/* Behind the comment or string that starts at p; p itself when none does. */
static const char *
skip_one(const char *p, const char *end, bool *ret_string)
{
	const char *close;

	*ret_string = *p == '"';
	if (*p == '"') {
		for (p++; p < end && *p != '"'; p++)
			if (*p == '\\' && p + 1 < end)
				p++;
		return p < end ? p + 1 : end;
	}
	if (*p == '#' || (*p == '/' && p + 1 < end && p[1] == '/')) {
		close = memchr(p, '\n', (size_t)(end - p));
		return close != NULL ? close : end;
	}
	if (*p == '/' && p + 1 < end && p[1] == '*') {
		close = memmem(p + 2, (size_t)(end - p - 2), "*/", 2);
		return close != NULL ? close + 2 : end;
	}
	return p;
}

/* Strings of the file that begin with `~`; the first one's line and text. */
static size_t
tildes(const struct buf *bytes, int *ret_line, char **ret_text)
{
	const char *p = bytes->p, *end = p + bytes->n, *next;
	size_t found = 0;
	int line = 1;

	while (p < end) {
		bool string;

		next = skip_one(p, end, &string);
		if (string && next - p >= 3 && p[1] == '~' &&
		    (p[2] == '/' || p[2] == '"') && found++ == 0) {
			*ret_line = line;
			*ret_text = xstrndup(p + 1, (size_t)(next - p - 2));
		}
		next = next == p ? p + 1 : next;
		for (; p < next; p++)
			line += *p == '\n';
	}
	return found;
}

/* Nobody wrote a `~` there: libpq's own way looks into it all the same. */
static bool
usual_passwords(struct doctor *d, const struct site *s)
{
	const char *libpq = getenv("PGPASSFILE");
	char *usual = text_empty(libpq) ? in_home(".pgpass") : xstrdup(libpq);
	const char *first = NULL;
	size_t n = 0;
	bool used;

	for (size_t i = 0; i < site_dbs(s); i++)
		if (site_db_at(s, i)->passfile == NULL && n++ == 0)
			first = site_db_at(s, i)->name;
	used = n > 0 && file_exists(usual);
	if (used) {
		doctor_found(d, DOCTOR_ERROR, "home directory", "the login of "
		    "%s%s takes its password from '%s': the group '%s' shares "
		    "this site, and each of them has another one", first,
		    n > 1 ? " (and of more)" : "", usual, s->group);
		doctor_todo(d, "Write 'passfile' with the whole path of one "
		    "that whoever runs the nightly can read.");
	}
	free(usual);
	return used;
}

void
check_home(struct doctor *d)
{
	const struct site *s = doctor_site(d);
	char *text = NULL;
	bool usual;
	size_t n;
	int line = 0;

	if (s == NULL || s->group == NULL)
		return;
	usual = usual_passwords(d, s);
	n = tildes(&s->doc.bytes, &line, &text);
	if (n == 0 && !usual)
		doctor_found(d, DOCTOR_OK, "home directory", "no path of this "
		    "shared site depends on who runs it");
	else if (n > 0) {
		doctor_found(d, DOCTOR_ERROR, "home directory", "line %d has "
		    "'%s'%s: the group '%s' shares this site, and '~' is "
		    "somebody else's home for each of them", line, text,
		    n > 1 ? " (and more lines)" : "", s->group);
		doctor_todo(d, "Write whole paths to files that everybody who "
		    "is meant to can read, the nightly's user too.");
	}
	free(text);
}
