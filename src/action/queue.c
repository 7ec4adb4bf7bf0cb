#include "action/queue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action/hook.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/text.h"

enum { LOCK_MS = 3000, NAP_MS = 20, GIVE_UP_MS = 24 * 3600 * 1000,
    SUBJECT_MAX = 400, ONE_MS = 8000 };

/* Two locks of one file: who changes slots, and who sends. */
enum { LOCK_SLOTS = 0, LOCK_SENDER = 1 };

struct box {
	int fd;
};

static bool
lock(const struct box *b, off_t what, int64_t wait_ms)
{
	int64_t end = clock_mono_ms() + wait_ms;
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = what, .l_len = 1 };

	while (fcntl(b->fd, F_OFD_SETLK, &l) != 0) {
		if (clock_mono_ms() >= end)
			return false;
		clock_sleep_ms(NAP_MS);
	}
	return true;
}

static void
unlock(const struct box *b, off_t what)
{
	struct flock l = { .l_type = F_UNLCK, .l_whence = SEEK_SET,
	    .l_start = what, .l_len = 1 };

	(void)fcntl(b->fd, F_OFD_SETLK, &l);
}

static bool
box_open(struct box *b, const struct state *s, bool make, struct err *e)
{
	char *path = state_path(s, "outbox");

	b->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW |
	    (make ? O_CREAT : 0), 0660);
	if (b->fd < 0)
		err_sys(e, "cannot open '%s'", path);
	free(path);
	return b->fd >= 0;
}

/* A slot's message, NULL when it holds none. A torn one is none. */
static json_t *
slot_read(const struct box *b, int i)
{
	char raw[QUEUE_SLOT];
	ssize_t n = io_pread_full(b->fd, raw, sizeof raw,
	    (int64_t)i * QUEUE_SLOT);

	while (n > 0 && (raw[n - 1] == ' ' || raw[n - 1] == '\n' ||
	    raw[n - 1] == '\0'))
		n--;
	return n > 2 ? json_read(raw, (size_t)n, &(struct err){ 0 }) : NULL;
}

static bool
slot_write(const struct box *b, int i, const struct buf *text, struct err *e)
{
	char raw[QUEUE_SLOT];

	memset(raw, ' ', sizeof raw);
	raw[sizeof raw - 1] = '\n';
	if (text != NULL)
		memcpy(raw, text->p, text->n < sizeof raw - 1 ? text->n :
		    sizeof raw - 1);
	return (io_pwrite_all(b->fd, raw, sizeof raw, (int64_t)i * QUEUE_SLOT) &&
	    fdatasync(b->fd) == 0) || err_sys(e, "cannot write to the outbox");
}

/* ---- putting ---------------------------------------------------------------- */

/* As much of the text as a slot has room for, however it is escaped. */
static void
message(const struct queued *q, int64_t seq, struct buf *b)
{
	size_t fit = text_fit(q->text, strlen(q->text), QUEUE_TEXT);

	for (;; fit = text_fit(q->text, fit, fit / 2)) {
		buf_clear(b);
		json_open(b);
		json_put_int(b, "seq", seq);
		json_put_int(b, "at_ms", q->at);
		json_put_str(b, "trigger", site_triggers[q->trigger]);
		json_put_bool(b, "clear", q->clear);
		json_put_str(b, "who", q->who);
		json_put_str(b, "incident", q->incident);
		json_key(b, "subject");
		json_textn(b, q->subject, text_fit(q->subject,
		    strlen(q->subject), fit < SUBJECT_MAX ? fit : SUBJECT_MAX));
		json_key(b, "text");
		json_textn(b, q->text, fit);
		json_close(b);
		if (b->n < QUEUE_SLOT || fit == 0)
			return;
	}
}

static bool
put_locked(const struct box *b, const struct queued *q, struct err *e)
{
	struct buf text = BUF_INIT;
	int64_t last = 0;
	int free_slot = -1;
	bool ok;

	for (int i = 0; i < QUEUE_SLOTS; i++) {
		json_t *m = slot_read(b, i);
		int64_t seq = json_get_int(m, "seq", 0);

		if (m == NULL && free_slot < 0)
			free_slot = i;
		last = seq > last ? seq : last;
		json_decref(m);
	}
	if (free_slot < 0)
		return err_set(e, ERR_BUSY, "%d messages wait for the network "
		    "already", QUEUE_SLOTS);
	message(q, last + 1, &text);
	ok = text.n < QUEUE_SLOT ? slot_write(b, free_slot, &text, e) :
	    err_set(e, ERR_FAILED, "the message does not fit");
	buf_release(&text);
	return ok;
}

bool
queue_put(const struct state *s, const struct queued *q, struct err *e)
{
	struct box b = { .fd = -1 };
	bool ok = false;

	if (box_open(&b, s, true, e)) {
		(void)fchmod(b.fd, 0660);
		ok = lock(&b, LOCK_SLOTS, LOCK_MS) ? put_locked(&b, q, e) :
		    err_set(e, ERR_BUSY, "the outbox is held by somebody else");
	}
	io_close(&b.fd);
	return ok;
}

size_t
queue_count(const struct state *s, const char *who)
{
	struct box b = { .fd = -1 };
	struct stat st;
	size_t n = 0;

	if (!box_open(&b, s, false, &(struct err){ 0 }))
		return 0;
	for (int i = 0; i < QUEUE_SLOTS && fstat(b.fd, &st) == 0 &&
	    st.st_size > (off_t)i * QUEUE_SLOT; i++) {
		json_t *m = slot_read(&b, i);
		const char *for_who = json_get_str(m, "who");

		n += for_who != NULL && (who == NULL ||
		    strcmp(who, for_who) == 0);
		json_decref(m);
	}
	io_close(&b.fd);
	return n;
}

