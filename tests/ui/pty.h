/*
 * A program on a pseudo terminal, seen through a terminal emulator (libvterm).
 *
 *	struct pty p;
 *	pty_start(&p, 80, 24, argv, env);	env: "NAME=value" ..., NULL
 *	pty_until(&p, "Looking");		waits for it on the screen
 *	pty_type(&p, "q", 1);
 *	pty_exit(&p);				its status
 *	pty_clean(&p);				asserts: as the terminal was found
 *	pty_end(&p);
 */
#ifndef TESTS_UI_PTY_H
#define TESTS_UI_PTY_H

#include "tests/ui/kit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <vterm.h>

enum { PTY_PATIENCE_MS = 30000 };

struct pty {
	int master, slave, status, word;
	pid_t pid, shell;
	VTerm *vt;
	VTermScreen *screen;
	int w, h;
	struct termios before;
	bool alt, hidden, gone, paste;
	int mouse, bells;
	long bytes, reads;
	char title[200];
	char tail[16];		/* the last bytes, for modes over two reads */
	size_t tail_n;
	char *raw;		/* all bytes, when keep is set */
	size_t raw_n;
	bool keep;
};

TEST_HELPER int64_t
pty_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

TEST_HELPER int
pty_prop(VTermProp prop, VTermValue *v, void *ctx)
{
	struct pty *p = ctx;

	if (prop == VTERM_PROP_ALTSCREEN)
		p->alt = v->boolean;
	else if (prop == VTERM_PROP_CURSORVISIBLE)
		p->hidden = !v->boolean;
	else if (prop == VTERM_PROP_MOUSE)
		p->mouse = v->number;
#if VTERM_VERSION_MAJOR == 0 && VTERM_VERSION_MINOR < 2
	else if (prop == VTERM_PROP_TITLE)
		snprintf(p->title, sizeof p->title, "%s", v->string);
#endif
	return 1;
}

TEST_HELPER int
pty_bell(void *ctx)
{
	((struct pty *)ctx)->bells++;
	return 1;
}

TEST_HELPER const VTermScreenCallbacks pty_callbacks = {
	.settermprop = pty_prop,
	.bell = pty_bell,
};

/* The terminal alone: whoever runs on it is the caller's. */
TEST_HELPER void
pty_make(struct pty *p, int w, int h)
{
	struct winsize size = { .ws_col = (unsigned short)w,
		.ws_row = (unsigned short)h };

	memset(p, 0, sizeof *p);
	p->w = w ? w : 80;
	p->h = h ? h : 24;
	p->status = -1;
	assert_int_equal(openpty(&p->master, &p->slave, NULL, NULL, &size), 0);
	(void)fcntl(p->master, F_SETFD, FD_CLOEXEC);
	assert_int_equal(tcgetattr(p->slave, &p->before), 0);
	p->vt = vterm_new(p->h, p->w);
	vterm_set_utf8(p->vt, 1);
	p->screen = vterm_obtain_screen(p->vt);
	vterm_screen_set_callbacks(p->screen, &pty_callbacks, p);
	vterm_screen_enable_altscreen(p->screen, 1);
	vterm_screen_reset(p->screen, 1);
}

/* Its slave becomes the terminal of this process, which leads a session. */
TEST_HELPER void
pty_sit(struct pty *p)
{
	(void)ioctl(p->slave, TIOCSCTTY, 0);
	for (int fd = 0; fd < 2; fd++)
		(void)dup2(p->slave, fd);
}

/* Like a shell: leads the session, has the program in a group of its own in the
 * foreground, and puts it back there when it was stopped. Says its pid, then how
 * it ended. */
TEST_HELPER _Noreturn void
pty_shell(struct pty *p, int word, const char *const *argv)
{
	pid_t pid;
	int status;

	(void)setsid();
	pty_sit(p);
	(void)dup2(p->slave, 2);
	(void)signal(SIGTTOU, SIG_IGN);
	pid = fork();
	if (pid == 0) {
		(void)setpgid(0, 0);
		(void)tcsetpgrp(0, getpid());
		(void)signal(SIGTTOU, SIG_DFL);
		(void)close(p->slave);
		execv(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	(void)close(p->master);
	(void)signal(SIGHUP, SIG_IGN);
	if (write(word, &pid, sizeof pid) != sizeof pid)
		_exit(98);
	while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
		(void)tcsetpgrp(0, pid);
		(void)kill(-pid, SIGCONT);
	}
	if (write(word, &status, sizeof status) == sizeof status)
		pause();	/* the session lives as long as the test */
	_exit(0);
}

TEST_HELPER void
pty_start(struct pty *p, int w, int h, const char *const *argv,
    const char *const *env)
{
	int ends[2];

	pty_make(p, w, h);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	p->word = ends[0];
	p->shell = fork();
	assert_true(p->shell >= 0);
	if (p->shell == 0) {
		(void)close(ends[0]);
		for (; env != NULL && *env; env++)
			(void)putenv(strdup(*env));
		pty_shell(p, ends[1], argv);
	}
	(void)close(ends[1]);
	assert_int_equal(read(p->word, &p->pid, sizeof p->pid),
	    sizeof p->pid);
}

/* The last of on and off that came counts. */
TEST_HELPER void
pty_modes(struct pty *p, const char *bytes, size_t n)
{
	char both[sizeof p->tail + 65536];
	size_t all = p->tail_n + n;

	memcpy(both, p->tail, p->tail_n);
	memcpy(both + p->tail_n, bytes, n);
	for (size_t i = 0; i + 8 <= all; i++)
		if (memcmp(both + i, "\033[?2004", 7) == 0)
			p->paste = both[i + 7] == 'h';
	p->tail_n = all < 7 ? all : 7;
	memcpy(p->tail, both + all - p->tail_n, p->tail_n);
}

/* One look at what came; false when nothing came in time. */
TEST_HELPER bool
pty_pump(struct pty *p, int wait_ms)
{
	struct pollfd f = { p->master, POLLIN, 0 };
	char bytes[65536];
	ssize_t n;

	if (poll(&f, 1, wait_ms) <= 0)
		return false;
	n = read(p->master, bytes, sizeof bytes);
	if (n <= 0) {
		p->gone = true;
		return false;
	}
	p->bytes += n;
	p->reads++;
	if (p->keep) {
		p->raw = realloc(p->raw, p->raw_n + (size_t)n);
		memcpy(p->raw + p->raw_n, bytes, (size_t)n);
		p->raw_n += (size_t)n;
	}
	pty_modes(p, bytes, (size_t)n);
	vterm_input_write(p->vt, bytes, (size_t)n);
	return true;
}

/* The screen as text, rows without blanks at their end; the caller frees. */
TEST_HELPER char *
pty_text(struct pty *p)
{
	struct buf b = BUF_INIT;

	for (int y = 0; y < p->h; y++) {
		for (int x = 0; x < p->w; x++) {
			VTermScreenCell cell;
			VTermPos pos = { y, x };

			(void)vterm_screen_get_cell(p->screen, pos, &cell);
			if (cell.chars[0] == (uint32_t)-1)
				continue;
			for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL &&
			     cell.chars[i]; i++) {
				char out[5];

				buf_add(&b, out, key_utf8(cell.chars[i], out));
			}
			if (cell.chars[0] == 0)
				buf_ch(&b, ' ');
		}
		while (b.n > 0 && b.p[b.n - 1] == ' ')
			buf_cut(&b, b.n - 1);
		buf_ch(&b, '\n');
	}
	return buf_detach(&b);
}

