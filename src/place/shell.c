#include <string.h>
#include <sys/random.h>

#include "base/text.h"
#include "place/intern.h"

static bool
plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || (c != '\0' && strchr(" _./=:,+@-", c));
}

static void
words(struct buf *out, const char *const *argv)
{
	for (size_t i = 0; argv[i] != NULL; i++) {
		if (i > 0)
			buf_ch(out, ' ');
		text_shell(out, argv[i]);
	}
}

/*
 * The login shell may be anything, and csh cannot have a newline or '!' in
 * quotes as sh has them. So it sees only characters that mean nothing to any
 * shell inside '…', and the rest as octal, which a /bin/sh of ours undoes.
 */
bool
place_shell_line(struct buf *out, const char *const *argv, struct err *e)
{
	struct buf script = BUF_INIT;
	bool ok = true;

	buf_str(&script, "exec ");
	words(&script, argv);
	buf_str(out, "exec /bin/sh -c 'eval \"$(printf %b \"");
	for (size_t i = 0; i < script.n; i++)
		if (plain(script.p[i]))
			buf_ch(out, script.p[i]);
		else
			buf_printf(out, "\\0%03o",
			    (unsigned)(unsigned char)script.p[i]);
	buf_str(out, "\")\"'");
	if (script.n > 100000)
		ok = err_set(e, ERR_USAGE, "a command of %zu bytes is too long",
		    script.n);
	buf_release(&script);
	return ok;
}

/* The marks go to standard output: a pipe keeps its order, so whoever has seen
 * the end mark has seen all of the output. What a .bashrc prints comes before
 * the first mark. env keeps the shell's builtins (exit, exec) out of it. */
bool
place_shell_script(struct buf *out, const char *nonce,
    const char *const *argv, struct err *e)
{
	if (argv[0][0] == '-' || argv[0][0] == '\0' || strchr(argv[0], '='))
		return err_set(e, ERR_USAGE, "'%s' is no program's name",
		    argv[0]);
	buf_printf(out, "printf '%%s-B %%s\\n' %s $$; env ", nonce);
	words(out, argv);
	buf_printf(out, "; s=$?; printf '%%s-E %%s\\n' %s $s; exit $s", nonce);
	return true;
}

void
place_nonce(char out[PLACE_NONCE])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char r[16];

	if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
		die("the kernel has no random bytes");
	memcpy(out, "mw-", 3);
	for (size_t i = 0; i < sizeof r; i++) {
		out[3 + 2 * i] = hex[r[i] >> 4];
		out[4 + 2 * i] = hex[r[i] & 15];
	}
	out[PLACE_NONCE - 1] = '\0';
}
