/*
 * place: where a command runs or a file lies: here, a host over SSH (perhaps
 * through a bastion), or a container on either. One set of functions for all.
 *
 *	struct place_spec box = { .name = "nas", .user = "backup",
 *	    .host = "nas.internal" };
 *	struct place *p = place_open(&box, NULL, &e);
 *	struct place_ran ran = PLACE_RAN_INIT;
 *	if (place_run(p, &(struct place_run){ .argv = argv }, &ran, &e) &&
 *	    ran.exit.code == 0)
 *		use(ran.out.p);
 *	place_ran_release(&ran);
 *	place_close(p);
 *
 * Everything blocks, until its deadline (monotonic milliseconds; 0: a minute
 * from now) or until care.cancelled() says so; it is asked five times a second.
 * A place is used by one thread at a time. The spec outlives the place: a
 * connection that broke, or was idle so long that it may be dead, is made again
 * by the next call; one that breaks during a call fails that call.
 *
 * Host keys: an unknown one is refused (ERR_GUARD; the hint is the line to
 * add), a changed or revoked one always.
 * What libssh2 cannot do (RSA keys, servers with only ETM or AEAD ciphers,
 * certificates, ProxyCommand) the system's ssh does; place_how() says which.
 */
#ifndef PLACE_PLACE_H
#define PLACE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

/* host or container or neither (here). What is NULL or 0 ~/.ssh/config says,
 * which also resolves aliases, else ssh's own defaults hold. */
struct place_spec {
	const char *name;		/* for messages */
	const char *user, *host;
	int port;
	const char *identity;		/* key file */
	const char *known_hosts;	/* besides /etc/ssh/ssh_known_hosts */
	const char *config;		/* instead of ~/.ssh/config */
	const struct place_spec *via;	/* the bastion */
	const char *container;
	const char *runtime;		/* "docker", "podman" */
	const struct place_spec *at;	/* of the container; NULL: here */
	bool system_ssh;		/* do not try libssh2 */
};

struct place_care {
	/* The passphrase of a key, terminated, into out; false: there is none.
	 * It is zeroed after use. secret_find() has those that were asked for. */
	bool (*secret)(void *ctx, const char *key, char *out, size_t size);
	bool (*cancelled)(void *ctx);
	void *ctx;
	int64_t deadline_ms;		/* of opening; 0: 20 s from now */
	bool no_agent;			/* by key files alone */
};

struct place;
struct place *place_open(const struct place_spec *spec,
    const struct place_care *care, struct err *e);	/* care may be NULL */
void place_close(struct place *p);			/* NULL is fine */
const char *place_name(const struct place *p);
/* "here", "ssh ops@10.0.0.7", "system ssh to ops@nas (why)", "docker on …" */
const char *place_how(const struct place *p);

/* --- commands ---------------------------------------------------------- */

/* Away from here a shell reports the end, so that signal n reads as code
 * 128 + n, and a program that itself exits with 128 + n looks the same. */
struct place_exit {
	int code;			/* 0..255; 128 + sig */
	int sig;			/* 0: none */
};

struct place_run {
	const char *const *argv;
	const char *input;		/* NULL: none */
	size_t input_n;
	size_t limit;			/* bytes kept of each output; 0: 1 MiB */
	/* Takes the output as it comes, instead of ran.out; false stops. */
	bool (*out)(void *ctx, const char *s, size_t n, struct err *e);
	void *ctx;
	int64_t deadline_ms;
};

struct place_ran {
	struct buf out, errout;
	bool cut;			/* longer than the limit */
	struct place_exit exit;
};
#define PLACE_RAN_INIT { BUF_INIT, BUF_INIT, false, { 0, 0 } }

/*
 * True when it was started and was seen to end, whatever its exit status; a
 * connection that drops is never an end. When the deadline passes, on
 * cancelling and when out() says stop, what runs there is ended too, and the
 * message says so when that could not be confirmed. The ran is to be released
 * either way.
 */
bool place_run(struct place *p, const struct place_run *r,
    struct place_ran *ret, struct err *e);
void place_ran_release(struct place_ran *r);
/* The same, and exit 0 is demanded: what else the command said is the error. */
bool place_do(struct place *p, const struct place_run *r,
    struct place_ran *ret, struct err *e);

