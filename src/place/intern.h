/*
 * What the files of this room share. A carrier brings argv to where it runs; a
 * filer handles files there. Containers have no carrier of their own: their
 * argv is put behind `docker exec` and carried by the place they are at.
 */
#ifndef PLACE_INTERN_H
#define PLACE_INTERN_H

#include "place/place.h"

#define PLACE_NONCE 36			/* "mw-" and 32 hex digits */

struct conn;

enum place_stream { PLACE_OUT, PLACE_ERR };
enum place_open { PLACE_READS, PLACE_MAKES, PLACE_GOES_ON };

struct place_proc {
	struct place *p;
	bool wrapped;			/* a shell reports begin and end */
	char nonce[PLACE_NONCE];
	bool begun, marked;		/* the marks were seen */
	int64_t far_pid;		/* the wrapper's, there */
	struct buf raw;			/* output that may be part of a mark */
	struct place_exit exit;
	bool eof[2], shut;
	/* the carrier's */
	pid_t pid;
	int in, out, err;
	void *channel;
};

/* read and write: bytes, 0 at the end, -1 nothing yet, -2 broken (e). */
struct place_carrier {
	bool (*start)(struct place_proc *q, const char *const *argv,
	    int64_t until, struct err *e);
	ssize_t (*read)(struct place_proc *q, enum place_stream s,
	    struct buf *b, struct err *e);
	ssize_t (*write)(struct place_proc *q, const char *s, size_t n,
	    struct err *e);
	void (*shut)(struct place_proc *q);	/* the end of its input */
	/* Until something may have come, 200 ms at most. */
	bool (*wait)(struct place_proc *q, bool writes, struct err *e);
	/* After the end of its output; false: nobody knows how it ended. */
	bool (*ended)(struct place_proc *q, struct place_exit *ret,
	    int64_t until, struct err *e);
	void (*drop)(struct place_proc *q);
};

struct place_filer {
	bool (*stat)(struct place *p, const char *path, struct place_stat *ret,
	    struct err *e);
	bool (*list)(struct place *p, const char *dir, struct place_list *ret,
	    struct err *e);
	bool (*mkdir)(struct place *p, const char *path, unsigned mode,
	    struct err *e);
	bool (*rename)(struct place *p, const char *from, const char *to,
	    struct err *e);
	bool (*remove)(struct place *p, const char *path, struct err *e);
	bool (*rmdir)(struct place *p, const char *path, struct err *e);
	bool (*room)(struct place *p, const char *path, struct place_room *ret,
	    struct err *e);
	bool (*open)(struct place_file *f, const char *path,
	    enum place_open how, unsigned mode, int64_t offset,
	    struct err *e);
	bool (*write)(struct place_file *f, const char *s, size_t n,
	    struct err *e);
	ssize_t (*read)(struct place_file *f, void *s, size_t n,
	    struct err *e);
	bool (*close)(struct place_file *f, struct err *e);
	void (*drop)(struct place_file *f);
	bool (*flush)(struct place_file *f, struct err *e);	/* or NULL */
	int64_t (*acknowledged)(const struct place_file *f);	/* or NULL */
};

struct place_file {
	struct place *p;
	char *path;
	bool writes;
	int64_t at;			/* behind what was written */
	int fd;				/* here */
	void *handle;			/* sftp */
	struct place_proc *q;		/* through a shell */
	struct place_io io;
	struct buf window;		/* offered, from window_at: not yet
					 * acknowledged */
	size_t window_at;
};

/* What ssh(1) would do for a host: its -G output and the spec in one. */
struct place_host {
	char *alias;			/* as the site wrote it */
	char *name, *user;
	int port;
	bool user_given, port_given;
	VEC(char *) identities;
	VEC(char *) known_hosts;
	char *trust_file;		/* of these, the one to add to */
	char *key_alias;		/* HostKeyAlias */
	char *agent;			/* the socket; NULL: none */
	char *jump;			/* ProxyJump */
	char *command;			/* ProxyCommand */
	bool identities_only;
	bool newer;			/* ssh knows SessionType and StdinNull */
	bool known_nowhere;		/* ssh is told to forget host keys */
	char *odd;			/* why ssh could not say all this */
};

struct place {
	const struct place_spec *spec;
	const struct place_spec *hostspec;	/* where argv is carried to */
	struct place_care care;
	const struct place_carrier *carrier;
	const struct place_filer *filer;
	struct conn *conn;		/* libssh2's */
	struct place_host host;
	bool deaf;			/* while it stops something */
	char how[256];
};

extern const struct place_carrier place_carrier_here, place_carrier_ssh,
    place_carrier_system;
extern const struct place_filer place_filer_here, place_filer_sftp,
    place_filer_shell;

/* file.c: what statvfs() says, as any of the filers learns it. The numbers are
 * the other side's: whatever they are, what comes out is 0 or more. */
struct place_statfs {
	uint64_t blocks, bfree, bavail, unit, files, ffree, favail;
};
void place_room_of(const struct place_statfs *v, struct place_room *ret);

/* shellfile.c: is path (without links) on a file system that /proc/self/mountinfo
 * has as read-only? The text is taken apart. */
bool place_mounted_read_only(char *mounts, const char *path);

/* shell.c */
bool place_shell_line(struct buf *out, const char *const *argv, struct err *e);
bool place_shell_script(struct buf *out, const char *nonce,
    const char *const *argv, struct err *e);
void place_nonce(char out[PLACE_NONCE]);

/* place.c: the one clock and the one question */
int64_t place_until(int64_t deadline_ms);
bool place_go_on(const struct place *p, int64_t until, struct err *e);

/* ssh.c: libssh2. *ret_why: why the system's ssh should try instead. */
bool place_ssh_open(struct place *p, int64_t until, struct buf *ret_why,
    struct err *e);
void place_ssh_close(struct place *p);
/* Connects, and asks for no more than the host key. */
struct known_key;
bool place_ssh_key(struct place *p, int64_t until, struct known_key *ret,
    struct buf *ret_why, struct err *e);

/* host.c */
/* until: ssh is asked no longer than that, nor than 5 s; 0: 5 s. */
bool place_host_find(struct place_host *h, const struct place_spec *spec,
    int64_t until, struct err *e);
void place_host_release(struct place_host *h);
char *place_path_home(const char *path);	/* ~/x: caller frees */
/* The host of a ProxyJump, whose word is taken apart and stays in use; false:
 * it has several. */
bool place_jump_spec(struct place_spec *ret, char *word,
    const struct place_spec *of);

/* system.c: ssh and its options up to the host */
struct place_args {
	VEC(char *) words;
};
void place_system_args(struct place_args *a, const struct place *p);
/* Whatever key it shows goes into the file; the login is refused. */
void place_system_scan(struct place_args *a, const struct place *p,
    const char *file, const char *methods);
void place_system_forward(struct place_args *a, const struct place *p,
    const char *forward);
void place_args_release(struct place_args *a);

#endif
