/* What the user's ssh configuration says about a host: ssh(1) itself is asked,
 * so that aliases, Match and Include mean here what they mean there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/spawn.h"
#include "base/text.h"
#include "base/who.h"
#include "place/intern.h"

enum { SSH_MS = 5000 };

char *
place_path_home(const char *path)
{
	const char *home = getenv("HOME");

	if (path[0] == '~' && path[1] == '/' && home)
		return file_join(home, path + 2);
	return xstrdup(path);
}

static void
set(char **to, const char *value)
{
	free(*to);
	*to = strcmp(value, "none") == 0 ? NULL : xstrdup(value);
}

static const char *
getenv_or_none(const char *name)
{
	const char *value = getenv(name);

	return value != NULL && *value != '\0' ? value : "none";
}

/* ${NAME}; true: taken, with what it stands for. */
static bool
take_variable(struct buf *b, const char **p)
{
	const char *close = strncmp(*p, "${", 2) == 0 ? strchr(*p, '}') : NULL;
	const char *value;
	char *name;

	if (close == NULL)
		return false;
	name = xstrndup(*p + 2, (size_t)(close - *p) - 2);
	value = getenv(name);
	buf_str(b, value ? value : "");
	free(name);
	*p = close;
	return true;
}

/* ssh -G leaves what stands for something in some paths as it is. */
static void
expand(char **path, const struct place_host *h)
{
	const struct who *me = who_am_i();
	const char *home = getenv("HOME");
	struct buf b = BUF_INIT;

	for (const char *p = *path; *p != '\0'; p++) {
		if (take_variable(&b, &p))
			continue;
		if (*p != '%' || p[1] == '\0') {
			buf_ch(&b, *p);
			continue;
		}
		switch (*++p) {
		case '%': buf_ch(&b, '%'); break;
		case 'd': buf_str(&b, home ? home : ""); break;
		case 'h': buf_str(&b, h->name); break;
		case 'r': buf_str(&b, h->user); break;
		case 'n': buf_str(&b, h->alias); break;
		case 'p': buf_printf(&b, "%d", h->port); break;
		case 'u': buf_str(&b, me->login); break;
		case 'i': buf_printf(&b, "%ld", (long)geteuid()); break;
		case 'k': buf_str(&b, h->key_alias ? h->key_alias : h->alias);
			break;
		case 'l': buf_str(&b, me->host); break;
		case 'L': buf_add(&b, me->host, strcspn(me->host, ".")); break;
		default: buf_printf(&b, "%%%c", *p);
		}
	}
	free(*path);
	*path = buf_detach(&b);
}

static void
add_paths(char *list, struct place_host *h)
{
	char *rest = list, *one, *whole = place_path_home(list);

	/* a name with a space looks like two, and is told by being there */
	if (h->name && h->user)		/* they come first */
		expand(&whole, h);
	if (strchr(list, ' ') != NULL && access(whole, F_OK) == 0) {
		VEC_PUSH(&h->known_hosts, whole);
		return;
	}
	free(whole);
	while ((one = strsep(&rest, " ")) != NULL)
		if (*one != '\0')
			VEC_PUSH(&h->known_hosts, place_path_home(one));
}

static void
one_line(struct place_host *h, char *line, const struct place_spec *spec)
{
	char *value = strchr(line, ' ');
	int64_t port;

	if (value == NULL)
		return;
	*value++ = '\0';
	if (strcmp(line, "hostname") == 0)
		set(&h->name, value);
	else if (strcmp(line, "user") == 0)
		set(&h->user, value);
	else if (strcmp(line, "port") == 0 && text_int(value, 1, 65535, &port))
		h->port = (int)port;
	else if (strcmp(line, "identityfile") == 0 && !spec->identity)
		VEC_PUSH(&h->identities, place_path_home(value));
	else if (strcmp(line, "identityagent") == 0 &&
	    strcmp(value, "SSH_AUTH_SOCK") != 0)	/* that we have */
		set(&h->agent, *value == '$' && value[1] != '{' ?
		    getenv_or_none(value + 1) : value);
	else if (strcmp(line, "identitiesonly") == 0)
		h->identities_only = strcmp(value, "yes") == 0;
	else if (strcmp(line, "sessiontype") == 0)
		h->newer = true;
	else if (strcmp(line, "proxyjump") == 0)
		set(&h->jump, value);
	else if (strcmp(line, "proxycommand") == 0)
		set(&h->command, value);
	else if (strcmp(line, "hostkeyalias") == 0)
		set(&h->key_alias, value);
	else if (strcmp(line, "globalknownhostsfile") == 0)
		add_paths(value, h);
	else if (strcmp(line, "userknownhostsfile") == 0 &&
	    !spec->known_hosts) {
		size_t first = h->known_hosts.n;

		add_paths(value, h);
		if (h->known_hosts.n > first)
			set(&h->trust_file, h->known_hosts.v[first]);
	}
}

/* Where ssh is told to forget, what is trusted has to be written somewhere all
 * the same: we refuse who is not known. */
