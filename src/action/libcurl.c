/* The functions of libcurl that are used here, loaded with the first of them. */
#define CURL_DISABLE_TYPECHECK
#include "action/libcurl.h"

#include <curl/curl.h>
#include <stdarg.h>

#include "base/late.h"

static struct late lib = { .file = "libcurl.so.4", .package = "libcurl4" };

bool
libcurl_load(struct err *e)
{
	return late_load(&lib, e);
}

LATE(&lib, CURLcode, curl_global_init, (long flags), (flags))
LATE(&lib, CURL *, curl_easy_init, (void), ())
LATE(&lib, CURLcode, curl_easy_perform, (CURL *c), (c))
LATE(&lib, const char *, curl_easy_strerror, (CURLcode code), (code))
LATE(&lib, struct curl_slist *, curl_slist_append, (struct curl_slist *list,
    const char *data), (list, data))
LATE_VOID(&lib, curl_slist_free_all, (struct curl_slist *list), (list))
LATE_VOID(&lib, curl_easy_cleanup, (CURL *c), (c))

/* A number or a pointer: whatever is handed over here is as long. */
_Static_assert(sizeof(long) == sizeof(void *), "one size of arguments");

#define WITH_VALUE(name, which)						\
CURLcode								\
name(CURL *c, which what, ...)						\
{									\
	static CURLcode (*f)(CURL *c, which what, ...);			\
	va_list ap;							\
	void *value;							\
									\
	if (f == NULL)							\
		late_find(&lib, #name, (void (**)(void))&f);		\
	va_start(ap, what);						\
	value = va_arg(ap, void *);					\
	va_end(ap);							\
	return f(c, what, value);					\
}
WITH_VALUE(curl_easy_setopt, CURLoption)
WITH_VALUE(curl_easy_getinfo, CURLINFO)
