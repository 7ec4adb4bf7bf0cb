#include "probe/said.h"

#include <string.h>

#include "base/text.h"

static const char space[] = " \t\r\n";

void
said_line(char out[SAID_MAX], const char *s, size_t n)
{
	const char *end;

	out[0] = '\0';
	for (; n > 0 && *s != '\0' && strchr(space, *s); s++)
		n--;
	if (n == 0)
		return;
	end = memchr(s, '\n', n);
	if (end != NULL)
		n = (size_t)(end - s);
	n = text_fit(s, strnlen(s, n), SAID_MAX - 4);
	while (n > 0 && strchr(space, s[n - 1]))
		n--;
	memcpy(out, s, n);
	out[n] = '\0';
}
