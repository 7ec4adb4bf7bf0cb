#include "probe/login.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"

/* ---- words ---------------------------------------------------------------- */

static bool
holds(const char *s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcasestr(s, *words) != NULL)
			return true;
	return false;
}

static void
set(char out[LOGIN_NAME], const char *s, size_t n)
{
	if (n >= LOGIN_NAME)
		n = LOGIN_NAME - 1;
	memcpy(out, s, n);
	out[n] = '\0';
}

/* The next word of s, without what quotes or ends it. */
static size_t
word(const char **sp)
{
	*sp += strspn(*sp, " \t\"'=<([");
	return strcspn(*sp, " \t\"',;)]>}");
}

static bool
is_address(const char *s, size_t n)
{
	unsigned char bin[16];
	char text[64];

	if (n < 3 || n >= sizeof text)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	return inet_pton(AF_INET, text, bin) == 1 ||
	    inet_pton(AF_INET6, text, bin) == 1;
}

/* 10.0.0.7, 10.0.0.7:5432 and 10.0.0.7(5432) */
static bool
take_address(struct login *l, const char *s, size_t n)
{
	size_t bare = strcspn(s, "(");

	if (n > bare)
		n = bare;
	if (!is_address(s, n)) {
		const char *colon = memrchr(s, ':', n);

		if (colon == NULL || !is_address(s, (size_t)(colon - s)))
			return false;
		n = (size_t)(colon - s);
	}
	set(l->address, s, n);
	return true;
}

/* The first address that stands anywhere. */
static void
any_address(struct login *l, const char *s)
{
	while (*s != '\0' && l->address[0] == '\0') {
		size_t n;

		s += strspn(s, " \t\"'=<([,;@");
		n = strcspn(s, " \t\"'=,;)]>@");
		if (n > 0)
			(void)take_address(l, s, n);
		s += n;
		s += strspn(s, ")]>");
	}
}

static int64_t
pid_of(const char *s)
{
	while ((s = strchr(s, '[')) != NULL) {
		char *end;
		int64_t v = strtoll(++s, &end, 10);

		if (end > s && (*end == ']' || *end == '-') && v > 0)
			return v;
	}
	return 0;
}

/* ---- keys ----------------------------------------------------------------- */

static const char *const role_keys[] = { "user", "usr", "username", "role",
    "account", "acct", "login", "dbuser", "db_user", "actor", "principal",
    "user_name", NULL };
static const char *const address_keys[] = { "ip", "addr", "address", "client",
    "client_ip", "clientip", "remote", "remote_addr", "remote_ip",
    "remote_host", "rhost", "src", "src_ip", "source", "source_ip", "host",
    "from", NULL };

static bool
is_one(const char *key, size_t n, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		if (strlen(*keys) == n && strncasecmp(*keys, key, n) == 0)
			return true;
	return false;
}

static bool
is_host(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) &&
		    strchr("._:-", s[i]) == NULL)
			return false;
	return n > 0;
}

/* key=value pairs; what is named twice is what stands first. */
static void
pairs(struct login *l, const char *s)
{
	for (const char *eq = s; (eq = strchr(eq, '=')) != NULL; eq++) {
		const char *key = eq, *value = eq + 1;
		size_t n;

		while (key > s && (isalnum((unsigned char)key[-1]) ||
		    key[-1] == '_'))
			key--;
		if (*value == ' ')
			continue;
		n = word(&value);
		if (n == 0)
			continue;
		if (l->role[0] == '\0' && is_one(key, (size_t)(eq - key),
		    role_keys))
			set(l->role, value, n);
		else if (l->address[0] == '\0' && is_one(key,
		    (size_t)(eq - key), address_keys) &&
		    !take_address(l, value, n) && is_host(value, n))
			set(l->address, value, n);
	}
}

/* ---- plain words ----------------------------------------------------------- */

static const char *const no_words[] = { "fail", "denied", "reject", "refus",
    "invalid", "unauthor", "incorrect", "unable to", "bad password",
    "wrong password", "not permitted", "locked out", "cannot log in",
    "fehlgeschlagen", "échou", "falló", NULL };
