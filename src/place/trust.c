#include "place/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/io.h"
#include "base/spawn.h"
#include "base/text.h"
#include "place/known.h"

/* --- what it shows ------------------------------------------------------- */

/* Those that are known first, as libssh2 is told to. */
static char *
methods(const struct place_host *h)
{
	struct known v = { 0 };
	struct buf b = BUF_INIT;

	known_ask(&v, h, "");
	for (int turn = 1; turn >= 0; turn--) {
		for (int i = 0; i < KNOWN_KINDS; i++)
			if (v.kinds[i] == (turn == 1))
				buf_printf(&b, "%s%s", b.n ? "," : "",
				    known_kinds[i]);
		if (v.rsa == (turn == 1))
			buf_printf(&b, "%srsa-sha2-512,rsa-sha2-256",
			    b.n ? "," : "");
	}
	return buf_detach(&b);
}

static bool
said(const char *err_text, const struct place *p, struct err *e)
{
	char words[300];

	text_clean_into(words, sizeof words, err_text);
	if (strstr(words, "Host key verification failed")) {
		err_set(e, ERR_GUARD, "a host on the way to '%s' is not"
		    " trusted: %s", p->hostspec->host, words);
		return err_hint(e, "Its key comes first: midwatch trust, with"
		    " the place that is the bastion.");
	}
	return err_set(e, ERR_FAILED, "'%s' shows no host key: %s",
	    p->hostspec->host, *words ? words : "ssh said nothing");
}

/* ssh takes down whatever key it is shown, in a file of its own. */
static bool
ask_system(struct place *p, int64_t until, struct known_key *key,
    struct err *e)
{
	char dir[] = "/tmp/midwatch-XXXXXX", file[sizeof dir + 8], *list;
	struct place_args a = { 0 };
	VEC(const char *) v = { 0 };
	struct ran ran = { 0 };
	struct buf text = BUF_INIT;
	char *rest, *b64 = NULL;
	bool ok = false;

	if (mkdtemp(dir) == NULL)
		return err_sys(e, "cannot make a folder in /tmp");
	snprintf(file, sizeof file, "%s/keys", dir);
	list = methods(&p->host);
	place_system_scan(&a, p, file, list);
	for (size_t i = 0; i < a.words.n; i++)
		VEC_PUSH(&v, a.words.v[i]);
	VEC_PUSH(&v, NULL);
	if (spawn_run(&(struct run){ .argv = v.v, .deadline_ms = until }, &ran,
	    e)) {
		rest = file_read(file, &text, 64 << 10, NULL) ? text.p : NULL;
		for (int i = 0; i < 3 && rest; i++)
			b64 = strsep(&rest, " \n");
		ok = b64 && known_key_of_b64(key, b64);
		if (!ok)
			said(ran.errout.n ? ran.errout.p : "", p, e);
	}
	(void)unlink(file);
	(void)rmdir(dir);
	ran_release(&ran);
	buf_release(&text);
	VEC_RELEASE(&v);
	place_args_release(&a);
	free(list);
	return ok;
}

static void
describe(struct place_key *k, const struct place *p,
    const struct known_key *key)
{
	struct known v = { 0 };
	struct buf as = BUF_INIT;

	known_ask(&v, &p->host, key->b64);
	known_name(&p->host, &as);
	k->host = xprintf("%s@%s", p->host.user, p->host.name);
	k->kind = xstrdup(key->kind);
	k->print = xstrdup(key->print);
	k->line = xprintf("%s %s %s", as.p, key->kind, key->b64);
	k->file = p->host.trust_file ? xstrdup(p->host.trust_file) : NULL;
	if (known_verdict(&v, &p->host, key, place_name(p), &k->why)) {
		k->state = PLACE_KEY_KNOWN;
		k->at = xstrdup(v.same_at);
	} else if (v.revoked || v.differs_at[0] != '\0')
		k->state = PLACE_KEY_REFUSED;
	buf_release(&as);
}

