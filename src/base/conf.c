#include "base/conf.h"

#include <ctype.h>
#include <inttypes.h>
#include <libconfig.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

enum { PROBLEMS_MAX = 200, FILE_MAX = 1 << 20, LITERAL_MAX = 9,
    HEX_MAX = 7 };

/* One key of one group while it is being read. */
struct place {
	struct conf_doc *doc;
	const struct conf_row *row;
	config_setting_t *set;
	const char *where;	/* databases[2].port */
	char *at;		/* where the value goes */
};

static bool load_group(struct conf_doc *doc, const struct conf_schema *schema,
    config_setting_t *group, const char *where, void *out);

void
conf_problem(struct conf_doc *doc, int line, const char *where, const char *fmt,
    ...)
{
	struct buf b = BUF_INIT, clean = BUF_INIT;
	va_list ap;

	if (doc->problems.n >= PROBLEMS_MAX) {
		doc->dropped++;
		return;
	}
	buf_printf(&b, "%s:%d: ", doc->path, line > 0 ? line : 1);
	if (!text_empty(where))
		buf_printf(&b, "%s: ", where);
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	text_clean(&clean, b.p, b.n, TEXT_LINE);
	VEC_PUSH(&doc->problems, ((struct conf_problem){
	    pool_str(&doc->pool, clean.p), line }));
	buf_release(&b);
	buf_release(&clean);
}

void
conf_unknown(struct conf_doc *doc, int line, const char *where,
    const char *what, const char *word, const char *const *known, size_t n)
{
	const char *near = text_nearest(word, known, n);

	if (near != NULL)
		conf_problem(doc, line, where,
		    "unknown %s '%s', did you mean '%s'?", what, word, near);
	else
		conf_problem(doc, line, where, "unknown %s '%s'", what, word);
}

void
conf_sort(struct conf_doc *doc)
{
	for (size_t i = 1; i < doc->problems.n; i++) {
		struct conf_problem p = doc->problems.v[i];
		size_t k = i;

		for (; k > 0 && doc->problems.v[k - 1].line > p.line; k--)
			doc->problems.v[k] = doc->problems.v[k - 1];
		doc->problems.v[k] = p;
	}
}

int
conf_line(const struct conf_doc *doc, const char *where)
{
	for (size_t i = 0; i < doc->stood.n; i++)
		if (strcmp(doc->stood.v[i].where, where) == 0)
			return doc->stood.v[i].line;
	return 0;
}

const char *
conf_arg(const struct conf_args *a, const char *key)
{
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->v[i].key, key) == 0)
			return a->v[i].value;
	return NULL;
}

/* A service that systemd starts may have no HOME. */
static const char *
home_dir(void)
{
	const char *home = getenv("HOME");
	const struct passwd *pw;

	if (!text_empty(home))
		return home;
	pw = getpwuid(geteuid());
	return pw != NULL && !text_empty(pw->pw_dir) ? pw->pw_dir : "/";
}

char *
conf_expand(struct conf_doc *doc, const char *path)
{
	if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
		return pool_printf(&doc->pool, "%s%s", home_dir(), path + 1);
	}
	if (path[0] == '/')
		return pool_str(&doc->pool, path);
	return pool_printf(&doc->pool, "%s/%s", doc->dir, path);
}

static const char *
type_name(int type)
{
	switch (type) {
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a number with a point";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		return "a list ( )";
	default:
		return "nothing";
	}
}

static int
line_of(const config_setting_t *s)
{
	return (int)config_setting_source_line(s);
}

static bool
bad_type(const struct place *p, const char *want)
{
	conf_problem(p->doc, line_of(p->set), p->where,
	    "must be %s, not %s", want, type_name(config_setting_type(p->set)));
	return false;
}

/* The text of a scalar that must be a string. */
static const char *
string_of(const struct place *p, const char *want)
{
	if (config_setting_type(p->set) != CONFIG_TYPE_STRING) {
		bad_type(p, want);
		return NULL;
	}
	return config_setting_get_string(p->set);
}

