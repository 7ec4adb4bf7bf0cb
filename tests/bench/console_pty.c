/*
 * What a program on a terminal of 120x40 costs, measured at the terminal's end.
 *
 *	bench_console_pty [-l BYTES_PER_S] ACTION... -- PROGRAM [ARGUMENT...]
 *
 *	first MS	the start: when 90 % of the cells were as they are after
 *			MS, when 90 % of the characters, and the bytes of it
 *	rest MS		bytes and writes a second, % of a core and wake-ups a
 *			second of the program and its children
 *	keys N		Down and Up N times each, by tens: ms to the first and to
 *			the last byte of the answer, bytes of it
 *	memory		RSS and PSS of the program in MB, and of all its children
 *	type TEXT	until TEXT	still MS	zero	(counts from here)
 *	since		ms and bytes since `zero`
 *	run COMMAND	by the shell, not waited for
 *	show		the screen, to standard error
 *
 * Prints "NAME VALUE" lines. With -l the terminal takes no more than that, as a
 * slow link would: nothing but what the kernel keeps for a terminal waits there.
 * The size is set before the program begins, the terminal answers what it is
 * asked, and cursor keys are sent in the mode that the program chose.
 */
#include "tests/ui/pty.h"

#include <dirent.h>

enum { W = 120, H = 40, SAMPLES = 1000, PROCS = 64 };

struct chunk {
	int64_t at;
	size_t end;
};

static struct {
	struct pty p;
	int64_t began, zero;
	long zero_bytes, writes;
	double rate, tokens;
	int64_t filled;
	VEC(struct chunk) chunks;
} b;

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double
ms(int64_t ns)
{
	return (double)ns / 1e6;
}

static void
answer(void)
{
	char out[512];
	size_t n;

	while ((n = vterm_output_read(b.p.vt, out, sizeof out)) > 0)
		if (write(b.p.master, out, n) != (ssize_t)n)
			return;
}

/* What the link lets through now; it is filled in steps of 50 ms at most. */
static size_t
allowed(size_t most)
{
	int64_t now = now_ns();

	if (b.rate <= 0)
		return most;
	b.tokens += (double)(now - b.filled) / 1e9 * b.rate;
	b.filled = now;
	if (b.tokens > b.rate / 20)
		b.tokens = b.rate / 20;
	if (b.tokens < 16) {
		usleep(5000);
		return 0;
	}
	return (size_t)b.tokens < most ? (size_t)b.tokens : most;
}

/* The bytes that came until then, 0: none. */
static long
pump_until(int64_t until)
{
	for (;;) {
		int64_t left = until - now_ns();
		struct timespec t = { left / 1000000000, left % 1000000000 };
		struct pollfd f = { b.p.master, POLLIN, 0 };
		char bytes[65536];
		size_t most;
		ssize_t n;

		if (left <= 0 || ppoll(&f, 1, &t, NULL) <= 0 || b.p.gone)
			return 0;
		most = allowed(sizeof bytes);
		if (most == 0)
			continue;
		n = read(b.p.master, bytes, most);
		if (n <= 0) {
			b.p.gone = true;
			return 0;
		}
		b.tokens -= (double)n;
		b.p.raw = realloc(b.p.raw, b.p.raw_n + (size_t)n);
		memcpy(b.p.raw + b.p.raw_n, bytes, (size_t)n);
		b.p.raw_n += (size_t)n;
		b.p.bytes += n;
		b.writes++;
		VEC_PUSH(&b.chunks, ((struct chunk){ now_ns(), b.p.raw_n }));
		vterm_input_write(b.p.vt, bytes, (size_t)n);
		answer();
		return n;
	}
}

static void
pump_for(int64_t for_ms)
{
	int64_t until = now_ns() + for_ms * 1000000;

	while (!b.p.gone && now_ns() < until)
		(void)pump_until(until);
}

/* ---- the start ----------------------------------------------------------- */

static uint32_t
cell_at(VTermScreen *s, int x, int y)
{
	VTermPos pos = { y, x };
	VTermScreenCell cell;

	(void)vterm_screen_get_cell(s, pos, &cell);
	return cell.chars[0] == ' ' ? 0 : cell.chars[0];
}

/* Of all cells, or of those alone that are not blank. */
static bool
most_there(VTermScreen *of, VTermScreen *whole, bool blanks)
{
	int all = 0, there = 0;

	for (int y = 0; y < H; y++)
		for (int x = 0; x < W; x++) {
			uint32_t want = cell_at(whole, x, y);

			if (want == 0 && !blanks)
				continue;
			all++;
			there += cell_at(of, x, y) == want;
		}
	return there >= all * 0.9;
}