TEST_HELPER bool
pty_has(struct pty *p, const char *text)
{
	char *screen = pty_text(p);
	bool has = strstr(screen, text) != NULL;

	free(screen);
	return has;
}

TEST_HELPER void
pty_wait(struct pty *p, const char *text, bool there)
{
	int64_t end = pty_now() + PTY_PATIENCE_MS;

	while (pty_has(p, text) != there) {
		if (pty_now() > end || p->gone) {
			char *screen = pty_text(p);

			fail_msg("'%s' is %s on the screen:\n%s", text,
			    there ? "not" : "still", screen);
		}
		(void)pty_pump(p, 100);
	}
}

#define pty_until(p, text) pty_wait(p, text, true)

/* Everything that is under way: nothing came for a while. */
TEST_HELPER void
pty_quiet(struct pty *p, int ms)
{
	while (pty_pump(p, ms))
		;
}

TEST_HELPER void
pty_type(struct pty *p, const char *bytes, size_t n)
{
	assert_int_equal(write(p->master, bytes, n), n);
}

TEST_HELPER void
pty_size(struct pty *p, int w, int h)
{
	struct winsize size = { .ws_col = (unsigned short)w,
		.ws_row = (unsigned short)h };

	p->w = w;
	p->h = h;
	vterm_set_size(p->vt, h, w);
	assert_int_equal(ioctl(p->master, TIOCSWINSZ, &size), 0);
}

/* What waitpid said. */
TEST_HELPER int
pty_exit(struct pty *p)
{
	struct pollfd f = { p->word, POLLIN, 0 };
	int64_t end = pty_now() + PTY_PATIENCE_MS;

	while (poll(&f, 1, 0) == 0) {
		if (pty_now() > end) {
			kill(p->pid, SIGKILL);
			fail_msg("it did not end");
		}
		if (!p->gone)
			(void)pty_pump(p, 20);
		else
			usleep(5000);
	}
	assert_int_equal(read(p->word, &p->status, sizeof p->status),
	    sizeof p->status);
	p->pid = 0;
	return p->status;
}

/* Field by field: there are holes between them. */
TEST_HELPER bool
pty_modes_back(struct pty *p)
{
	struct termios t;

	assert_int_equal(tcgetattr(p->slave, &t), 0);
	return t.c_iflag == p->before.c_iflag &&
	    t.c_oflag == p->before.c_oflag && t.c_cflag == p->before.c_cflag &&
	    t.c_lflag == p->before.c_lflag &&
	    memcmp(t.c_cc, p->before.c_cc, 17) == 0;
}

/* Whatever ended it: the modes are back, nothing is left switched on. */
TEST_HELPER void
pty_clean(struct pty *p)
{
	int64_t end = pty_now() + PTY_PATIENCE_MS;

	while (!pty_modes_back(p) || p->alt || p->paste) {
		if (pty_now() > end)
			fail_msg("left: %s%s%s", p->alt ? "alternate screen " :
			    "", p->paste ? "bracketed paste " : "",
			    pty_modes_back(p) ? "" : "modes");
		(void)pty_pump(p, 50);
	}
	pty_quiet(p, 50);
	assert_false(p->hidden);
	assert_int_equal(p->mouse, 0);
	assert_false(p->alt);
	assert_false(p->paste);
}

TEST_HELPER void
pty_end(struct pty *p)
{
	if (p->pid > 0)
		(void)kill(p->pid, SIGKILL);
	if (p->shell > 0) {
		(void)kill(p->shell, SIGKILL);
		(void)waitpid(p->shell, NULL, 0);
		(void)close(p->word);
	}
	(void)close(p->master);
	(void)close(p->slave);
	vterm_free(p->vt);
	free(p->raw);
	p->raw = NULL;
}

#endif