static const char *const yes_words[] = { "accept", "success", "succeeded",
    "granted", "logged in", "session opened", "authenticated", "authorized",
    "login ok", NULL };
static const char *const login_words[] = { "login", "log in", "logon",
    "logged in", "auth", "password", "passwort", "sign-in", "signin",
    "sign in", "access", "credential", "session", "contraseña",
    "mot de passe", NULL };

/* "for user backup", "role \"backup\"", "by ops" */
static void
said_role(struct login *l, const char *line)
{
	static const char *const before[] = { "user ", "user: ", "role ",
	    "account ", "username ", "user name ", " by ", NULL };

	for (size_t i = 0; before[i] != NULL && l->role[0] == '\0'; i++) {
		const char *s = strcasestr(line, before[i]);
		size_t n;

		if (s == NULL)
			continue;
		s += strlen(before[i]);
		n = word(&s);
		while (n > 0 && strchr(":.", s[n - 1]) != NULL)
			n--;
		if (n > 0 && !is_address(s, n) && !isspace((unsigned char)*s))
			set(l->role, s, n);
	}
}

static void
said_address(struct login *l, const char *line)
{
	const char *s = line;

	any_address(l, line);
	while (l->address[0] == '\0' && (s = strstr(s, " from ")) != NULL) {
		size_t n;

		s += strlen(" from ");
		n = word(&s);
		if (n > 2 && strcspn(s, ".-0123456789") < n)
			set(l->address, s, n);
	}
}

static void
plain_words(struct login *l, const char *line)
{
	if (!holds(line, login_words))
		return;
	if (holds(line, no_words))
		l->kind = LOGIN_FAILED;
	else if (holds(line, yes_words))
		l->kind = LOGIN_GOOD;
	else
		return;
	pairs(l, line);
	said_role(l, line);
	said_address(l, line);
}

/* ---- sshd, PAM, sudo ------------------------------------------------------- */

/* "... for ROLE from ADDRESS port N" */
static void
for_from(struct login *l, const char *s)
{
	static const char invalid[] = "invalid user ";
	const char *from = NULL, *next = s, *port;
	size_t n;

	if (text_starts(s, invalid))
		s += sizeof invalid - 1;
	/* a name may hold " from ": the last one counts */
	while ((next = strstr(next, " from ")) != NULL)
		from = next++;
	if (from == NULL)
		return;
	set(l->role, s, from > s ? (size_t)(from - s) : 0);
	from += strlen(" from ");
	n = strcspn(from, " ");
	set(l->address, from, n);
	port = strstr(from, " port ");
	if (port != NULL)
		l->port = (int)strtol(port + 6, NULL, 10);
}

/* "Connection closed by authenticating user ROLE ADDRESS port N" */
static void
closed_by(struct login *l, const char *s)
{
	const char *port = strstr(s, " port "), *address;

	if (port == NULL)
		return;
	address = port;
	while (address > s && address[-1] != ' ')
		address--;
	if (address <= s || !is_address(address, (size_t)(port - address)))
		return;
	set(l->role, s, (size_t)(address - 1 - s));
	set(l->address, address, (size_t)(port - address));
	l->port = (int)strtol(port + 6, NULL, 10);
	l->kind = LOGIN_FAILED;
	l->closed = true;
}

static const char *
behind(const char *line, const char *what)
{
	const char *s = strstr(line, what);

	return s != NULL ? s + strlen(what) : NULL;
}

