#include "action/hook.h"

#include <stdlib.h>
#include <string.h>

#include "action/web.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/spawn.h"
#include "base/text.h"

enum { OUTPUT_MAX = 4096, QUOTE = 120, TEXT_MAX = 3000, URL_MAX = 4096 };

/* ---- programs --------------------------------------------------------------- */

/* Foreign words into a sentence of ours: clean, and no address in full. */
static void
quote(char why[HOOK_WHY], const char *words)
{
	struct buf b = BUF_INIT;

	web_mask_text(&b, words);
	text_clean_into(why, HOOK_WHY, b.p);
	buf_release(&b);
}

static enum hook_end
run_program(const struct hook *h, const struct hook_words *w,
    int64_t deadline_ms, char why[HOOK_WHY])
{
	const struct conf_cmd *c = h->command;
	const char *shell[] = { "/bin/sh", "-c", c->v[0], NULL };
	struct buf how = BUF_INIT;
	struct err e = ERR_INIT;
	struct ran ran = { 0 };
	struct run r = { .argv = c->shell ? shell : (const char *const *)c->v,
	    .dir = h->dir, .input = w->json, .input_n = w->json_n,
	    .limit = OUTPUT_MAX, .merge_err = true,
	    .deadline_ms = deadline_ms };
	bool ok = spawn_run(&r, &ran, &e);

	if (!ok)
		quote(why, e.msg);
	else if (spawn_code(ran.status) != 0) {
		spawn_describe(ran.status, &how);
		if (ran.out.n > 0)
			buf_printf(&how, ": %.*s", QUOTE, ran.out.p);
		quote(why, how.p);
		ok = false;
	}
	ran_release(&ran);
	buf_release(&how);
	return ok ? HOOK_DONE : HOOK_FAILED;
}

/* ---- webhooks ----------------------------------------------------------------- */

/* In Slack's words <!channel> wakes everybody up. */
static void
put_text(struct buf *b, const char *text)
{
	struct buf safe = BUF_INIT, clean = BUF_INIT;

	text_clean(&clean, text, text_fit(text, strlen(text), TEXT_MAX),
	    TEXT_BLOCK);
	for (const char *p = clean.p; *p != '\0'; p++)
		if (*p == '&')
			buf_str(&safe, "&amp;");
		else if (*p == '<')
			buf_str(&safe, "&lt;");
		else if (*p == '>')
			buf_str(&safe, "&gt;");
		else
			buf_ch(&safe, *p);
	json_open(b);
	json_put_str(b, "text", safe.p);
	json_close(b);
	buf_release(&clean);
	buf_release(&safe);
}

/* The address, for a moment. Its file holds one line. */
static bool
take_url(const struct hook *h, struct buf *url, char why[HOOK_WHY])
{
	struct err e = ERR_INIT;

	if (h->url != NULL)
		buf_str(url, h->url);
	else if (!file_read(h->url_file, url, URL_MAX, &e)) {
		text_clean_into(why, HOOK_WHY, e.msg);
		return false;
	}
	while (url->n > 0 && strchr(" \t\r\n", url->p[url->n - 1]) != NULL)
		buf_cut(url, url->n - 1);
	if (text_starts(url->p, "https://") && strpbrk(url->p, " \r\n") == NULL)
		return true;
	if (h->url != NULL)
		text_clean_into(why, HOOK_WHY, "its address does not begin "
		    "with https://");
	else {
		buf_clear(url);
		buf_printf(url, "'%s' does not hold one address that begins "
		    "with https://", h->url_file);
		text_clean_into(why, HOOK_WHY, url->p);
	}
	return false;
}

static void
drop_url(struct buf *url)
{
	if (url->cap > 0)
		secret_wipe(url->p, url->cap);
	buf_release(url);
}

static const enum hook_end ends[] = { [WEB_OK] = HOOK_DONE,
    [WEB_LATER] = HOOK_LATER, [WEB_UNTRUSTED] = HOOK_LATER, [WEB_NEVER] = HOOK_FAILED };

static enum hook_end
post(const struct hook *h, const struct hook_words *w, int64_t deadline_ms,
    char why[HOOK_WHY])
{
	struct buf url = BUF_INIT, body = BUF_INIT;
	enum hook_end how = HOOK_FAILED;

	if (take_url(h, &url, why)) {
		put_text(&body, w->text);
		struct web_post p = { .url = url.p, .body = body.p,
		    .n = body.n, .ca_file = h->ca_file, .tries = h->tries,
		    .deadline_ms = deadline_ms };
		how = ends[web_post(&p, why, HOOK_WHY)];
	}
	drop_url(&url);
	buf_release(&body);
	return how;
}

enum hook_end
hook_try_url(const struct hook *h, int64_t deadline_ms, char why[HOOK_WHY])
{
	struct buf url = BUF_INIT;
	enum hook_end how = HOOK_FAILED;

	why[0] = '\0';
	if (h->url == NULL && h->url_file == NULL)
		return HOOK_NONE;
	if (take_url(h, &url, why)) {
		struct web_post p = { .url = url.p, .ca_file = h->ca_file,
		    .deadline_ms = deadline_ms };
		how = ends[web_try(&p, why, HOOK_WHY)];
	}
	drop_url(&url);
	return how;
}

enum hook_end
hook_or_url(const struct hook *h, const struct hook_words *w,
    int64_t deadline_ms, char why[HOOK_WHY])
{
	enum hook_end how = HOOK_NONE;

	why[0] = '\0';
	if (h->command != NULL && h->command->v != NULL)
		how = run_program(h, w, deadline_ms, why);
	if (how != HOOK_DONE && (h->url != NULL || h->url_file != NULL))
		how = post(h, w, deadline_ms, why);
	return how;
}
