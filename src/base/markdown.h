/*
 * markdown: foreign words inside Markdown, as the words they are.
 *
 * Everything passes text_clean() first. What a renderer would take for markup,
 * HTML or an entity is escaped; a word that it would turn into a link, a mention
 * or a reference becomes code. Plain words stay as they are, because the page is
 * also read in a terminal.
 */
#ifndef BASE_MARKDOWN_H
#define BASE_MARKDOWN_H

#include <stddef.h>

#include "base/buf.h"

/* One line, also within a table; newlines become " / ". NULL is "". */
void md_text(struct buf *out, const char *s);
/* One line as a code span, not for tables; nothing for "". */
void md_code(struct buf *out, const char *s);
/* A fenced block, each line behind indent spaces. */
void md_fence(struct buf *out, const char *s, size_t indent);
/* Paragraphs that a person wrote: blank lines, "- " and "1. " keep their sense. */
void md_prose(struct buf *out, const char *s);

#endif
