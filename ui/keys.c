#include "ui/keys.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/file.h"
#include "base/text.h"

#define REQUEST_ROW_(id, word, space, keys, rank, label, help)		\
	{ word, SPACE_##space, keys, rank, label, help },
const struct request_row requests[REQ_COUNT] = { REQUEST_LIST(REQUEST_ROW_) };

static const struct {
	enum space parent;
	const char *name, *heading;
} spaces[SPACE_COUNT] = {
	[SPACE_GLOBAL] = { SPACE_GLOBAL, "global", "everywhere" },
	[SPACE_LIST] = { SPACE_GLOBAL, "list", "in every list" },
	[SPACE_LIVE] = { SPACE_LIST, "live", "in the live picture" },
	[SPACE_RUNBOOK] = { SPACE_LIST, "runbook", "in the runbook" },
	[SPACE_JOB] = { SPACE_LIST, "job", "in a job's output" },
	[SPACE_RECORD] = { SPACE_LIST, "record", "in the record" },
	[SPACE_PEOPLE] = { SPACE_LIST, "people", "among the people" },
};

static const struct {
	const char *name;
	uint32_t key;
} names[] = {
	{ "Enter", KEY_RETURN }, { "Esc", KEY_ESC }, { "Tab", KEY_TAB },
	{ "Space", ' ' }, { "Backspace", KEY_BACK }, { "Del", KEY_DEL },
	{ "Up", KEY_UP_ARROW }, { "Down", KEY_DOWN_ARROW },
	{ "Left", KEY_LEFT_ARROW }, { "Right", KEY_RIGHT_ARROW },
	{ "Home", KEY_HOME_ }, { "End", KEY_END_ }, { "PgUp", KEY_PGUP },
	{ "PgDn", KEY_PGDN }, { "Ins", KEY_INS }, { "S-Tab", KEY_BACKTAB },
};

enum space
space_parent(enum space s)
{
	return spaces[s].parent;
}

const char *
space_name(enum space s)
{
	return spaces[s].name;
}

enum request
request_find(const char *word)
{
	for (int r = 0; r < REQ_COUNT; r++)
		if (strcmp(requests[r].word, word) == 0)
			return (enum request)r;
	return REQ_NONE;
}

/* ---- names of keys ------------------------------------------------------- */

static bool
plain_key(const char *word, uint32_t *ret)
{
	int64_t number;
	uint32_t cp;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(word, names[i].name) == 0) {
			*ret = names[i].key;
			return true;
		}
	if (word[0] == 'F' && text_int(word + 1, 1, 12, &number)) {
		*ret = KEY_F1 + (uint32_t)number - 1;
		return true;
	}
	if (text_utf8_len(word, strlen(word), &cp) != strlen(word) ||
	    cp <= ' ' || cp == 0x7f)
		return false;
	*ret = cp;
	return true;
}

bool
key_parse(const char *word, uint32_t *ret)
{
	uint32_t key;

	if (text_starts(word, "M-") && word[2] != '\0') {
		if (!key_parse(word + 2, &key) || key & KEY_ALT)
			return false;
		*ret = key | KEY_ALT;
		return true;
	}
	if (text_starts(word, "C-") && word[2] != '\0') {
		char c = word[2];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (word[3] != '\0' || c < 'a' || c > 'z')
			return false;
		*ret = KEY_CTRL(c);
		return true;
	}
	return plain_key(word, ret);
}

size_t
key_utf8(uint32_t cp, char out[5])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

void
key_text(uint32_t key, char out[24])
{
	const char *alt = key & KEY_ALT ? "M-" : "";
	char text[5] = "";

	key &= ~(uint32_t)KEY_ALT;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].key == key) {
			(void)snprintf(out, 24, "%s%s", alt, names[i].name);
			return;
		}
	if (key >= KEY_F1 && key < KEY_LAST)
		(void)snprintf(out, 24, "%sF%u", alt, key - KEY_F1 + 1);
	else if (key < ' ')
		(void)snprintf(out, 24, "%sC-%c", alt, (char)(key + 'a' - 1));
	else {
		text[key_utf8(key, text)] = '\0';
		(void)snprintf(out, 24, "%s%s", alt, text);
	}
}

