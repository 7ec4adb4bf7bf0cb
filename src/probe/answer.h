/*
 * answer: what hosts and engines said becomes a reading. Apart from the asking,
 * so that any bytes can be tried.
 */
#ifndef PROBE_ANSWER_H
#define PROBE_ANSWER_H

#include "reading/probe.h"

/* out is taken apart. */
void kernel_answer(const struct site *site, struct target *t, char *out,
    struct reading *r);
void docker_answer(const struct site_docker *d, const char *s, size_t n,
    struct reading *r);
void container_answer(const struct site_place *p, const char *s, size_t n,
    int64_t now, struct reading *r);

#endif