/*
 * A command as a stream, for pipelines. Each turn waits until something moves:
 * takes of io->in what fits (in_end: nothing comes after it), appends to out
 * and err. ended: it is over, exit holds.
 */
struct place_io {
	const char *in;
	size_t in_n;
	bool in_end;
	struct buf out, err;
	bool ended;
	struct place_exit exit;
};

struct place_proc;
struct place_proc *place_start(struct place *p, const char *const *argv,
    int64_t deadline_ms, struct err *e);
bool place_turn(struct place_proc *q, struct place_io *io, int64_t deadline_ms,
    struct err *e);
/* Ends the far side and everything it started, and looks whether it is gone. */
bool place_stop(struct place_proc *q, struct err *e);
void place_proc_free(struct place_proc *q);	/* stops nothing */

/* --- files ------------------------------------------------------------- */

struct place_stat {
	int64_t size;
	int64_t mtime;			/* seconds, wall */
	unsigned mode;			/* permissions */
	bool is_file, is_dir, is_link;	/* links are not followed */
};

struct place_entry {
	char *name;
	struct place_stat st;
};
struct place_list {
	VEC(struct place_entry) entries;	/* by name, without . and .. */
};

struct place_room {
	int64_t total, free;		/* bytes; free: for an ordinary user */
	int64_t inodes, inodes_free;	/* 0: the file system has no such limit */
	int64_t used, inodes_used;
	int64_t reserved;		/* free, and only root may have it */
	bool read_only;			/* over SFTP not after a failure there */
	uint64_t fs;			/* the same on one host: one file system;
					 * 0: it has no number */
};
/* As df counts it: of what an ordinary user can ever have, rounded up. */
int place_percent(int64_t used, int64_t left);

/* Kinds: what is not there is ERR_NOTFOUND; what is already there is ERR_SYS
 * with EEXIST; a full disk ERR_SYS with ENOSPC. Relative paths begin at the
 * login's home (here: at the current directory). */
bool place_stat(struct place *p, const char *path, struct place_stat *ret,
    struct err *e);
bool place_list(struct place *p, const char *dir, struct place_list *ret,
    struct err *e);
void place_list_release(struct place_list *l);
bool place_mkdir(struct place *p, const char *path, unsigned mode,
    struct err *e);
bool place_rename(struct place *p, const char *from, const char *to,
    struct err *e);			/* never replaces */
bool place_remove(struct place *p, const char *path, struct err *e);
bool place_rmdir(struct place *p, const char *path, struct err *e);
bool place_room(struct place *p, const char *path, struct place_room *ret,
    struct err *e);
/* SHA-256 in hex of the bytes as they are read there. */
bool place_hash(struct place *p, const char *path, char hex[65],
    int64_t deadline_ms, struct err *e);

/* Writing: the file is new (never replaced), and on the disk after
 * place_file_close() was true. Without it the file stays as far as it came,
 * perhaps with holes, so that its size says nothing: whoever made it removes it.
 * Up to 16 MB may be under way at once; files that are written in turns cost a
 * round trip a turn. */
struct place_file;
struct place_file *place_create(struct place *p, const char *path,
    unsigned mode, struct err *e);
/* Goes on behind offset in a file that is there and at least so long; nothing is
 * cut off. What a connection left that broke is written again from where it was
 * acknowledged. Not through a shell. */
struct place_file *place_continue(struct place *p, const char *path,
    int64_t offset, struct err *e);
struct place_file *place_read_open(struct place *p, const char *path,
    int64_t offset, struct err *e);
bool place_file_write(struct place_file *f, const void *s, size_t n,
    struct err *e);
/* Until all that was written is acknowledged (by far not yet on the disk). */
bool place_file_flush(struct place_file *f, struct err *e);
/* The other side has everything before this offset. */
int64_t place_file_acknowledged(const struct place_file *f);
/* Bytes read, 0 at the end, -1 with e. */
ssize_t place_file_read(struct place_file *f, void *s, size_t n,
    struct err *e);
bool place_file_close(struct place_file *f, struct err *e);
void place_file_drop(struct place_file *f);	/* NULL is fine */

/* Whole files from and to a descriptor of ours. */
bool place_put(struct place *p, int fd, const char *path, unsigned mode,
    int64_t *ret_n, struct err *e);
bool place_get(struct place *p, const char *path, int fd, int64_t *ret_n,
    struct err *e);

#endif
