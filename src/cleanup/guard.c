#include "cleanup/guard.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/text.h"

enum { PERSON_UID = 1000, NOBODY = 65534 };

static bool
is_or_holds(const char *path, const char *other)
{
	size_t n = strlen(path);

	return strncmp(path, other, n) == 0 &&
	    (other[n] == '\0' || other[n] == '/');
}

const char *
guard_root(const char *path, const char *const *homes, size_t n)
{
	static const char *const never[] = { "/bin", "/boot", "/dev", "/etc",
		"/home", "/lib", "/lib32", "/lib64", "/libx32", "/media", "/mnt",
		"/opt", "/proc", "/root", "/run", "/sbin", "/srv", "/sys",
		"/tmp", "/usr", "/var", "/var/backups", "/var/cache",
		"/var/lib", "/var/lib/docker", "/var/lib/containers",
		"/var/lib/containerd", "/var/lib/postgresql", "/var/log",
		"/var/mail", "/var/opt", "/var/run", "/var/spool", "/var/tmp" };
	static const char *const below[] = { "/proc", "/sys", "/dev", "/boot",
		"/etc", "/usr", "/bin", "/sbin", "/lib", "/lib64",
		"/var/lib/docker", "/var/lib/containers",
		"/var/lib/containerd" };

	if (path[0] != '/')
		return "its path is not absolute";
	if (path[1] == '\0')
		return "it is the root of the file system";
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (strcmp(path, never[i]) == 0)
			return "it is a directory of the system";
	for (size_t i = 0; i < sizeof below / sizeof *below; i++)
		if (is_or_holds(below[i], path))
			return "it is in a directory of the system";
	for (size_t i = 0; i < n; i++)
		if (is_or_holds(path, homes[i]))
			return "it is a home directory, or holds one";
	for (const char *at = path; *at != '\0'; at += strcspn(at, "/")) {
		char name[256];
		size_t len = strcspn(++at, "/");

		if (len >= sizeof name)
			return "its path is too long";
		memcpy(name, at, len);
		name[len] = '\0';
		if (guard_folder(name) != NULL)
			return guard_folder(name);
	}
	return NULL;
}

/* "20250214T021000Z", whatever stands behind it. */
static bool
is_stamp(const char *s)
{
	static const char form[] = "ddddddddTddddddZ";

	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)s[i]) :
		    s[i] != form[i])
			return false;
	return s[16] == '\0' || s[16] == '.';
}

const char *
guard_folder(const char *name)
{
	static const char *const own[] = { "pg_wal", "pg_xlog", "pg_xact",
		"pg_clog", "pg_tblspc", "pg_multixact", "pg_commit_ts",
		"pg_replslot", "pg_logical", "archive_status" };

	if (text_in(name, own, sizeof own / sizeof *own))
		return "it is a directory of PostgreSQL's own";
	if (strncmp(name, "PG_", 3) == 0 && isdigit((unsigned char)name[3]) &&
	    strchr(name + 3, '_') != NULL)
		return "it is a tablespace of PostgreSQL";
	if (is_stamp(name))
		return "it is a backup set, and retention decides about those";
	return NULL;
}

/* ---- what could be a backup ---------------------------------------------------- */

static bool
ends(const char *s, const char *with)
{
	size_t n = strlen(s), k = strlen(with);

	return n >= k && strcasecmp(s + n - k, with) == 0;
}

/* A piece of WAL: 24 digits of its name. */
static bool
is_wal(const char *s)
{
	size_t n = strspn(s, "0123456789ABCDEF");

	return (n == 24 || n == 8) && (s[n] == '\0' || s[n] == '.') &&
	    (n == 24 || strncmp(s + n, ".history", 8) == 0);
}

