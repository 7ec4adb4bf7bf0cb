#include "action/libcurl.h"
#include "action/web.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

enum { TRIES = 3, PAUSE_MS = 500, ANSWER_MAX = 200, ONE_TRY_MS = 10000 };

/* ---- addresses -------------------------------------------------------------- */

static const char scheme[] = "://";

/* Where the host of an address ends. */
static size_t
host_end(const char *s)
{
	return strcspn(s, "/?# \t\r\n'\"<>\\");
}

/* After "://": the host without who logs in there, and that more follows. */
static size_t
mask_rest(struct buf *out, const char *s)
{
	size_t host = host_end(s), all = strcspn(s, " \t\r\n'\"<>");
	const char *at = memchr(s, '@', host);
	size_t from = at != NULL ? (size_t)(at - s) + 1 : 0;

	buf_add(out, s + from, host - from);
	if (all > host)
		buf_str(out, "/...");
	return all > host ? all : host;
}

void
web_mask_text(struct buf *out, const char *text)
{
	for (const char *at; (at = strstr(text, scheme)) != NULL;) {
		at += sizeof scheme - 1;
		buf_add(out, text, (size_t)(at - text));
		text = at + mask_rest(out, at);
	}
	buf_str(out, text);
}

void
web_mask(struct buf *out, const char *url)
{
	if (strstr(url, scheme) == NULL)
		buf_str(out, "(an address)");
	else
		web_mask_text(out, url);
}

/* ---- one exchange ------------------------------------------------------------ */

struct exchange {
	CURL *curl;
	struct curl_slist *headers;
	struct buf answer;
	char said[CURL_ERROR_SIZE];
};

/* What is beyond the limit is read and thrown away. */
static size_t
on_answer(char *p, size_t size, size_t n, void *ctx)
{
	struct buf *b = ctx;
	size_t room = b->n < ANSWER_MAX ? ANSWER_MAX - b->n : 0;

	n *= size;
	buf_add(b, p, n < room ? n : room);
	return n;
}

static bool
begin(struct exchange *x, const struct web_post *p)
{
	static bool ready;
	CURL *c;

	if (!ready && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	ready = true;
	x->curl = c = curl_easy_init();
	if (c == NULL)
		return false;
	x->headers = curl_slist_append(NULL, "Content-Type: application/json");
	return curl_easy_setopt(c, CURLOPT_URL, p->url) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	    (p->ca_file == NULL || curl_easy_setopt(c, CURLOPT_CAINFO,
	    p->ca_file) == CURLE_OK) &&
	    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	    /* a resolver that hangs is not waited for */
	    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_USERAGENT, "midwatch") == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_answer) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_WRITEDATA, &x->answer) == CURLE_OK &&
	    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->said) == CURLE_OK;
}

static void
end(struct exchange *x)
{
	curl_slist_free_all(x->headers);
	if (x->curl != NULL)
		curl_easy_cleanup(x->curl);
	buf_release(&x->answer);
}

/* 4xx says that this message will never be taken, but for these. */
static bool
is_passing(long code)
{
	return code >= 500 || code == 408 || code == 425 || code == 429;
}

static enum web_end
judge(struct exchange *x, CURLcode code, bool posted, struct buf *why)
{
	long status = 0;

	if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
		buf_str(why, "its address is not one that can be reached by "
		    "https");
		return WEB_NEVER;
	}
	if (code != CURLE_OK) {
		buf_str(why, x->said[0] != '\0' ? x->said :
		    curl_easy_strerror(code));
		return code == CURLE_PEER_FAILED_VERIFICATION ||
		    code == CURLE_SSL_CACERT_BADFILE ? WEB_UNTRUSTED :
		    WEB_LATER;
	}
	(void)curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	if (!posted || (status >= 200 && status < 300))
		return WEB_OK;
	buf_printf(why, "it answered %ld%s%s", status, x->answer.n > 0 ? ": " :
	    "", x->answer.n > 0 ? x->answer.p : "");
	return is_passing(status) ? WEB_LATER : WEB_NEVER;
}

/* One try; why gets the reason of a failure, clean. */
static enum web_end
exchange(const struct web_post *p, bool post, char *why, size_t size)
{
	struct exchange x = { .answer = BUF_INIT };
	struct err e = ERR_INIT;
	struct buf said = BUF_INIT, masked = BUF_INIT;
	int64_t left = p->deadline_ms - clock_mono_ms();
	enum web_end how = WEB_LATER;
	CURLcode code = CURLE_FAILED_INIT;

	if (!libcurl_load(&e)) {
		text_clean_into(why, size, e.msg);
		return WEB_LATER;
	}
	if (left > ONE_TRY_MS)
		left = ONE_TRY_MS;
	if (left < 1)
		left = 1;
	if (begin(&x, p) &&
	    curl_easy_setopt(x.curl, CURLOPT_TIMEOUT_MS, (long)left) ==
	    CURLE_OK && (post ?
	    curl_easy_setopt(x.curl, CURLOPT_POSTFIELDSIZE, (long)p->n) ==
	    CURLE_OK && curl_easy_setopt(x.curl, CURLOPT_POSTFIELDS, p->body) ==
	    CURLE_OK : curl_easy_setopt(x.curl, CURLOPT_CONNECT_ONLY, 1L) ==
	    CURLE_OK))
		code = curl_easy_perform(x.curl);
	how = judge(&x, code, post, &said);
	web_mask_text(&masked, said.p);
	text_clean_into(why, size, masked.p);
	buf_release(&said);
	buf_release(&masked);
	end(&x);
	return how;
}

enum web_end
web_post(const struct web_post *p, char *why, size_t size)
{
	int tries = p->tries > 0 ? p->tries : TRIES;
	int64_t pause = PAUSE_MS;
	enum web_end how;

	why[0] = '\0';
	while ((how = exchange(p, true, why, size)) == WEB_LATER &&
	    --tries > 0 && clock_mono_ms() + pause < p->deadline_ms) {
		clock_sleep_ms(pause);
		pause *= 2;
	}
	if (how == WEB_OK)
		why[0] = '\0';
	return how;
}

enum web_end
web_try(const struct web_post *p, char *why, size_t size)
{
	return exchange(p, false, why, size);
}
