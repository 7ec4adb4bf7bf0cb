/* The loop: what the console asks, and what has changed on disk since. */
#include "keeper/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "keeper/keeper_intern.h"

enum {
	LOOK_EVERY_MS = 300,		/* at the journal */
	FOLLOW_MS = 100, IDLE_MS = 400,	/* with and without output that may grow */
	INCIDENTS_EVERY_MS = 1000, ALIVE_EVERY_MS = 4000,
	ASK_MAX = 1 << 20,		/* one line of the console */
	BACKLOG = 8 << 20,		/* what a console that sleeps may owe */
};

/* ---- which incident ---------------------------------------------------------------- */

static void
forget(struct keeper *k)
{
	think_end(k);
	incident_release(&k->inc);
	k->inc = (struct incident)INCIDENT_INIT;
	k->have = false;
	k->told = 0;
}

static void
take(struct keeper *k, const char *id)
{
	char *dir = state_path(k->want.state, "incidents/%s", id);
	struct err e = ERR_INIT;

	forget(k);
	k->have = incident_load(&k->inc, dir, &e);
	if (!k->have)
		incident_release(&k->inc);
	if (!k->have)
		k->inc = (struct incident)INCIDENT_INIT;
	k->mind.next = 0;
	free(dir);
}

/* Looks again when one was opened, and when ours is over. */
static void
which_incident(struct keeper *k)
{
	char *dir = state_path(k->want.state, "incidents");
	char id[STATE_ID_MAX] = "";
	struct stat st = { 0 };
	bool same;

	(void)stat(dir, &st);
	free(dir);
	same = st.st_mtim.tv_sec == k->inc_dir.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == k->inc_dir.st_mtim.tv_nsec &&
	    st.st_ino == k->inc_dir.st_ino;
	if (same && (!k->have || k->inc.state == INC_OPEN))
		return;
	k->inc_dir = st;
	if (k->want.incident != NULL) {
		if (!k->have)
			take(k, k->want.incident);
		return;
	}
	if (!incident_current(k->want.state, true, id, &(struct err){ 0 }))
		return;
	if (id[0] == '\0')
		forget(k);
	else if (!k->have || strcmp(id, k->inc.id) != 0)
		take(k, id);
	/* one that is only just being opened has no first line yet */
	if (id[0] == '\0' || !k->have)
		k->inc_dir = (struct stat){ 0 };
}

static void
look_at_record(struct keeper *k)
{
	if (k->have)
		(void)incident_poll(&k->inc, &(struct err){ 0 });
	speak_incident(k);
	speak_entries(k);
}

void
keeper_look(struct keeper *k)
{
	which_incident(k);
	look_at_record(k);
}

/* ---- lines of the record ------------------------------------------------------------ */

/* What may be said here; everything else is a verb's to say. */
static const struct saying {
	enum event_kind kind;
	bool of;			/* it is about an earlier line */
} sayings[] = {
	{ EVENT_NOTE, false },
	{ EVENT_DECISION, false },
	{ EVENT_HYPOTHESIS, false },
	{ EVENT_PIN, true },
	{ EVENT_CORRECTION, true },
};

static const struct saying *
saying_of(const char *kind)
{
	for (size_t i = 0; kind != NULL && i < sizeof sayings /
	    sizeof *sayings; i++)
		if (strcmp(kind, event_name(sayings[i].kind)) == 0)
			return &sayings[i];
	return NULL;
}

/* The same words, handed over to the keeper before us, that it wrote and could
 * not answer for any more. */
static int64_t
said_before(const struct keeper *k, const char *nonce)
{
	for (size_t i = k->inc.entries.n; nonce != NULL && i-- > 0;) {
		const char *had = json_get_str(k->inc.entries.v[i].data,
		    "nonce");

		if (had != NULL && strcmp(had, nonce) == 0)
			return k->inc.entries.v[i].seq;
	}
	return 0;
}