bool
guard_backup_name(const char *name)
{
	static const char *const parts[] = { "dump", "backup", "pgbase",
		"basebackup", "restore", "globals", "archive", "snapshot" };
	static const char *const tails[] = { ".sql", ".dmp", ".bak", ".bck",
		".bkp", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst",
		".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzo", ".lzma", ".sz",
		".br", ".z", ".zip", ".7z", ".rar", ".cpio", ".gpg", ".pgp",
		".asc", ".age", ".enc", ".aes", ".custom", ".pgc", ".db",
		".ibd", ".csv", ".copy", ".dat", ".toc", ".img", ".qcow2",
		".raw", ".wal", ".history", ".backup", ".manifest",
		".sha256", ".idx", ".rdb", ".sqlite", ".dar", ".borg",
		".json", ".jsonl", ".ndjson", ".tsv", ".xml", ".parquet" };

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strcasestr(name, parts[i]) != NULL)
			return true;
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
		if (ends(name, tails[i]))
			return true;
	return is_wal(name) || strcmp(name, "backup_label") == 0;
}

static bool
has(const char *p, size_t n, const char *word)
{
	size_t k = strlen(word);

	for (; n >= k; p++, n--)
		if (strncasecmp(p, word, k) == 0)
			return true;
	return false;
}

/* Anything that psql could have written, or could read; and other texts that carry
 * something. */