static bool
is_list(const config_setting_t *s)
{
	int t = config_setting_type(s);

	return t == CONFIG_TYPE_LIST || t == CONFIG_TYPE_ARRAY;
}

/* "2:00" or "02:00" as minutes after midnight. */
static bool
time_of_day(const char *s, int64_t *ret)
{
	size_t h = strspn(s, "0123456789");
	int64_t hh, mm;

	if (h < 1 || h > 2 || s[h] != ':' ||
	    strspn(s + h + 1, "0123456789") != 2 || s[h + 3] != '\0')
		return false;
	hh = h == 1 ? s[0] - '0' : (s[0] - '0') * 10 + (s[1] - '0');
	mm = (s[h + 1] - '0') * 10 + (s[h + 2] - '0');
	if (hh > 23 || mm > 59)
		return false;
	*ret = hh * 60 + mm;
	return true;
}

/* Sizes and durations, shown as they were written. */
static bool
in_range(const struct place *p, int line, const char *s)
{
	const struct conf_row *r = p->row;
	int64_t v = *(int64_t *)(void *)p->at;

	if ((r->min == 0 && r->max == 0) || (v >= r->min && v <= r->max))
		return true;
	conf_problem(p->doc, line, p->where, "'%s' is too %s", s,
	    v > r->max ? r->type == CONF_MS ? "long" : "large" :
	    r->type == CONF_MS ? "short" : "small");
	return false;
}

static void
not_one_of(const struct place *p, int line, const char *s)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; p->row->words[i] != NULL; i++)
		buf_printf(&b, "%s'%s'", i > 0 ? ", " : "", p->row->words[i]);
	conf_problem(p->doc, line, p->where, "unknown word '%s', one of %s", s,
	    b.p);
	buf_release(&b);
}

/* Text types: from the file or from a row's default. */
static bool
put_text(const struct place *p, int line, const char *s)
{
	const struct conf_row *r = p->row;
	char **text = (char **)(void *)p->at;
	int64_t *num = (int64_t *)(void *)p->at;

	switch (r->type) {
	case CONF_NAME:
		if (!text_is_name(s)) {
			conf_problem(p->doc, line, p->where, "'%s' is not a "
			    "name: letters, digits, '_', '.', '-'; at most 63",
			    s);
			return false;
		}
		/* fallthrough */
	case CONF_STR:
		*text = pool_str(&p->doc->pool, s);
		return true;
	case CONF_PATH:
		*text = conf_expand(p->doc, s);
		if (s[0] != '~' || s[1] == '/' || s[1] == '\0')
			return true;
		conf_problem(p->doc, line, p->where, "only your own home can "
		    "be written as ~, not '%s'", s);
		return false;
	case CONF_SIZE:
		if (text_size(s, num))
			return in_range(p, line, s);
		conf_problem(p->doc, line, p->where,
		    "'%s' is not a size such as \"600MB\"", s);
		return false;
	case CONF_MS:
		if (text_duration(s, num))
			return in_range(p, line, s);
		conf_problem(p->doc, line, p->where,
		    "'%s' is not a duration such as \"15m\"", s);
		return false;
	case CONF_CLOCK:
		if (time_of_day(s, num))
			return true;
		conf_problem(p->doc, line, p->where,
		    "'%s' is not a time of day such as \"02:00\"", s);
		return false;
	case CONF_WORD: {
		size_t n = 0;

		while (r->words[n] != NULL && strcmp(r->words[n], s) != 0)
			n++;
		if (r->words[n] != NULL) {
			*(int *)(void *)p->at = (int)n;
			return true;
		}
		if (text_nearest(s, r->words, n) != NULL)
			conf_unknown(p->doc, line, p->where, "word", s,
			    r->words, n);
		else
			not_one_of(p, line, s);
		return false;
	}
	case CONF_INT:
		return text_int(s, INT64_MIN, INT64_MAX, num);
	case CONF_BOOL:
		*(bool *)(void *)p->at = strcmp(s, "true") == 0;
		return true;
	case CONF_STRS:
	case CONF_CMD:
	case CONF_GROUP:
	case CONF_GROUPS:
	case CONF_ARGS:
		break;
	}
	return false;
}