/* Everything once more into a second terminal, until it looks like the first. */
static void
first(int64_t after_ms)
{
	VTerm *vt = vterm_new(H, W);
	VTermScreen *s = vterm_obtain_screen(vt);
	bool cells = false, text = false;
	size_t at = 0;

	pump_for(after_ms);
	vterm_set_utf8(vt, 1);
	vterm_screen_enable_altscreen(s, 1);
	vterm_screen_reset(s, 1);
	for (size_t i = 0; i < b.chunks.n && !text; i++) {
		struct chunk *c = &b.chunks.v[i];

		vterm_input_write(vt, b.p.raw + at, c->end - at);
		at = c->end;
		if (c->end < 64)	/* modes, no picture */
			continue;
		if (!cells && most_there(s, b.p.screen, true))
			cells = printf("first_cells_ms %.2f\n",
			    ms(c->at - b.began)) > 0;
		if (most_there(s, b.p.screen, false))
			text = printf("first_text_ms %.2f\nfirst_bytes %zu\n",
			    ms(c->at - b.began), c->end) > 0;
	}
	printf("start_bytes %ld\n", b.p.bytes);
	vterm_free(vt);
}

/* ---- what it costs while nobody does anything ---------------------------- */

struct cost {
	double cpu_ms;
	long wakes;
};

static long
number_after(const char *path, const char *word)
{
	char line[512];
	long n = 0;
	FILE *f = fopen(path, "re");

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, word, strlen(word)) == 0)
			n += strtol(line + strlen(word), NULL, 10);
	if (f != NULL)
		(void)fclose(f);
	return n;
}

/* The program, its children, and theirs. */
static size_t
tree(pid_t pid, pid_t *out)
{
	size_t n = 1;

	out[0] = pid;
	for (size_t i = 0; i < n; i++) {
		char path[64];
		int kid;
		FILE *f;

		snprintf(path, sizeof path, "/proc/%d/task/%d/children",
		    (int)out[i], (int)out[i]);
		f = fopen(path, "re");
		while (f != NULL && n < PROCS && fscanf(f, "%d", &kid) == 1)
			out[n++] = kid;
		if (f != NULL)
			(void)fclose(f);
	}
	return n;
}

static struct cost
cost(void)
{
	struct cost c = { 0, 0 };
	pid_t pids[PROCS];
	size_t n = tree(b.p.pid, pids);

	for (size_t i = 0; i < n; i++) {
		char path[64];
		unsigned long long ns = 0;
		FILE *f;

		snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pids[i]);
		f = fopen(path, "re");
		if (f != NULL && fscanf(f, "%llu", &ns) == 1)
			c.cpu_ms += (double)ns / 1e6;
		if (f != NULL)
			(void)fclose(f);
		snprintf(path, sizeof path, "/proc/%d/status", (int)pids[i]);
		c.wakes += number_after(path, "voluntary_ctxt_switches:");
	}
	return c;
}

static void
rest(int64_t for_ms)
{
	double s = (double)for_ms / 1000;
	long bytes = b.p.bytes, writes = b.writes;
	struct cost was = cost(), is;

	pump_for(for_ms);
	is = cost();
	printf("rest_bytes_s %.1f\nrest_writes_s %.2f\n",
	    (double)(b.p.bytes - bytes) / s, (double)(b.writes - writes) / s);
	printf("cpu %.3f\nwakes_s %.2f\n", (is.cpu_ms - was.cpu_ms) / s / 10,
	    (double)(is.wakes - was.wakes) / s);
}

static void
memory(void)
{
	pid_t pids[PROCS];
	size_t n = tree(b.p.pid, pids);
	long rss = 0, pss = 0;

	for (size_t i = 0; i < n; i++) {
		char path[64];

		snprintf(path, sizeof path, "/proc/%d/smaps_rollup",
		    (int)pids[i]);
		rss += number_after(path, "Rss:");
		pss += number_after(path, "Pss:");
		if (i == 0)
			printf("rss_mb %.1f\npss_mb %.1f\n",
			    (double)rss / 1024, (double)pss / 1024);
	}
	printf("tree_rss_mb %.1f\ntree_pss_mb %.1f\ntree_n %zu\n",
	    (double)rss / 1024, (double)pss / 1024, n);
}

/* ---- keys ---------------------------------------------------------------- */

static int
by_size(const void *x, const void *y)
{
	double a = *(const double *)x, c = *(const double *)y;

	return (a > c) - (a < c);
}

static void
quantiles(const char *name, double *v, size_t n)
{
	qsort(v, n, sizeof *v, by_size);
	printf("%s_p50 %.2f\n%s_p95 %.2f\n", name, v[n / 2], name,
	    v[n * 95 / 100]);
}