static bool
when(const json_t *ask, int64_t *ret, struct err *e)
{
	const char *at = json_get_str(ask, "at");
	int64_t now = clock_wall_ms();

	*ret = 0;
	if (at == NULL || *at == '\0')
		return true;
	if (!clock_parse(at, now, ret, e))
		return false;
	if (*ret > now + 60000)
		return err_set(e, ERR_USAGE, "'%s' lies in the future", at);
	return true;
}

static bool
say(struct keeper *k, const json_t *ask, int64_t *ret_seq, struct err *e)
{
	const struct saying *s = saying_of(json_get_str(ask, "kind"));
	const char *text = json_get_str(ask, "text");
	const char *nonce = json_get_str(ask, "nonce");
	int64_t of = json_get_int(ask, "of", 0);
	struct buf data = BUF_INIT;
	struct draft d = { .step = json_get_str(ask, "step"), .text = text };
	bool ok;

	if (k->want.read_only)
		return err_set(e, ERR_GUARD, "this console only looks");
	if (s == NULL)
		return err_set(e, ERR_USAGE, "not a line that is said here");
	if (!k->have) {
		err_set(e, ERR_GUARD, "no incident is open");
		return err_hint(e, "'midwatch incident open' begins one.");
	}
	if (s->of && incident_entry(&k->inc, of) == NULL)
		return err_set(e, ERR_USAGE, "there is no line %" PRId64, of);
	if (s->kind != EVENT_PIN && (text == NULL || *text == '\0'))
		return err_set(e, ERR_USAGE, "there is no text");
	(void)incident_poll(&k->inc, &(struct err){ 0 });
	if ((*ret_seq = said_before(k, nonce)) != 0)
		return true;
	json_open(&data);
	if (s->of)
		json_put_int(&data, "of", of);
	if (json_get_bool(ask, "off"))
		json_put_bool(&data, "off", true);
	json_put_str(&data, "nonce", nonce);
	json_close(&data);
	d.kind = s->kind;
	d.data = data.p;
	ok = when(ask, &d.at, e) &&
	    incident_append(&k->inc, &d, 1, NULL, NULL, ret_seq, e);
	buf_release(&data);
	return ok;
}

static void
answer_say(struct keeper *k, const json_t *ask)
{
	struct err e = ERR_INIT;
	struct buf b = BUF_INIT;
	int64_t seq = 0;
	bool ok = say(k, ask, &seq, &e);

	json_open(&b);
	json_put_str(&b, "t", "said");
	json_put_int(&b, "id", json_get_int(ask, "id", 0));
	if (ok)
		json_put_int(&b, "seq", seq);
	else
		speak_error(&b, &e);
	json_close(&b);
	speak_line(k, &b);
	buf_release(&b);
	look_at_record(k);
}

/* ---- what is asked --------------------------------------------------------------------- */

static void
answer_think(struct keeper *k, const json_t *ask)
{
	(void)ask;
	k->mind.wanted = k->mind.fresh = true;
}

static const struct {
	const char *word;
	void (*answer)(struct keeper *k, const json_t *ask);
} asks[] = {
	{ "say", answer_say },
	{ "verb", errand_start },
	{ "kill", errand_kill },
	{ "output", output_ask },
	{ "find", output_find },
	{ "think", answer_think },
};

static void
take_line(struct keeper *k, const char *p, size_t n)
{
	json_t *ask = json_read(p, n, NULL);
	const char *word = ask != NULL ? json_get_str(ask, "do") : NULL;

	for (size_t i = 0; word != NULL && i < sizeof asks / sizeof *asks; i++)
		if (strcmp(asks[i].word, word) == 0)
			asks[i].answer(k, ask);
	json_decref(ask);
}

static void
hear(struct keeper *k)
{
	ssize_t n = io_read_some(k->want.in, &k->in, 64 << 10);
	size_t begin = 0;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
	    k->in.n > ASK_MAX)
		k->end = true;
	for (size_t i = 0; i < k->in.n; i++)
		if (k->in.p[i] == '\n') {
			take_line(k, k->in.p + begin, i - begin);
			begin = i + 1;
		}
	buf_drop(&k->in, begin);
}