static bool
put_int(const struct place *p)
{
	const struct conf_row *r = p->row;
	int64_t v;

	if (config_setting_type(p->set) != CONFIG_TYPE_INT &&
	    config_setting_type(p->set) != CONFIG_TYPE_INT64)
		return bad_type(p, "a number");
	v = config_setting_get_int64(p->set);
	if ((r->min != 0 || r->max != 0) && (v < r->min || v > r->max)) {
		conf_problem(p->doc, line_of(p->set), p->where, "must be %"
		    PRId64 " to %" PRId64 ", not %" PRId64, r->min, r->max, v);
		return false;
	}
	*(int64_t *)(void *)p->at = v;
	return true;
}

/* A string, or a list of strings. */
static bool
read_strings(const struct place *p, struct conf_strs *out)
{
	bool many = is_list(p->set), ok = true;
	size_t n = many ? (size_t)config_setting_length(p->set) : 1;

	if (!many && config_setting_type(p->set) != CONFIG_TYPE_STRING)
		return bad_type(p, "a string or a list of strings");
	out->v = pool_alloc(&p->doc->pool, (n + 1) * sizeof *out->v);
	out->line = pool_alloc(&p->doc->pool, (n + 1) * sizeof *out->line);
	for (size_t i = 0; i < n; i++) {
		config_setting_t *s = many ?
		    config_setting_get_elem(p->set, (unsigned)i) : p->set;

		if (config_setting_type(s) != CONFIG_TYPE_STRING) {
			conf_problem(p->doc, line_of(s), p->where,
			    "item %zu must be a string, not %s", i + 1,
			    type_name(config_setting_type(s)));
			ok = false;
			continue;
		}
		out->line[out->n] = line_of(s);
		out->v[out->n++] = pool_str(&p->doc->pool,
		    config_setting_get_string(s));
	}
	return ok;
}

static bool
put_cmd(const struct place *p)
{
	struct conf_cmd *c = (struct conf_cmd *)(void *)p->at;
	struct conf_strs s = { 0 };

	if (!read_strings(p, &s))
		return false;
	if (s.n == 0 || *s.v[0] == '\0') {
		conf_problem(p->doc, line_of(p->set), p->where,
		    "the command is empty");
		return false;
	}
	*c = (struct conf_cmd){ .shell = !is_list(p->set), .v = s.v, .n = s.n,
	    .line = line_of(p->set) };
	return true;
}

static bool
put_args(const struct place *p)
{
	struct conf_args *a = (struct conf_args *)(void *)p->at;
	int n;

	if (config_setting_type(p->set) != CONFIG_TYPE_GROUP)
		return bad_type(p, "a group { }");
	n = config_setting_length(p->set);
	a->v = pool_alloc(&p->doc->pool, (size_t)(n + 1) * sizeof *a->v);
	for (int i = 0; i < n; i++) {
		config_setting_t *s = config_setting_get_elem(p->set,
		    (unsigned)i);
		struct conf_arg *arg = &a->v[a->n++];

		arg->key = pool_str(&p->doc->pool, config_setting_name(s));
		arg->line = line_of(s);
		switch (config_setting_type(s)) {
		case CONFIG_TYPE_STRING:
			arg->value = pool_str(&p->doc->pool,
			    config_setting_get_string(s));
			break;
		case CONFIG_TYPE_BOOL:
			arg->value = pool_str(&p->doc->pool,
			    config_setting_get_bool(s) ? "true" : "false");
			break;
		case CONFIG_TYPE_INT:
		case CONFIG_TYPE_INT64:
			arg->value = pool_printf(&p->doc->pool, "%lld",
			    config_setting_get_int64(s));
			break;
		default:
			arg->value = pool_str(&p->doc->pool, "");
			conf_problem(p->doc, arg->line, p->where,
			    "'%s' must be a string, a number or true/false",
			    arg->key);
		}
	}
	return true;
}