/* A key's answer has ended when nothing came for so long. False: none came. */
static bool
one_key(VTermKey key, int64_t quiet_ms, double *to_first, double *to_last)
{
	int64_t began, last;

	while (pump_until(now_ns() + quiet_ms * 1000000) > 0)
		;
	began = now_ns();
	vterm_keyboard_key(b.p.vt, key, VTERM_MOD_NONE);
	answer();
	if (pump_until(began + 2000000000) == 0)
		return false;
	*to_first = ms(now_ns() - began);
	do
		last = now_ns();
	while (pump_until(last + quiet_ms * 1000000) > 0);
	*to_last = ms(last - began);
	return true;
}

static void
keys(int n)
{
	static double to_first[SAMPLES], to_last[SAMPLES];
	int64_t quiet = b.rate > 0 ? 200 : 20;
	int all = n * 2 < SAMPLES ? n * 2 : SAMPLES;
	size_t got = 0;
	long bytes;

	pump_for(300);
	bytes = b.p.bytes;
	for (int i = 0; i < all; i++)
		got += one_key(i / 10 % 2 ? VTERM_KEY_UP : VTERM_KEY_DOWN,
		    quiet, &to_first[got], &to_last[got]);
	if (got == 0)
		return;
	printf("key_n %zu\nkey_bytes %.0f\n", got,
	    (double)(b.p.bytes - bytes) / (double)got);
	quantiles("key_first_ms", to_first, got);
	quantiles("key_last_ms", to_last, got);
}

/* ---- actions ------------------------------------------------------------- */

static void
until(const char *text)
{
	int64_t end = now_ns() + (int64_t)120 * 1000000000;

	while (!pty_has(&b.p, text)) {
		if (b.p.gone || now_ns() > end) {
			fprintf(stderr, "'%s' did not come:\n%s", text,
			    pty_text(&b.p));
			exit(1);
		}
		(void)pump_until(now_ns() + 50000000);
	}
}

static void
still(int64_t for_ms)
{
	int64_t end = now_ns() + (int64_t)60 * 1000000000;

	while (now_ns() < end && pump_until(now_ns() + for_ms * 1000000) > 0)
		;
}

static void
run(const char *command)
{
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		for (int fd = 0; fd < 2; fd++)
			(void)dup2(null, fd);
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
}

/* True: it took the argument. */
static bool
act(const char *what, const char *arg)
{
	int64_t n = arg != NULL ? strtol(arg, NULL, 10) : 0;

	if (strcmp(what, "memory") == 0)
		memory();
	else if (strcmp(what, "show") == 0)
		fprintf(stderr, "%s", pty_text(&b.p));
	else if (strcmp(what, "zero") == 0) {
		b.zero = now_ns();
		b.zero_bytes = b.p.bytes;
	} else if (strcmp(what, "since") == 0)
		printf("since_ms %.0f\nsince_bytes %ld\n",
		    ms(now_ns() - b.zero), b.p.bytes - b.zero_bytes);
	else if (strcmp(what, "first") == 0)
		return first(n), true;
	else if (strcmp(what, "rest") == 0)
		return rest(n), true;
	else if (strcmp(what, "keys") == 0)
		return keys((int)n), true;
	else if (strcmp(what, "type") == 0)
		return pty_type(&b.p, arg, strlen(arg)), true;
	else if (strcmp(what, "until") == 0)
		return until(arg), true;
	else if (strcmp(what, "still") == 0)
		return still(n), true;
	else if (strcmp(what, "run") == 0)
		return run(arg), true;
	else {
		fprintf(stderr, "there is no action '%s'\n", what);
		exit(2);
	}
	return false;
}

int
main(int argc, char **argv)
{
	static const char *const env[] = { "TERM=xterm-256color",
	    "LANG=C.UTF-8", "LC_ALL=C.UTF-8", NULL };
	int at = 1, end = 1;

	if (argc > 2 && strcmp(argv[1], "-l") == 0) {
		b.rate = strtod(argv[2], NULL);
		at = 3;
	}
	while (end < argc && strcmp(argv[end], "--") != 0)
		end++;
	if (end + 1 >= argc)
		return 2;
	kit_utf8();
	setvbuf(stdout, NULL, _IOLBF, 0);
	b.began = b.filled = now_ns();
	pty_start(&b.p, W, H, (const char *const *)&argv[end + 1], env);
	b.p.keep = true;
	while (at < end) {
		const char *what = argv[at++];

		if (act(what, at < end ? argv[at] : NULL))
			at++;
	}
	(void)kill(b.p.pid, SIGTERM);
	pump_for(300);
	pty_end(&b.p);
	return 0;
}