static void
speak(struct keeper *k)
{
	while (k->out.n > 0) {
		ssize_t n = write(k->want.out, k->out.p, k->out.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			k->end |= errno != EAGAIN;
			return;
		}
		buf_drop(&k->out, (size_t)n);
	}
}

/* ---- the loop -------------------------------------------------------------------------- */

static void
alive(struct keeper *k, int64_t now)
{
	struct buf b = BUF_INIT;

	if (now < k->alive_at)
		return;
	k->alive_at = now + ALIVE_EVERY_MS;
	json_open(&b);
	json_put_str(&b, "t", "alive");
	json_put_int(&b, "at", clock_wall_ms());
	json_close(&b);
	speak_line(k, &b);
	buf_release(&b);
}

static void
turn(struct keeper *k, int64_t *look_at, int64_t *which_at)
{
	int64_t now = clock_mono_ms();

	if (k->out.n > BACKLOG)
		return;			/* it hears nothing: nothing is said */
	if (now >= *which_at) {
		which_incident(k);
		*which_at = now + INCIDENTS_EVERY_MS;
	}
	if (now >= *look_at) {
		look_at_record(k);
		*look_at = now + LOOK_EVERY_MS;
	}
	jobs_turn(k, now);
	output_turn(k, now);
	errand_turn(k);
	think_turn(k, now);
	others_turn(k, now);
	odd_turn(k, now);
	alive(k, now);
}

/* Whether the output that is looked at may still grow. */
static bool
grows(const struct keeper *k)
{
	for (size_t i = 0; i < k->running.n; i++)
		if (k->running.v[i] == k->view.n)
			return true;
	return false;
}

static void
wait_for_something(struct keeper *k)
{
	size_t n = 0;
	struct pollfd *fds = xcalloc(3 + k->errands.n * 2, sizeof *fds);

	fds[n++] = (struct pollfd){ .fd = k->want.in, .events = POLLIN };
	fds[n++] = (struct pollfd){ .fd = k->out.n > 0 ? k->want.out : -1,
	    .events = POLLOUT };
	fds[n++] = (struct pollfd){ .fd = k->mind.pid > 0 ? k->mind.fd : -1,
	    .events = POLLIN };
	for (size_t i = 0; i < k->errands.n; i++)
		for (int which = 0; which < 2; which++)
			fds[n++] = (struct pollfd){
			    .fd = k->errands.v[i].fd[which], .events = POLLIN };
	if (poll(fds, n, grows(k) ? FOLLOW_MS : IDLE_MS) > 0) {
		if (fds[2].revents != 0)
			think_read(k);
		for (size_t i = 0; i < k->errands.n; i++)
			for (int which = 0; which < 2; which++)
				if (fds[3 + i * 2 + (size_t)which].revents != 0)
					errand_read(k, i, which);
		if (fds[0].revents != 0)
			hear(k);
	}
	free(fds);
}

bool
keeper_serve(const struct keeper_want *want, struct err *e)
{
	struct keeper k = { .want = *want, .inc = INCIDENT_INIT,
	    .presence = -1, .mind.fd = -1 };
	int64_t look_at = 0, which_at = 0;
	int flags = fcntl(want->out, F_GETFL);

	if (flags < 0 || fcntl(want->out, F_SETFL, flags | O_NONBLOCK) != 0)
		return err_sys(e, "cannot speak");
	(void)signal(SIGPIPE, SIG_IGN);
	speak_hello(&k);
	others_begin(&k);
	while (!k.end) {
		turn(&k, &look_at, &which_at);
		speak(&k);
		if (!k.end)
			wait_for_something(&k);
	}
	forget(&k);
	errands_leave(&k);
	VEC_RELEASE(&k.running);
	VEC_RELEASE(&k.rows.marks);
	buf_release(&k.head);
	buf_release(&k.jobs);
	buf_release(&k.others);
	buf_release(&k.in);
	buf_release(&k.out);
	buf_release(&k.mind.in);
	io_close(&k.presence);
	return true;
}