static void
remember(struct place_host *h)
{
	if (h->trust_file == NULL || strcmp(h->trust_file, "/dev/null") != 0)
		return;
	free(h->trust_file);
	h->trust_file = place_path_home("~/.ssh/known_hosts");
	VEC_PUSH(&h->known_hosts, xstrdup(h->trust_file));
	h->known_nowhere = true;
}

static void
finish(struct place_host *h, const struct place_spec *spec)
{
	for (size_t i = spec->identity != NULL; i < h->identities.n; i++)
		expand(&h->identities.v[i], h);
	for (size_t i = spec->known_hosts != NULL; i < h->known_hosts.n; i++)
		expand(&h->known_hosts.v[i], h);
	if (h->trust_file != NULL && spec->known_hosts == NULL)
		expand(&h->trust_file, h);
	if (h->agent != NULL)
		expand(&h->agent, h);
	if (spec->known_hosts == NULL)
		remember(h);
}

static void
note_odd(struct place_host *h, const struct ran *ran, const struct err *e)
{
	char words[200];
	const char *said = e->kind != ERR_NONE ? e->msg :
	    ran->errout.n > 0 ? ran->errout.p : "it says nothing";
	char *line = xstrndup(said, strcspn(said, "\r\n"));

	text_clean_into(words, sizeof words, line);
	free(line);
	h->odd = xprintf("the SSH configuration is left out (%s)", words);
}

static bool
word_ok(const char *s)
{
	return *s != '-' && *s != '\0' && strpbrk(s, "'\"`$\\;&<>|(){} \t\n") ==
	    NULL;
}

bool
place_host_find(struct place_host *h, const struct place_spec *spec,
    int64_t until, struct err *e)
{
	int64_t latest = clock_mono_ms() + SSH_MS;
	const char *argv[12] = { "ssh", "-G" };
	struct ran ran = { 0 };
	struct err quiet = ERR_INIT;
	const char *agent = getenv("SSH_AUTH_SOCK");
	char port[16], *rest, *line;
	size_t n = 2;

	if (!word_ok(spec->host) || (spec->user && !word_ok(spec->user)))
		return err_set(e, ERR_USAGE, "'%s' is no host's name",
		    spec->host);
	snprintf(port, sizeof port, "%d", spec->port);
	if (spec->config) {
		argv[n++] = "-F";
		argv[n++] = spec->config;
	}
	if (spec->port) {
		argv[n++] = "-p";
		argv[n++] = port;
	}
	if (spec->user) {
		argv[n++] = "-l";
		argv[n++] = spec->user;
	}
	argv[n++] = "--";
	argv[n++] = spec->host;
	h->alias = xstrdup(spec->host);
	if (spec->identity)
		VEC_PUSH(&h->identities, place_path_home(spec->identity));
	if (spec->known_hosts) {
		h->trust_file = place_path_home(spec->known_hosts);
		VEC_PUSH(&h->known_hosts, xstrdup(h->trust_file));
	}
	if (agent)
		h->agent = xstrdup(agent);
	if (spawn_run(&(struct run){ .argv = argv,
	    .deadline_ms = until != 0 && until < latest ? until : latest }, &ran, &quiet) &&
	    spawn_code(ran.status) == 0)
		for (rest = ran.out.p; (line = strsep(&rest, "\n")) != NULL;)
			one_line(h, line, spec);
	else
		note_odd(h, &ran, &quiet);
	ran_release(&ran);
	if (h->name == NULL)	/* no ssh(1), or one that failed */
		h->name = xstrdup(spec->host);
	if (h->user == NULL)
		h->user = xstrdup(spec->user ? spec->user : who_am_i()->login);
	if (h->port == 0)
		h->port = spec->port ? spec->port : 22;
	finish(h, spec);
	return true;
}

void
place_host_release(struct place_host *h)
{
	for (size_t i = 0; i < h->identities.n; i++)
		free(h->identities.v[i]);
	for (size_t i = 0; i < h->known_hosts.n; i++)
		free(h->known_hosts.v[i]);
	VEC_RELEASE(&h->identities);
	VEC_RELEASE(&h->known_hosts);
	free(h->alias);
	free(h->name);
	free(h->user);
	free(h->trust_file);
	free(h->key_alias);
	free(h->agent);
	free(h->jump);
	free(h->command);
	free(h->odd);
	*h = (struct place_host){ 0 };
}

/* ProxyJump's first word is nearest to us: the last one is our bastion, and
 * the words before it are its own ProxyJump, which only ssh(1) can be told. */
bool
place_jump_spec(struct place_spec *ret, char *word,
    const struct place_spec *of)
{
	char *at = strrchr(word, '@'), *colon, *close;
	int64_t port;

	*ret = (struct place_spec){ .name = word, .config = of->config,
		.known_hosts = of->known_hosts };
	if (strpbrk(word, ",/"))
		return false;
	ret->host = at ? at + 1 : word;
	if (at) {
		*at = '\0';
		ret->user = word;
	}
	close = strchr(ret->host, ']');
	if (*ret->host == '[' && close) {	/* [host]:port */
		*close++ = '\0';
		ret->host++;
	}
	colon = strchr(close ? close : ret->host, ':');
	if (colon && text_int(colon + 1, 1, 65535, &port)) {
		*colon = '\0';
		ret->port = (int)port;
	}
	return true;
}
