/* Streams a database: flow_bench CONNINFO PROOF DIR... ; for flow_bench.sh. A DIR
 * may be PORT:USER:KEY:KNOWN:CONFIG:DIR, at 127.0.0.1 over SSH. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/flow.h"
#include "base/clock.h"

static int64_t peak_kb;

/* The memory of everything below pid, shared pages by their share. */
static int64_t
memory_below(long pid)
{
	char path[96], line[256];
	int64_t sum = 0;
	long kb, child;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", pid);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "Pss: %ld", &kb) == 1)
			sum += kb;
	if (f != NULL)
		fclose(f);
	snprintf(path, sizeof path, "/proc/%ld/task/%ld/children", pid, pid);
	f = fopen(path, "re");
	while (f != NULL && fscanf(f, "%ld", &child) == 1)
		sum += memory_below(child);
	if (f != NULL)
		fclose(f);
	return sum;
}

static void
on_progress(void *ctx, const struct flow_progress *p)
{
	int64_t now = memory_below((long)getpid());

	(void)ctx;
	(void)p;
	if (now > peak_kb)
		peak_kb = now;
}

int
main(int argc, char **argv)
{
	const char *dump[] = { "pg_dump", "-Fc", "-Z0", "-d", argc > 1 ?
	    argv[1] : "", NULL };
	const char *proof[] = { "pg_restore", "-f", "-", NULL };
	struct flow_store stores[4];
	struct place_spec at[4];
	struct flow_spec spec = { .argv = dump, .file = "db.dump.gz",
	    .index = "db.dump.idx", .stores = stores };
	struct flow_care care = { .progress = on_progress };
	struct flow_done done = { 0 };
	struct err e = ERR_INIT;
	bool ok;

	if (argc < 4)
		return 2;
	if (strcmp(argv[2], "proof") == 0)
		spec.proof_argv = proof;
	for (int i = 3; i < argc && i < 7; i++) {
		char *word[6] = { 0 }, *rest = argv[i];
		size_t k = spec.n_stores++;

		stores[k] = (struct flow_store){ "store", NULL, argv[i], true };
		if (argv[i][0] == '/')
			continue;
		for (int w = 0; w < 6; w++)
			word[w] = w < 5 ? strsep(&rest, ":") : rest;
		at[k] = (struct place_spec){ .name = "nas", .host = "127.0.0.1",
		    .port = (int)strtol(word[0], NULL, 10), .user = word[1],
		    .identity = word[2], .known_hosts = word[3],
		    .config = word[4] };
		stores[k].at = &at[k];
		stores[k].dir = word[5];
	}
	ok = flow_run(&spec, &care, &done, &e);
	if (!ok)
		fprintf(stderr, "%s\n", e.msg);
	printf("%lld %lld %lld %lld\n", (long long)done.took_ms,
	    (long long)done.raw, (long long)done.packed, (long long)peak_kb);
	flow_done_release(&done);
	return ok ? 0 : 1;
}