/* Keys are asked for only when something is wrong, so a list will do. */
static void
stood_at(struct conf_doc *doc, const char *where, const config_setting_t *s)
{
	VEC_PUSH(&doc->stood, ((struct conf_stood){ where, line_of(s) }));
}

static bool
put_groups(const struct place *p)
{
	struct conf_list *l = (struct conf_list *)(void *)p->at;
	const struct conf_schema *sub = p->row->sub;
	size_t n;

	if (!is_list(p->set))
		return bad_type(p, "a list of groups ( { }, { } )");
	n = (size_t)config_setting_length(p->set);
	l->v = pool_alloc(&p->doc->pool, (n + 1) * sub->size);
	for (size_t i = 0; i < n; i++) {
		config_setting_t *s = config_setting_get_elem(p->set,
		    (unsigned)i);
		char *where = pool_printf(&p->doc->pool, "%s[%zu]", p->where, i);

		stood_at(p->doc, where, s);
		if (config_setting_type(s) != CONFIG_TYPE_GROUP)
			conf_problem(p->doc, line_of(s), where,
			    "must be a group { }, not %s",
			    type_name(config_setting_type(s)));
		else
			(void)load_group(p->doc, sub, s, where,
			    (char *)l->v + l->n++ * sub->size);
	}
	return true;
}

static bool
put_value(const struct place *p)
{
	const char *s;

	switch (p->row->type) {
	case CONF_INT:
		return put_int(p);
	case CONF_BOOL:
		if (config_setting_type(p->set) != CONFIG_TYPE_BOOL)
			return bad_type(p, "true or false");
		*(bool *)(void *)p->at = config_setting_get_bool(p->set) != 0;
		return true;
	case CONF_STRS:
		return read_strings(p, (struct conf_strs *)(void *)p->at);
	case CONF_CMD:
		return put_cmd(p);
	case CONF_GROUP:
		if (config_setting_type(p->set) != CONFIG_TYPE_GROUP)
			return bad_type(p, "a group { }");
		return load_group(p->doc, p->row->sub, p->set, p->where, p->at);
	case CONF_GROUPS:
		return put_groups(p);
	case CONF_ARGS:
		return put_args(p);
	case CONF_SIZE:
		s = string_of(p, "a quoted size such as \"600MB\"");
		break;
	case CONF_MS:
		s = string_of(p, "a quoted duration such as \"15m\"");
		break;
	case CONF_STR:
	case CONF_NAME:
	case CONF_PATH:
	case CONF_CLOCK:
	case CONF_WORD:
	default:
		s = string_of(p, "a string");
		break;
	}
	return s != NULL && put_text(p, line_of(p->set), s);
}

static char *
join(struct conf_doc *doc, const char *where, const char *key)
{
	return *where ? pool_printf(&doc->pool, "%s.%s", where, key) :
	    pool_str(&doc->pool, key);
}

static const struct conf_row *
row_of(const struct conf_schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->n; i++)
		if (strcmp(schema->rows[i].key, key) == 0)
			return &schema->rows[i];
	return NULL;
}

static void
unknown_key(struct conf_doc *doc, const struct conf_schema *schema,
    config_setting_t *s, const char *where)
{
	const char **known = xcalloc(schema->n, sizeof *known);
	const char *near;

	for (size_t i = 0; i < schema->n; i++)
		known[i] = schema->rows[i].key;
	near = text_nearest(config_setting_name(s), known, schema->n);
	if (near != NULL)
		conf_problem(doc, line_of(s), where,
		    "unknown key, did you mean '%s'?", near);
	else
		conf_problem(doc, line_of(s), where, "unknown key");
	free(known);
}

static void
put_defaults(struct conf_doc *doc, const struct conf_schema *schema, void *out)
{
	for (size_t i = 0; i < schema->n; i++) {
		const struct conf_row *r = &schema->rows[i];
		struct place p = { doc, r, NULL, r->key, (char *)out + r->off };

		if (r->otherwise != NULL)
			(void)put_text(&p, 0, r->otherwise);
		else if (r->type == CONF_GROUP)
			put_defaults(doc, r->sub, p.at);
	}
}

