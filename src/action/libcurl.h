/* libcurl: loaded before its first function is called. */
#ifndef ACTION_LIBCURL_H
#define ACTION_LIBCURL_H

#include "base/err.h"

bool libcurl_load(struct err *e);

#endif