void
keys_name(const struct keys *k, enum request r, char out[24])
{
	out[0] = '\0';
	if (k->bound[r][0] != KEY_NONE)
		key_text(k->bound[r][0], out);
}

/* ---- the table's own keys ------------------------------------------------ */

void
keys_init(struct keys *k)
{
	*k = (struct keys){ { { 0 } } };
	for (int r = 0; r < REQ_COUNT; r++) {
		char words[64], *word, *save = NULL;
		size_t n = 0;

		(void)snprintf(words, sizeof words, "%s", requests[r].keys);
		for (word = strtok_r(words, " ", &save); word != NULL;
		     word = strtok_r(NULL, " ", &save))
			if (n == KEYS_PER_REQUEST ||
			    !key_parse(word, &k->bound[r][n++]))
				die("the table of keys has '%s' for %s", word,
				    requests[r].word);
	}
}

static bool
has(const struct keys *k, int r, uint32_t key)
{
	for (int i = 0; i < KEYS_PER_REQUEST && k->bound[r][i]; i++)
		if (k->bound[r][i] == key)
			return true;
	return false;
}

enum request
keys_find(const struct keys *k, enum space space, uint32_t key)
{
	if (key == '\b')	/* what some keyboards send for Backspace */
		key = KEY_BACK;
	if (key == '\n')
		key = KEY_RETURN;
	for (;;) {
		for (int r = 0; r < REQ_COUNT; r++)
			if (requests[r].space == space && has(k, r, key))
				return (enum request)r;
		if (space == SPACE_GLOBAL)
			return REQ_NONE;
		space = spaces[space].parent;
	}
}

/* ---- collisions ---------------------------------------------------------- */

bool
keys_within(enum space inner, enum space outer)
{
	while (inner != outer && inner != SPACE_GLOBAL)
		inner = spaces[inner].parent;
	return inner == outer;
}

/* A key that both have where one of them hides the other. */
static uint32_t
collision(const struct keys *k, int a, int b)
{
	if (!keys_within(requests[a].space, requests[b].space) &&
	    !keys_within(requests[b].space, requests[a].space))
		return KEY_NONE;
	for (int i = 0; i < KEYS_PER_REQUEST && k->bound[a][i]; i++)
		if (has(k, b, k->bound[a][i]))
			return k->bound[a][i];
	return KEY_NONE;
}

void
keys_collisions(const struct keys *k, struct notes *ret)
{
	for (int a = 0; a < REQ_COUNT; a++)
		for (int b = 0; b < a; b++) {
			uint32_t key = collision(k, a, b);
			char name[24];

			if (key == KEY_NONE)
				continue;
			key_text(key, name);
			notes_add(ret, "key %s is bound to '%s' and '%s'",
			    name, requests[b].word, requests[a].word);
		}
}

/* ---- keys.cfg ------------------------------------------------------------ */

enum { KEYS_LIMIT = 64 * 1024 };

struct keys_group {
	int line;
	struct conf_strs of[REQ_COUNT];
};
struct keys_file {
	int line;
	struct keys_group keys;
};