/* ---- sending ------------------------------------------------------------------ */

struct waiting {
	int slot;
	int64_t seq;
	json_t *m;
};

static int
by_seq(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

static const struct site_contact *
contact_of(const struct site *site, const char *who)
{
	for (size_t i = 0; i < site_contacts(site); i++) {
		const struct site_contact *c = site_contact_at(site, i);

		if (who != NULL && strcmp(c->who, who) == 0 &&
		    (c->url != NULL || c->url_file != NULL))
			return c;
	}
	return NULL;
}

static enum site_trigger
trigger_of(const json_t *m)
{
	const char *word = json_get_str(m, "trigger");
	int t = 0;

	while (t < SITE_TRIGGER_COUNT - 1 && (word == NULL ||
	    strcmp(site_triggers[t], word) != 0))
		t++;
	return (enum site_trigger)t;
}

static char *
copy(const json_t *m, const char *key)
{
	const char *s = json_get_str(m, key);

	return s != NULL ? xstrdup(s) : NULL;
}

/* Nobody else empties slots while we send; this one may be torn by now. */
static void
ended(const struct box *b, const struct waiting *w,
    const struct site_contact *who, bool sent, const char *why,
    struct queue_ends *ret)
{
	if (lock(b, LOCK_SLOTS, LOCK_MS)) {
		(void)slot_write(b, w->slot, NULL, NULL);
		unlock(b, LOCK_SLOTS);
	}
	VEC_PUSH(&ret->v, ((struct queue_end){ .who = who, .sent = sent,
	    .name = copy(w->m, "who"), .incident = copy(w->m, "incident"),
	    .subject = copy(w->m, "subject"), .trigger = trigger_of(w->m),
	    .clear = json_get_bool(w->m, "clear"),
	    .at = json_get_int(w->m, "at_ms", 0),
	    .why = why != NULL ? xstrdup(why) : NULL }));
}

static enum hook_end
send_one(const struct site *site, const struct site_contact *c,
    const json_t *m, int64_t deadline_ms, char why[HOOK_WHY])
{
	const char *said = json_get_str(m, "text");
	struct buf text = BUF_INIT;
	int64_t until = clock_mono_ms() + ONE_MS;
	char at[40];
	enum hook_end how;

	clock_fmt_site(at, json_get_int(m, "at_ms", 0));
	buf_printf(&text, "(late: this is from %s)\n%s", at,
	    said != NULL ? said : "");
	struct hook h = { .url = c->url, .url_file = c->url_file,
	    .ca_file = site->comms.ca_file, .tries = 1 };
	struct hook_words w = { .text = text.p };
	how = hook_or_url(&h, &w, until < deadline_ms ? until : deadline_ms,
	    why);
	buf_release(&text);
	return how;
}

static void
collect(const struct box *b, const char *who, struct waiting *v, size_t *n)
{
	*n = 0;
	for (int i = 0; i < QUEUE_SLOTS; i++) {
		json_t *m = slot_read(b, i);
		const char *for_who = json_get_str(m, "who");

		if (for_who == NULL || (who != NULL &&
		    strcmp(who, for_who) != 0))
			json_decref(m);
		else
			v[(*n)++] = (struct waiting){ i,
			    json_get_int(m, "seq", 0), m };
	}
	qsort(v, *n, sizeof *v, by_seq);
}

static void
drain(const struct box *b, const struct site *site, const char *who,
    int64_t deadline_ms, struct queue_ends *ret)
{
	struct waiting v[QUEUE_SLOTS];
	VEC(const struct site_contact *) dead = { 0 };
	size_t n;

	collect(b, who, v, &n);
	for (size_t i = 0; i < n; i++) {
		const struct site_contact *c = contact_of(site,
		    json_get_str(v[i].m, "who"));
		char why[HOOK_WHY] = "";
		enum hook_end how = HOOK_LATER;
		bool is_dead = false;

		for (size_t k = 0; k < dead.n; k++)
			is_dead = is_dead || dead.v[k] == c;
		if (clock_wall_ms() - json_get_int(v[i].m, "at_ms", 0) >
		    GIVE_UP_MS)
			ended(b, &v[i], c, false, "a day has passed", ret);
		else if (c == NULL)
			ended(b, &v[i], NULL, false, "the site file has no "
			    "webhook for them any more", ret);
		else if (!is_dead && clock_mono_ms() < deadline_ms) {
			how = send_one(site, c, v[i].m, deadline_ms, why);
			if (how == HOOK_LATER)
				VEC_PUSH(&dead, c);
			else
				ended(b, &v[i], c, how == HOOK_DONE, why, ret);
		}
		json_decref(v[i].m);
	}
	VEC_RELEASE(&dead);
}

void
queue_drain(const struct site *site, const struct state *s, const char *who,
    int64_t deadline_ms, struct queue_ends *ret)
{
	struct box b = { .fd = -1 };

	if (queue_count(s, who) > 0 &&
	    box_open(&b, s, false, &(struct err){ 0 }) &&
	    lock(&b, LOCK_SENDER, 0))
		drain(&b, site, who, deadline_ms, ret);
	io_close(&b.fd);
}

void
queue_ends_release(struct queue_ends *ends)
{
	for (size_t i = 0; i < ends->v.n; i++) {
		free(ends->v.v[i].name);
		free(ends->v.v[i].incident);
		free(ends->v.v[i].subject);
		free(ends->v.v[i].why);
	}
	VEC_RELEASE(&ends->v);
}
