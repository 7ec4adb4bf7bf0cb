#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/io.h"

struct one {
	char key[SECRET_KEY], text[SECRET_TEXT];
};

static struct {
	struct one *v;
	size_t n;
	int dumpable;		/* as it was before */
	bool forks;		/* lock_again() is called */
} held;

void
secret_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}

/* mlock() may be refused by a small limit: a page that could be swapped is still
 * better than an incident without its places. */
char *
secret_room(size_t size, struct err *e)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		err_sys(e, "cannot get memory for a passphrase");
		return NULL;
	}
	(void)mlock(p, size);
	(void)madvise(p, size, MADV_DONTDUMP);
	return p;
}

void
secret_room_free(char *p, size_t size)
{
	if (p == NULL)
		return;
	secret_wipe(p, size);
	(void)munmap(p, size);
}

/* A lock on memory ends at a fork. */
static void
lock_again(void)
{
	if (held.v != NULL)
		(void)mlock(held.v, SECRETS_MAX * sizeof *held.v);
}

/* Before the first of them is in memory. */
bool
secret_hold(struct err *e)
{
	if (held.v != NULL)
		return true;
	held.v = (struct one *)(void *)secret_room(SECRETS_MAX *
	    sizeof *held.v, e);
	if (held.v == NULL)
		return false;
	if (!held.forks)
		held.forks = pthread_atfork(NULL, NULL, lock_again) == 0;
	held.dumpable = prctl(PR_GET_DUMPABLE);
	if (prctl(PR_SET_DUMPABLE, 0) == 0)
		return true;
	err_sys(e, "cannot keep the process from being dumped");
	secret_forget();
	return false;
}

void
secret_forget(void)
{
	if (held.v == NULL)
		return;
	secret_room_free((char *)held.v, SECRETS_MAX * sizeof *held.v);
	held.v = NULL;
	held.n = 0;
	(void)prctl(PR_SET_DUMPABLE, held.dumpable == 1 ? 1 : 0);
}

static struct one *
find(const char *key)
{
	for (size_t i = 0; i < held.n; i++)
		if (strcmp(held.v[i].key, key) == 0)
			return &held.v[i];
	return NULL;
}

bool
secret_put(const char *key, const char *text, struct err *e)
{
	struct one *s = find(key);

	if (strlen(key) >= SECRET_KEY || strlen(text) >= SECRET_TEXT)
		return err_set(e, ERR_USAGE, "the passphrase of '%s' is longer "
		    "than %d bytes", key, SECRET_TEXT - 1);
	if (s == NULL && held.n == SECRETS_MAX)
		return err_set(e, ERR_USAGE, "more than %d passphrases",
		    SECRETS_MAX);
	if (!secret_hold(e))
		return false;
	if (s == NULL)
		s = &held.v[held.n++];
	memcpy(s->key, key, strlen(key) + 1);
	secret_wipe(s->text, sizeof s->text);
	memcpy(s->text, text, strlen(text) + 1);
	return true;
}

bool
secret_find(void *ctx, const char *key, char *out, size_t size)
{
	const struct one *s = find(key);
	size_t n = s != NULL ? strlen(s->text) + 1 : 0;

	(void)ctx;
	if (s == NULL || n > size)
		return false;
	memcpy(out, s->text, n);
	return true;
}

size_t
secret_count(void)
{
	return held.n;
}

/* ---- by pipe ---------------------------------------------------------------- */

/* Key and text with their zeros, one after the other: the pipe has room for all
 * of them, so that writing never waits. */
int
secret_pipe(struct err *e)
{
	int fd[2];
	bool ok = true;

	if (pipe2(fd, O_CLOEXEC) != 0) {
		err_sys(e, "cannot make a pipe");
		return -1;
	}
	(void)fcntl(fd[1], F_SETFL, O_NONBLOCK);
	for (size_t i = 0; i < held.n && ok; i++)
		ok = io_write_all(fd[1], held.v[i].key,
		    strlen(held.v[i].key) + 1) &&
		    io_write_all(fd[1], held.v[i].text,
		    strlen(held.v[i].text) + 1);
	if (!ok) {
		err_sys(e, "cannot hand a passphrase on");
		io_close(&fd[0]);
	}
	io_close(&fd[1]);
	return fd[0];
}

static bool
take_all(const char *p, size_t n, struct err *e)
{
	const char *end = p + n;

	while (p < end) {
		const char *text = p + strlen(p) + 1;

		if (text >= end)
			return err_set(e, ERR_FAILED, "what came by the pipe of "
			    "passphrases is cut off");
		if (!secret_put(p, text, e))
			return false;
		p = text + strlen(text) + 1;
	}
	return true;
}

bool
secret_take(int fd, struct err *e)
{
	size_t size = SECRETS_MAX * sizeof(struct one) + 1;
	char *p = NULL;
	ssize_t n;
	bool ok = false;

	/* what reads our memory from here on must be root */
	if (secret_hold(e) && (p = secret_room(size, e)) != NULL) {
		n = io_read_full(fd, p, size - 1);	/* then a zero stays */
		ok = n >= 0 ? take_all(p, (size_t)n, e) :
		    err_sys(e, "cannot read the pipe of passphrases");
	}
	secret_room_free(p, size);
	if (held.n == 0)
		secret_forget();
	io_close(&fd);
	return ok;
}