static bool
load_group(struct conf_doc *doc, const struct conf_schema *schema,
    config_setting_t *group, const char *where, void *out)
{
	size_t before = doc->problems.n;
	int n = config_setting_length(group);

	put_defaults(doc, schema, out);
	*(int *)out = line_of(group) > 0 ? line_of(group) : 1;
	for (int i = 0; i < n; i++) {
		config_setting_t *s = config_setting_get_elem(group,
		    (unsigned)i);
		const struct conf_row *r = row_of(schema,
		    config_setting_name(s));
		char *path = join(doc, where, config_setting_name(s));
		struct place p = { doc, r, s, path, NULL };

		if (r == NULL) {
			unknown_key(doc, schema, s, path);
			continue;
		}
		stood_at(doc, path, s);
		p.at = (char *)out + r->off;
		(void)put_value(&p);
	}
	for (size_t i = 0; i < schema->n; i++)
		if (schema->rows[i].required &&
		    config_setting_get_member(group, schema->rows[i].key) ==
		    NULL)
			conf_problem(doc, *(int *)out, where,
			    "'%s' is missing", schema->rows[i].key);
	return doc->problems.n == before;
}

/*
 * What the parser would do without a word: read other files (@include), cut
 * big numbers to 32 bits and strings at a NUL. And what it would refuse with
 * "syntax error" alone, though people slip there: a comma before ')', a string
 * without an end or in the wrong place (whose memory it would lose). One walk
 * over the text outside strings and comments.
 */
struct walk {
	struct conf_doc *doc;
	const char *s, *end;
	int line;
	char last;		/* that meant something */
	struct buf open;	/* brackets */
};

static void
walk_string(struct walk *w)
{
	char in = w->open.n > 0 ? w->open.p[w->open.n - 1] : '{';
	int begun = w->line;

	if (w->last == '\0' || strchr(in == '{' ? "=:\"" : "=:\",([",
	    w->last) == NULL)
		conf_problem(w->doc, begun, "",
		    "syntax error: a string cannot stand here");
	for (w->s++; w->s < w->end && *w->s != '"'; w->s++) {
		if (*w->s == '\\' && w->s + 1 < w->end) {
			w->s++;
			if (strncmp(w->s, "x00", 3) == 0)
				conf_problem(w->doc, w->line, "",
				    "a string cannot hold \\x00");
		}
		if (*w->s == '\n')
			w->line++;
	}
	if (w->s >= w->end)
		conf_problem(w->doc, begun, "", "syntax error: the string that "
		    "begins here has no end");
}

static bool
walk_comment(struct walk *w)
{
	const char *s = w->s;

	if (*s == '#' || (*s == '/' && s[1] == '/')) {
		while (w->s + 1 < w->end && w->s[1] != '\n')
			w->s++;
		return true;
	}
	if (*s != '/' || s[1] != '*')
		return false;
	for (w->s += 2; w->s < w->end; w->s++) {
		if (*w->s == '*' && w->s[1] == '/')
			break;
		if (*w->s == '\n')
			w->line++;
	}
	if (w->s < w->end)
		w->s++;
	return true;
}

static void
walk_number(struct walk *w)
{
	const char *s = w->s;
	bool hex = *s == '0' && (s[1] == 'x' || s[1] == 'X');
	size_t n = strspn(s, "0");

	if (hex)
		n = 2 + strspn(s + 2, "0");
	size_t digits = strspn(s + n, hex ? "0123456789abcdefABCDEF" :
	    "0123456789");
	n += digits;
	if (digits > (hex ? HEX_MAX : LITERAL_MAX))
		conf_problem(w->doc, w->line, "", "the number '%.*s' is too "
		    "large; write it as a string", (int)(n > 24 ? 24 : n), s);
	w->s += n - 1;
}