#define REQUEST_KEY_(id, name, space, keys, rank, label, help)		\
	{ .key = name, .type = CONF_STRS,				\
	    .off = offsetof(struct keys_group, of[REQ_##id]) },
static const struct conf_row request_rows[] = { REQUEST_LIST(REQUEST_KEY_) };
static const struct conf_schema group_schema = { request_rows, REQ_COUNT,
	sizeof(struct keys_group) };
static const struct conf_row file_rows[] = {
	{ .key = "keys", .type = CONF_GROUP, .sub = &group_schema,
	    .off = offsetof(struct keys_file, keys) },
};
static const struct conf_schema file_schema = { file_rows, 1,
	sizeof(struct keys_file) };

/* Who cannot find these cannot get out, or cannot find the others. */
static bool
is_needed(int r)
{
	return r == REQ_HELP || r == REQ_QUIT || r == REQ_BACK ||
	    r == REQ_PALETTE || r == REQ_UP || r == REQ_DOWN ||
	    r == REQ_OPEN || r == REQ_NEXT_PANE || r == REQ_SAVE_ALL;
}

static bool
is_move(int r)
{
	return r == REQ_UP || r == REQ_DOWN || r == REQ_LEFT || r == REQ_RIGHT;
}

/* NULL when the key may be bound to r, else why not. */
static const char *
forbidden(int r, uint32_t key)
{
	if (key == KEY_CTRL('s') || key == KEY_CTRL('q'))
		return "stops and starts the output of terminals";
	if (key == KEY_CTRL('c') && r != REQ_INTERRUPT)
		return "interrupts, and nothing else";
	if (!is_move(r) && (key == 'h' || key == 'j' || key == 'k' ||
		key == 'l'))
		return "moves, and nothing else";
	if (key == KEY_ESC && r != REQ_BACK)
		return "goes back, and nothing else";
	return NULL;
}

static bool
take(struct keys *k, struct conf_doc *doc, int r, const struct conf_strs *s)
{
	uint32_t keys[KEYS_PER_REQUEST] = { 0 };
	char where[64], name[24];
	size_t n = 0;
	bool ok = true;

	(void)snprintf(where, sizeof where, "keys.%s", requests[r].word);
	for (size_t i = 0; i < s->n; i++) {
		const char *why;
		uint32_t key;

		if (strcmp(s->v[i], "none") == 0 && s->n == 1)
			break;
		if (!key_parse(s->v[i], &key)) {
			conf_problem(doc, s->line[i], where, "'%s' is no key",
			    s->v[i]);
			ok = false;
			continue;
		}
		why = forbidden(r, key);
		key_text(key, name);
		if (why != NULL)
			conf_problem(doc, s->line[i], where, "%s %s", name,
			    why);
		else if (n == KEYS_PER_REQUEST)
			conf_problem(doc, s->line[i], where,
			    "more than %d keys", KEYS_PER_REQUEST);
		else
			keys[n++] = key;
		ok = ok && why == NULL && n <= KEYS_PER_REQUEST;
	}
	if (ok && n == 0 && is_needed(r)) {
		conf_problem(doc, conf_line(doc, where), where,
		    "needs at least one key");
		ok = false;
	}
	if (ok)
		memcpy(k->bound[r], keys, sizeof keys);
	return ok;
}

/* A new key that somebody else has goes back to what the table says; since that
 * may collide in its turn, until nothing changes. */
static void
settle(struct keys *k, struct conf_doc *doc, bool given[REQ_COUNT])
{
	struct keys own;
	bool again = true;

	keys_init(&own);
	while (again) {
		again = false;
		for (int a = 0; a < REQ_COUNT; a++)
			for (int b = 0; b < REQ_COUNT; b++) {
				char where[64], name[24];
				uint32_t key = a == b || !given[a] ? KEY_NONE :
				    collision(k, a, b);

				if (key == KEY_NONE)
					continue;
				(void)snprintf(where, sizeof where, "keys.%s",
				    requests[a].word);
				key_text(key, name);
				conf_problem(doc, conf_line(doc, where), where,
				    "%s is already bound to '%s'", name,
				    requests[b].word);
				memcpy(k->bound[a], own.bound[a],
				    sizeof own.bound[a]);
				given[a] = false;
				again = true;
			}
	}
}

bool
keys_parse(struct keys *k, const char *path, const char *p, size_t n,
    struct notes *problems)
{
	struct conf_doc doc = { 0 };
	struct keys_file *f = xcalloc(1, sizeof *f);
	bool given[REQ_COUNT] = { false };
	bool ok = conf_parse(&doc, path, p, n, &file_schema, f);

	if (ok) {
		for (int r = 0; r < REQ_COUNT; r++)
			if (f->keys.of[r].v != NULL)
				given[r] = take(k, &doc, r, &f->keys.of[r]);
		settle(k, &doc, given);
	}
	conf_sort(&doc);
	for (size_t i = 0; i < doc.problems.n; i++)
		notes_add(problems, "%s", doc.problems.v[i].text);
	conf_release(&doc);
	free(f);
	return ok;
}

bool
keys_load(struct keys *k, const char *path, struct notes *problems)
{
	struct buf b = BUF_INIT;
	struct err e = ERR_INIT;
	bool ok = file_read(path, &b, KEYS_LIMIT, &e);

	if (!ok)
		notes_add(problems, "keys: %s", e.msg);
	else
		ok = keys_parse(k, path, b.p, b.n, problems);
	buf_release(&b);
	return ok;
}

/* ---- what is made of the table ------------------------------------------- */

size_t
keys_best(const struct keys *k, enum space space, enum request *out, size_t max)
{
	size_t n = 0;

	for (int rank = 1; rank < 16; rank++)
		for (int r = 0; r < REQ_COUNT && n < max; r++)
			if (requests[r].rank == rank &&
			    k->bound[r][0] != KEY_NONE &&
			    keys_within(space, requests[r].space))
				out[n++] = (enum request)r;
	return n;
}

static void
all_keys(const struct keys *k, int r, const char *between, struct buf *out)
{
	char name[24];

	for (int i = 0; i < KEYS_PER_REQUEST && k->bound[r][i]; i++) {
		key_text(k->bound[r][i], name);
		buf_printf(out, "%s%s", i ? between : "", name);
	}
}

static void
help_of(const struct keys *k, enum space space, struct buf *out)
{
	bool any = false;

	for (int r = 0; r < REQ_COUNT; r++) {
		if (requests[r].space != space || k->bound[r][0] == KEY_NONE)
			continue;
		if (!any)
			buf_printf(out, "%s\n", spaces[space].heading);
		any = true;
		all_keys(k, r, " ", out);
		buf_printf(out, "\t%s\n", requests[r].help);
	}
}

void
keys_help(const struct keys *k, enum space space, struct buf *out)
{
	help_of(k, space, out);
	while (space != SPACE_GLOBAL) {
		space = spaces[space].parent;
		help_of(k, space, out);
	}
}

void
keys_table(const struct keys *k, enum space space, struct buf *out)
{
	struct buf words = BUF_INIT;

	buf_printf(out, "%s:\n", spaces[space].heading);
	for (int r = 0; r < REQ_COUNT; r++) {
		if (requests[r].space != space)
			continue;
		buf_clear(&words);
		all_keys(k, r, " ", &words);
		buf_printf(out, "  %-17s %-15s %s\n", words.p,
		    requests[r].word, requests[r].help);
	}
	buf_release(&words);
}

void
keys_markdown(struct buf *out)
{
	struct keys k;

	keys_init(&k);
	buf_str(out, "| where | keys |\n| --- | --- |\n");
	for (int s = 0; s < SPACE_COUNT; s++) {
		const char *between = "";

		buf_printf(out, "| %s | ", spaces[s].heading);
		for (int r = 0; r < REQ_COUNT; r++) {
			if (requests[r].space != (enum space)s)
				continue;
			buf_printf(out, "%s`", between);
			all_keys(&k, r, "` `", out);
			buf_printf(out, "` %s", requests[r].word);
			between = ", ";
		}
		buf_str(out, " |\n");
	}
}

void
keys_man_text(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\\' || *s == '-')
			buf_ch(out, '\\');
		buf_ch(out, *s == '\\' ? 'e' : *s);
	}
}

void
keys_man(struct buf *out)
{
	struct keys k;
	struct buf words = BUF_INIT;

	keys_init(&k);
	buf_str(out, ".SH KEYS\n");
	for (int s = 0; s < SPACE_COUNT; s++) {
		buf_printf(out, ".SS %s\n", spaces[s].heading);
		for (int r = 0; r < REQ_COUNT; r++) {
			if (requests[r].space != (enum space)s)
				continue;
			buf_clear(&words);
			all_keys(&k, r, ", ", &words);
			buf_str(out, ".TP\n.B ");
			keys_man_text(out, words.p);
			buf_ch(out, '\n');
			keys_man_text(out, requests[r].help);
			buf_ch(out, '\n');
		}
	}
	buf_release(&words);
}