static bool
is_sql(const char *p, size_t n)
{
	static const char *const words[] = { "PostgreSQL database",
		"-- Dump", "pg_dump", "mysqldump", "\\connect", "\\restrict",
		"CREATE TABLE", "CREATE DATABASE", "CREATE ROLE", "CREATE SCHEMA",
		"ALTER ROLE", "ALTER TABLE", "INSERT INTO", "FROM stdin",
		"SET statement_timeout", "SET client_encoding", "BEGIN PGP",
		"age-encryption.org", "begin 6", "begin-base64",
		"START WAL LOCATION", "PostgreSQL-Backup-Manifest", "-+-" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (has(p, n, words[i]))
			return true;
	/* in small letters it is a word of people */
	return memmem(p, n, "COPY ", 5) != NULL;
}

/* A comment of SQL, JSON, XML: no log begins so. */
static bool
begins_as_data(const char *p, size_t n)
{
	while (n > 0 && strchr(" \t\r\n", *p) != NULL && *p != '\0') {
		p++;
		n--;
	}
	if (n == 0)
		return false;
	if (n == 1 || *p == '{' || *p == '<')
		return *p == '{' || *p == '<' || *p == '[';
	return memcmp(p, "--", 2) == 0 || memcmp(p, "/*", 2) == 0 ||
	    (*p == '[' && strchr("{[\"' \r\n", p[1]) != NULL);
}

/* Nothing is said yet of what follows. */
static bool
is_blank(const char *p, size_t n)
{
	while (n > 0 && strchr(" \t\r\n", p[n - 1]) != NULL && p[n - 1] != '\0')
		n--;
	return n == 0;
}

enum { SOLID = 60, SOLID_SHORT = 16, ALIKE = 3 };

struct row {
	size_t n;			/* bytes, without the line's end */
	bool tab, solid;		/* no blank in it, and no mere rule */
	size_t parts[3];		/* of each mark that may part fields */
};

static void
read_row(struct row *r, const char *p, size_t n)
{
	static const char marks[] = ",;|";
	bool rule = true;

	while (n > 0 && p[n - 1] == '\r')
		n--;
	*r = (struct row){ .n = n, .solid = true };
	for (size_t i = 0; i < n; i++) {
		const char *mark = p[i] == '\0' ? NULL : strchr(marks, p[i]);

		r->tab = r->tab || p[i] == '\t';
		r->solid = r->solid && p[i] != ' ';
		rule = rule && p[i] == p[0];
		if (mark != NULL)
			r->parts[mark - marks]++;
	}
	r->solid = r->solid && !rule;
}

/* As the one before: lines of base64 or of digits, fields of a table. */
static bool
is_alike(const struct row *a, const struct row *b)
{
	if (a->solid && b->solid && a->n == b->n && a->n >= SOLID_SHORT)
		return true;
	for (size_t i = 0; i < 3; i++)
		/* a log's own time may have one comma in it */
		if (a->parts[i] == b->parts[i] && a->parts[i] > (i == 0 &&
		    !(a->solid && b->solid)))
			return true;
	return false;
}

/* Rows of COPY, a CSV, base64: text that no log looks like. */
static bool
is_rows(const char *p, size_t n)
{
	struct row before = { .n = 0 }, row;
	size_t alike = 0;

	for (size_t at = 0; at < n;) {
		const char *nl = memchr(p + at, '\n', n - at);
		size_t len = nl != NULL ? (size_t)(nl - p) - at : n - at;

		read_row(&row, p + at, len);
		if ((at == 0 && row.tab) || (row.solid && row.n >= SOLID))
			return true;
		alike = at > 0 && is_alike(&before, &row) ? alike + 1 : 1;
		if (alike >= ALIKE)
			return true;
		before = row;
		at += len + 1;
	}
	return false;
}

/* cut: there may be half a character at the end. */
static bool
is_text(const char *p, size_t n, bool cut)
{
	uint32_t cp;

	for (size_t i = 0; i < n;) {
		size_t len = text_utf8_len(p + i, n - i, &cp);

		/* the last character may be cut off */
		if (len == 0 && cut && n - i < 4)
			break;
		if (len == 0 || (cp < 0x20 && cp != '\n' && cp != '\t' &&
		    cp != '\r' && cp != '\033' && cp != '\f'))
			return false;
		i += len;
	}
	return true;
}

static bool
is_program(const char *p, size_t n)
{
	return n >= 4 && memcmp(p, "\177ELF", 4) == 0;
}

bool
guard_backup_bytes(const void *bytes, size_t n)
{
	const char *p = bytes;

	if (n == 0 || is_program(p, n))
		return false;
	return !is_text(p, n, n == GUARD_HEAD) || is_sql(p, n) ||
	    begins_as_data(p, n) || is_rows(p, n) || (n == GUARD_HEAD &&
	    is_blank(p, n));
}

bool
guard_backup_tail(const void *head, size_t n, const void *bytes, size_t size)
{
	const char *p = bytes, *nl = memchr(bytes, '\n', size);
	size_t skip = nl != NULL ? (size_t)(nl - p) + 1 : 0;

	if (is_program(head, n))
		return false;
	/* it may begin in the middle of a character, and of a line */
	while (nl == NULL && skip < 3 && skip < size &&
	    ((unsigned char)p[skip] & 0xc0) == 0x80)
		skip++;
	return !is_text(p + skip, size - skip, false) ||
	    is_sql(p + skip, size - skip) || is_rows(p + skip, size - skip);
}

/* ---- homes ------------------------------------------------------------------------ */

static bool
home_of(const char *line, size_t n, char **ret)
{
	const char *field[7] = { line };
	const char *end = line + n;
	int64_t uid;
	size_t k = 1;
	char *word;
	bool person;

	for (const char *at = line; at < end && k < 7; at++)
		if (*at == ':')
			field[k++] = at + 1;
	if (k < 7)
		return false;
	word = xstrndup(field[2], (size_t)(field[3] - field[2] - 1));
	person = text_int(word, 0, INT32_MAX, &uid) && (uid == 0 ||
	    (uid >= PERSON_UID && uid != NOBODY));
	free(word);
	if (!person || field[5][0] != '/' || field[6] - field[5] < 3)
		return false;
	*ret = xstrndup(field[5], (size_t)(field[6] - field[5] - 1));
	return true;
}

size_t
guard_homes(const char *passwd, size_t size, char **out, size_t n, size_t max)
{
	for (size_t at = 0; at < size && n < max;) {
		const char *nl = memchr(passwd + at, '\n', size - at);
		size_t len = nl != NULL ? (size_t)(nl - passwd) - at :
		    size - at;

		if (home_of(passwd + at, len, &out[n]))
			n++;
		at += len + 1;
	}
	return n;
}