static bool
sshd(struct login *l, const char *line)
{
	static const char *const authentic[] = { "by authenticating user ",
	    "by invalid user " };
	const char *s, *rest;

	if (strstr(line, "sshd[") == NULL && strstr(line, "sshd:") == NULL &&
	    strstr(line, "sshd-session[") == NULL)
		return false;
	l->kind = LOGIN_OTHER;
	l->pid = pid_of(line);
	if ((s = behind(line, ": Failed ")) != NULL &&
	    (rest = behind(s, " for ")) != NULL) {
		l->kind = LOGIN_FAILED;
		for_from(l, rest);
	} else if ((s = behind(line, ": Accepted ")) != NULL &&
	    (rest = behind(s, " for ")) != NULL) {
		l->kind = LOGIN_GOOD;
		for_from(l, rest);
	} else if ((s = behind(line, "attempts exceeded for ")) != NULL) {
		l->kind = LOGIN_FAILED;
		for_from(l, s);
	} else
		for (size_t i = 0; i < 2; i++)
			if ((s = behind(line, authentic[i])) != NULL)
				closed_by(l, s);
	return true;
}

static bool
pam(struct login *l, const char *line)
{
	const char *s = behind(line, "authentication failure; ");

	if (s != NULL) {
		l->kind = LOGIN_FAILED;
		/* "ruser= rhost=10.0.0.7  user=backup": the last user= counts */
		pairs(l, s);
		return true;
	}
	if (strstr(line, "incorrect password attempt") != NULL &&
	    (s = behind(line, "sudo: ")) != NULL) {
		s += strspn(s, " ");
		l->kind = LOGIN_FAILED;
		set(l->role, s, strcspn(s, " "));
		return true;
	}
	return false;
}

/* ---- PostgreSQL ------------------------------------------------------------- */

/* As a word of its own: in the prefix, or a field of a CSV line. */
static bool
has_state(const char *line, const char *state)
{
	const char *s = line;
	size_t n = strlen(state);

	while ((s = strstr(s, state)) != NULL) {
		if ((s == line || !isalnum((unsigned char)s[-1])) &&
		    !isalnum((unsigned char)s[n]))
			return true;
		s += n;
	}
	return false;
}

/* A name in quotes of any language: "x", »x«, „x“, « x » */
static void
quoted(struct login *l, const char *s)
{
	static const char *const open[] = { "\"", "\xc2\xbb", "\xe2\x80\x9e",
	    "\xc2\xab\xc2\xa0", "\xc2\xab", "\xe2\x80\x9c", NULL };

	for (; *s != '\0' && l->role[0] == '\0'; s++)
		for (size_t i = 0; open[i] != NULL; i++) {
			size_t n;

			if (!text_starts(s, open[i]))
				continue;
			s += strlen(open[i]);
			n = strcspn(s, "\"\xc2\xe2 ");
			if (n > 0)
				set(l->role, s, n);
			return;
		}
}

/* What a CSV line says comes first: time, user, database, pid, host:port. */
static void
csv(struct login *l, const char *line)
{
	const char *s = line;

	for (int field = 0; field < 5 && s != NULL; field++) {
		const char *end = *s == '"' ? strchr(s + 1, '"') : NULL;
		const char *from = end != NULL ? s + 1 : s;
		size_t n = end != NULL ? (size_t)(end - from) : strcspn(s, ",");

		if (field == 1)
			set(l->role, from, n);
		else if (field == 3)
			l->pid = strtoll(from, NULL, 10);
		else if (field == 4)
			(void)take_address(l, from, n);
		s = strchr(end != NULL ? end : s, ',');
		s = s != NULL ? s + 1 : NULL;
	}
}

