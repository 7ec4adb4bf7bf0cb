/*
 * json: strict reading (jansson; duplicate keys, bad UTF-8 and trailing bytes
 * are refused) and plain writing into a buf, members in the order given.
 *
 * Written strings are safe to cat: control characters, C1, bidi controls and
 * zero-width characters are \u escapes. Invalid UTF-8 becomes \xNN text first.
 *
 *	json_open(&b); json_put_str(&b, "db", name); json_put_int(&b, "n", 3);
 *	json_close(&b);			-> {"db":"otc","n":3}
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

json_t *json_read(const char *p, size_t n, struct err *e);	/* caller decrefs */
const char *json_get_str(const json_t *o, const char *key);	/* NULL: none */
int64_t json_get_int(const json_t *o, const char *key, int64_t otherwise);
bool json_get_bool(const json_t *o, const char *key);

void json_text(struct buf *b, const char *s);			/* "quoted" */
void json_textn(struct buf *b, const char *s, size_t n);
/* Bytes s takes as a JSON string, with its quotes. */
size_t json_text_size(const char *s, size_t n);

void json_open(struct buf *b);			/* { */
void json_close(struct buf *b);			/* } */
void json_open_list(struct buf *b);
void json_close_list(struct buf *b);
void json_key(struct buf *b, const char *key);	/* ,"key": */
void json_comma(struct buf *b);			/* before a list's next item */
void json_put_str(struct buf *b, const char *key, const char *s); /* NULL: left out */
void json_put_int(struct buf *b, const char *key, int64_t v);
void json_put_bool(struct buf *b, const char *key, bool v);
void json_put_raw(struct buf *b, const char *key, const char *json);
void json_put_json(struct buf *b, const char *key, const json_t *v);
/* A parsed value again as text, members sorted as they came. */
void json_dump(struct buf *b, const json_t *v);
const char *json_library(void);	/* version at run time */

#endif
