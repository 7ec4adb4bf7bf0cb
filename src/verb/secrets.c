#include "verb/secrets.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "place/keys.h"
#include "site/spec.h"

enum { TRIES = 3, LOOK_MS = 2000 };

/* ---- the terminal ------------------------------------------------------------- */

static volatile sig_atomic_t caught;

static void
on_signal(int sig)
{
	caught = sig;
}

/* A line without its end; false: a signal came, or the terminal has gone. What
 * does not fit is read all the same, and the whole is nothing then. */
static bool
read_line(char *out, size_t size)
{
	size_t n = 0;
	char c;

	for (;;) {
		ssize_t got = caught == 0 ? read(STDIN_FILENO, &c, 1) : -1;

		if (got < 0 && errno == EINTR && caught == 0)
			continue;
		if (got < 0)
			return false;
		if (got == 0 || c == '\n')
			break;
		if (n + 1 < size)
			out[n] = c;
		n++;
	}
	c = '\0';
	if (n + 1 > size)
		n = 0;
	out[n] = '\0';
	return true;
}

/* Whatever ends this, the terminal shows again what is typed, before the signal
 * has its way. */
static bool
read_hidden(char *out, size_t size)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
	enum { SIGS = sizeof sigs / sizeof *sigs };
	struct sigaction sa = { .sa_handler = on_signal }, old[SIGS];
	struct termios was, hidden;
	bool ok;

	if (tcgetattr(STDIN_FILENO, &was) != 0)
		return false;
	hidden = was;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	hidden.c_lflag |= ECHONL;
	caught = 0;
	for (int i = 0; i < SIGS; i++)
		(void)sigaction(sigs[i], &sa, &old[i]);
	ok = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0 &&
	    read_line(out, size);
	while (tcsetattr(STDIN_FILENO, TCSAFLUSH, &was) != 0 && errno == EINTR)
		;
	for (int i = 0; i < SIGS; i++)
		(void)sigaction(sigs[i], &old[i], NULL);
	if (!ok)
		(void)fprintf(stderr, "\n");
	if (!ok || caught != 0)
		secret_wipe(out, size);
	if (caught != 0)
		(void)raise(caught);
	return ok;
}

/* ---- asking ------------------------------------------------------------------- */

/* Until it opens the key, three times at most; nothing typed is a no. */
static void
ask_one(const char *path, char *room)
{
	struct err e = ERR_INIT;
	char shown[SECRET_KEY];

	text_clean_into(shown, sizeof shown, path);
	for (int i = 0; i < TRIES; i++) {
		bool again;

		(void)fflush(stdout);
		(void)fprintf(stderr, "passphrase of %s (nothing: go on without "
		    "this key): ", shown);
		(void)fflush(stderr);
		do
			again = !read_hidden(room, SECRET_TEXT) &&
			    caught == SIGTSTP;
		while (again);
		if (room[0] == '\0')
			break;
		if (place_key_opens(path, room)) {
			if (!secret_put(path, room, &e))
				cli_note("%s", e.msg);
			secret_wipe(room, SECRET_TEXT);
			return;
		}
		secret_wipe(room, SECRET_TEXT);
		cli_note("that is not its passphrase%s", i + 1 < TRIES ? "" :
		    "; going on without this key");
	}
	cli_note("'ssh-add %s' gives it to your agent for the next time", path);
}

static void
ask(const struct place_keys *keys)
{
	struct err e = ERR_INIT;
	char *room = NULL;

	if (keys->v.n == 0)
		return;
	if (!secret_hold(&e) || (room = secret_room(SECRET_TEXT, &e)) == NULL)
		cli_note("%s", e.msg);
	for (size_t i = 0; room != NULL && i < keys->v.n; i++) {
		char known[SECRET_TEXT];

		if (!secret_find(NULL, keys->v.v[i], known, sizeof known))
			ask_one(keys->v.v[i], room);
		secret_wipe(known, sizeof known);
	}
	secret_room_free(room, SECRET_TEXT);
	if (secret_count() == 0)
		secret_forget();
}

static bool
may_ask(const struct cli *c)
{
	return !c->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

void
secrets_ask_for(const struct cli *c, const struct place_spec *spec)
{
	struct place_keys keys = { .until = clock_mono_ms() + LOOK_MS };

	if (may_ask(c))
		place_keys_locked(&keys, spec);
	ask(&keys);
	place_keys_release(&keys);
}

int64_t
secrets_ask(const struct cli *c, const struct site *site, int64_t within_ms)
{
	int64_t began = clock_mono_ms(), took;
	struct place_keys keys = { .until = began + (within_ms > 0 &&
	    within_ms < LOOK_MS ? within_ms : LOOK_MS) };

	for (size_t i = 0; may_ask(c) && i < site_places(site); i++) {
		struct site_spec spec;

		place_keys_locked(&keys, site_spec(&spec, site,
		    site_place_at(site, i)));
	}
	took = clock_mono_ms() - began;
	ask(&keys);
	place_keys_release(&keys);
	return took;
}

bool
secrets_take(const char *fd, struct err *e)
{
	int64_t n;

	if (fd == NULL)
		return true;
	if (!text_int(fd, 3, 1 << 20, &n))
		return err_set(e, ERR_USAGE, "--secrets-fd is given by midwatch "
		    "itself");
	return secret_take((int)n, e);
}