static bool
postgres(struct login *l, const char *line)
{
	static const char *const tags[] = { "LOG:  ", "FATAL:  ", "DETAIL:  ",
	    "ERROR:  ", "STATEMENT:  ", "HINT:  ", "WARNING:  ", ",LOG,",
	    ",FATAL,", ",ERROR,", ",WARNING,", NULL };
	static const char *const refused[] = { "authentication failed",
	    "no pg_hba.conf entry", "is not permitted to log in",
	    "pg_hba.conf rejects", "no password supplied",
	    "certificate authentication failed", "Authentifizierung",
	    "authentification", "autenticación", "autenticazione", NULL };
	bool state = has_state(line, "28P01") || has_state(line, "28000");
	const char *s, *text = NULL;

	for (size_t i = 0; tags[i] != NULL && text == NULL; i++)
		text = behind(line, tags[i]);
	if (text == NULL && !state)
		return false;
	l->kind = LOGIN_OTHER;
	l->pid = pid_of(line);
	if (state || (strstr(line, "FATAL") != NULL &&
	    (holds(line, refused) || (strstr(line, "role \"") != NULL &&
	    strstr(line, "does not exist") != NULL)))) {
		l->kind = LOGIN_FAILED;
		if (strstr(line, ",FATAL,") != NULL)
			csv(l, line);
		if (l->role[0] == '\0' &&
		    ((s = behind(line, "user \"")) != NULL ||
		    (s = behind(line, "role \"")) != NULL))
			set(l->role, s, strcspn(s, "\""));
		pairs(l, line);
		quoted(l, text != NULL ? text : line);
		any_address(l, line);
	} else if ((s = behind(line, "connection authorized: ")) != NULL) {
		l->kind = LOGIN_GOOD;
		if (strstr(line, ",LOG,") != NULL)
			csv(l, line);
		else
			pairs(l, s);
		if (l->address[0] == '\0')
			any_address(l, line);
	} else if ((s = behind(line, "connection received: ")) != NULL) {
		l->kind = LOGIN_CALLER;
		pairs(l, s);
		any_address(l, s);
	}
	return true;
}

/* ---- JSON ------------------------------------------------------------------- */

static const char *
member(const json_t *o, const char *const *keys)
{
	const char *key;
	json_t *v;

	for (; *keys != NULL; keys++)
		json_object_foreach((json_t *)(uintptr_t)o, key, v)
			if (strcasecmp(key, *keys) == 0 && json_is_string(v) &&
			    *json_string_value(v) != '\0')
				return json_string_value(v);
	return NULL;
}

static enum login_kind
outcome(const json_t *o)
{
	static const char *const words[] = { "result", "outcome", "status",
	    "event", "action", "type", "message", "msg", "error", "reason",
	    NULL };
	static const char *const states[] = { "state_code", "sqlstate", NULL };
	const json_t *ok = json_object_get(o, "success");
	const char *state = member(o, states);
	struct buf all = BUF_INIT;
	enum login_kind kind = LOGIN_OTHER;

	for (size_t i = 0; words[i] != NULL; i++) {
		const char *one[] = { words[i], NULL };
		const char *s = member(o, one);

		if (s != NULL)
			buf_printf(&all, "%s ", s);
	}
	if (json_is_boolean(ok))
		kind = json_is_true(ok) ? LOGIN_GOOD : LOGIN_FAILED;
	else if (state != NULL && (strcmp(state, "28P01") == 0 ||
	    strcmp(state, "28000") == 0))
		kind = LOGIN_FAILED;
	else if (all.n > 0 && holds(all.p, login_words))
		kind = holds(all.p, no_words) ? LOGIN_FAILED :
		    holds(all.p, yes_words) ? LOGIN_GOOD : LOGIN_OTHER;
	buf_release(&all);
	return kind;
}

static bool
json(struct login *l, const char *line)
{
	const char *s = line + strspn(line, " ");
	json_t *o;
	const char *role, *address;

	if (*s != '{')
		return false;
	o = json_read(s, strlen(s), NULL);
	if (!json_is_object(o)) {
		json_decref(o);
		return false;
	}
	l->kind = outcome(o);
	role = member(o, role_keys);
	address = member(o, address_keys);
	if (role != NULL)
		set(l->role, role, strlen(role));
	if (address != NULL && !take_address(l, address, strlen(address)))
		set(l->address, address, strlen(address));
	json_decref(o);
	return true;
}

void
login_read(const char *line, struct login *ret)
{
	*ret = (struct login){ .kind = LOGIN_STRANGE };
	if (!json(ret, line) && !sshd(ret, line) && !pam(ret, line) &&
	    !postgres(ret, line))
		plain_words(ret, line);
}