static void
walk_bracket(struct walk *w)
{
	char c = *w->s;

	if (strchr("([{", c) != NULL)
		buf_ch(&w->open, c);
	else if (w->open.n > 0)
		buf_cut(&w->open, w->open.n - 1);
	if ((c == ')' || c == ']') && w->last == ',')
		conf_problem(w->doc, w->line, "",
		    "syntax error: a comma before '%c'", c);
}

static bool
text_is_safe(struct conf_doc *doc)
{
	struct walk w = { doc, doc->bytes.p, doc->bytes.p + doc->bytes.n, 1,
	    '\0', BUF_INIT };
	size_t before = doc->problems.n;

	if (memchr(w.s, '\0', doc->bytes.n) != NULL) {
		conf_problem(doc, 1, "", "the file holds NUL bytes");
		return false;
	}
	if (text_starts(doc->bytes.p, "\xef\xbb\xbf")) {
		conf_problem(doc, 1, "", "the file begins with a byte order "
		    "mark, as some editors write it; save it without one");
		return false;
	}
	for (; w.s < w.end; w.s++) {
		char c = *w.s;

		if (c == '\n')
			w.line++;
		if (isspace((unsigned char)c) || walk_comment(&w))
			continue;
		if (c == '"')
			walk_string(&w);
		else if (c == '@') {
			conf_problem(doc, w.line, "",
			    "'@include' is not allowed here");
			while (w.s + 1 < w.end && w.s[1] != '\n')
				w.s++;
		} else if (strchr("(){}[]", c) != NULL)
			walk_bracket(&w);
		else if (isdigit((unsigned char)c) && (w.s == doc->bytes.p ||
		    !(isalnum((unsigned char)w.s[-1]) || w.s[-1] == '_')))
			walk_number(&w);
		w.last = c;
	}
	buf_release(&w.open);
	return doc->problems.n == before;
}

static void
set_path(struct conf_doc *doc, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *real = NULL;

	doc->path = pool_str(&doc->pool, path);
	doc->dir = slash == NULL ? pool_str(&doc->pool, ".") :
	    pool_strn(&doc->pool, path, slash == path ? 1 :
	    (size_t)(slash - path));
	real = realpath(doc->dir, NULL);
	if (real != NULL)
		doc->dir = pool_str(&doc->pool, real);
	free(real);
}

static bool
parse_bytes(struct conf_doc *doc, const struct conf_schema *schema, void *out)
{
	config_t cfg;
	bool ok = true;

	if (!text_is_safe(doc))
		return false;
	config_init(&cfg);
	if (config_read_string(&cfg, doc->bytes.p) != CONFIG_TRUE) {
		conf_problem(doc, config_error_line(&cfg), "", "%s",
		    config_error_text(&cfg));
		ok = false;
	} else
		(void)load_group(doc, schema, config_root_setting(&cfg), "",
		    out);
	config_destroy(&cfg);
	return ok;
}

bool
conf_parse(struct conf_doc *doc, const char *path, const void *p, size_t n,
    const struct conf_schema *schema, void *out)
{
	set_path(doc, path);
	buf_clear(&doc->bytes);
	buf_add(&doc->bytes, p, n);
	return parse_bytes(doc, schema, out);
}

bool
conf_load(struct conf_doc *doc, const char *path,
    const struct conf_schema *schema, void *out)
{
	struct err e = ERR_INIT;

	set_path(doc, path);
	buf_clear(&doc->bytes);
	if (!file_read(path, &doc->bytes, FILE_MAX, &e)) {
		conf_problem(doc, 1, "", "%s", e.msg);
		return false;
	}
	return parse_bytes(doc, schema, out);
}

void
conf_release(struct conf_doc *doc)
{
	VEC_RELEASE(&doc->problems);
	VEC_RELEASE(&doc->stood);
	buf_release(&doc->bytes);
	pool_release(&doc->pool);
	memset(doc, 0, sizeof *doc);
}

#define WORD_(x) #x
#define WORD(x) WORD_(x)

const char *
conf_library(void)
{
	return WORD(LIBCONFIG_VER_MAJOR) "." WORD(LIBCONFIG_VER_MINOR) "."
	    WORD(LIBCONFIG_VER_REVISION);
}