bool
place_key_fetch(struct place_key *k, const struct place_spec *spec,
    const struct place_care *care, struct err *e)
{
	struct place p = { .spec = spec, .hostspec = spec };
	int64_t until = care && care->deadline_ms ? care->deadline_ms :
	    clock_mono_ms() + 20000;
	struct buf why = BUF_INIT;
	struct known_key key = { .b64 = "" };
	bool ok = false;

	*k = (struct place_key){ .state = PLACE_KEY_NEW };
	if (spec && spec->container)
		p.hostspec = spec->at;
	if (p.hostspec == NULL || p.hostspec->host == NULL)
		return err_set(e, ERR_USAGE, "'%s' is on this host, which shows"
		    " no key", spec && spec->name ? spec->name : "here");
	if (care)
		p.care = *care;
	if (!place_host_find(&p.host, p.hostspec, until, e))
		return false;
	if (p.hostspec->system_ssh)
		buf_str(&why, "as the site file says");
	else
		ok = place_ssh_key(&p, until, &key, &why, e);
	if (!ok && why.n > 0) {
		if (e)
			err_clear(e);
		k->by_system = true;
		ok = ask_system(&p, until, &key, e);
	}
	if (!ok && p.host.odd != NULL)
		err_wrap(e, "%s", p.host.odd);
	if (ok)
		describe(k, &p, &key);
	else
		err_wrap(e, "%s", place_name(&p));
	place_host_release(&p.host);
	buf_release(&why);
	return ok;
}

/* --- what is written down ------------------------------------------------- */

/* A missing .ssh is made, as ssh does; any other folder is its owner's to make.
 * Two of us take turns; ssh itself locks nothing. */
static int
lock_dir(const char *path, struct err *e)
{
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');
	size_t n;
	int fd = -1;

	if (slash == NULL)
		snprintf(dir, strlen(dir) + 1, ".");
	else
		slash[slash == dir] = '\0';
	n = strlen(dir);
	if (n < 5 || strcmp(dir + n - 5, "/.ssh") != 0 ||
	    file_mkdir(dir, 0700, e)) {
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 || flock(fd, LOCK_EX) != 0)
			err_sys(e, "cannot add to '%s'", path);
	}
	free(dir);
	return fd;
}

bool
place_key_add(const struct place_key *k, struct err *e)
{
	struct buf text = BUF_INIT;
	struct stat st = { .st_mode = 0600 };
	char *path;
	bool ok = false;
	int lock;

	if (k->file == NULL || strcmp(k->file, "/dev/null") == 0) {
		err_set(e, ERR_USAGE, "ssh is told to keep no known_hosts for"
		    " %s", k->host);
		return err_hint(e, "Give the place a 'known_hosts' in the site"
		    " file.");
	}
	path = realpath(k->file, NULL);		/* through a link, not over it */
	if (path == NULL)
		path = xstrdup(k->file);
	lock = lock_dir(path, e);
	if (lock < 0)
		goto out;
	if (stat(path, &st) == 0 && !file_read(path, &text, 16 << 20, e))
		goto out;
	if (text.n > 0 && text.p[text.n - 1] != '\n')
		buf_ch(&text, '\n');
	buf_printf(&text, "%s\n", k->line);
	ok = file_replace(path, text.p, text.n, st.st_mode & 07777, e);
	/* As root in somebody's file: it stays theirs. */
	if (ok && st.st_ino != 0 && (st.st_uid != geteuid() ||
	    st.st_gid != getegid()))
		(void)!chown(path, st.st_uid, st.st_gid);
out:
	io_close(&lock);
	buf_release(&text);
	free(path);
	return ok;
}

void
place_key_release(struct place_key *k)
{
	free(k->host);
	free(k->kind);
	free(k->print);
	free(k->line);
	free(k->file);
	free(k->at);
	*k = (struct place_key){ 0 };
}
