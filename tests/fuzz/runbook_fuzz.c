/*
 * A runbook is a file that people write at night. Whatever is in it, reading it
 * ends, and what came of it can be rendered. A short input is also tried as a
 * condition, which is told back by its own text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runbook/intern.h"

static const char site_text[] =
    "site = { name = \"prod\"; };\n"
    "places = ( { name = \"box\"; ssh = \"a@box\"; port = 2222; },\n"
    "  { name = \"arp-box\"; at = \"box\"; container = \"arp-db\"; } );\n"
    "databases = ( { name = \"otc\"; host = \"otc-db\"; user = \"b\"; },\n"
    "  { name = \"arp\"; host = \"it's\"; user = \"b\"; legacy = true;\n"
    "    dump_at = \"arp-box\"; superuser = { at = \"arp-box\"; }; } );\n"
    "stores = ( { name = \"nas\"; at = \"box\"; path = \"/a b/$c\"; } );\n"
    "backup = { to = ( \"nas\" ); };\n"
    "disks = ( { name = \"backup\"; path = \"/\"; } );\n";

/* As tests/leaks.allowed has it; a fuzzer does not read that. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so\n";
}

static void
try_condition(const char *text, const struct site *site)
{
	struct pool pool = { 0 };
	struct err e = ERR_INIT;
	struct cond c, again;

	if (cond_parse(&pool, text, &c, &e)) {
		if (!cond_parse(&pool, c.text, &again, &e) ||
		    !cond_same(&c, &again) || c.negated != again.negated)
			abort();
		(void)cond_check(&c, site, NULL, 0, &e);
	} else if (e.msg[0] == '\0' || c.row != NULL)
		abort();
	pool_release(&pool);
}

static void
try_command(const char *text, const struct site *site)
{
	struct buf out = BUF_INIT;
	struct err e = ERR_INIT;

	(void)command_check(text, &e);
	command_fill(text, site, NULL, &out);
	for (size_t i = 0; i < out.n; i++)
		if ((out.p[i] >= 0 && out.p[i] < ' ' && out.p[i] != '\n' &&
		    out.p[i] != '\t') || out.p[i] == 0x7f)
			abort();
	buf_release(&out);
}

static void
try_runbook(const uint8_t *data, size_t size, const struct site *site)
{
	struct rb_names names = { 0 };
	struct pool pool = { 0 };
	struct buf out = BUF_INIT;
	struct runbook rb;

	if (site != NULL)
		runbook_names_of_site(site, &pool, &names);
	if (runbook_parse(&rb, "x.cfg", data, size, &names, site)) {
		runbook_render(&rb, site, &out);
		runbook_commands(&rb, site, NULL, &out);
		for (size_t i = 0; i < rb.n; i++)
			if (runbook_step(&rb, rb.steps[i].id) != &rb.steps[i])
				abort();
	} else if (rb.doc.problems.n == 0)
		abort();
	buf_release(&out);
	runbook_release(&rb);
	pool_release(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct site site;

	if (site.path == NULL && !site_parse(&site, "/etc/midwatch.cfg",
	    site_text, strlen(site_text)))
		abort();
	if (size < 600) {
		char text[601];

		memcpy(text, data, size);
		text[size] = '\0';
		try_condition(text, &site);
		try_command(text, &site);
		try_command(text, NULL);
	}
	try_runbook(data, size, &site);
	try_runbook(data, size, NULL);
	return 0;
}
