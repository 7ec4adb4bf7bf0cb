/*
 * What the files of recover share. recover.c: looking; recover_super.c: what only
 * a superuser sees and does; recover_file.c: password files, here and elsewhere;
 * recover_keep.c: the new password until it is where it belongs; recover_do.c:
 * doing it; recover_check.c: the daily look.
 */
#ifndef ACTION_RECOVER_INTERN_H
#define ACTION_RECOVER_INTERN_H

#include "action/recover.h"
#include "base/json.h"

enum { RECOVER_LOGIN_MS = 20000, RECOVER_ASK_MS = 30000 };

/* ---- recover.c ---- */
void recover_say(struct recover *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void recover_note(struct recover *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Done, and worth a line in the record. */
void recover_tell(struct recover *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A login from here, the way the site's clients take. password NULL: as the
 * password file says (passfile NULL: the site's). */
struct pg *recover_dial(struct recover *r, const char *password,
    const char *passfile, enum pg_no *ret_no, struct err *e);
bool recover_start(struct recover *r, struct err *e);	/* names, tunnel */
void recover_secret_free(char *s);
bool recover_cancelled(const struct recover *r);

/* ---- recover_super.c ---- */
bool recover_super_look(struct recover *r, struct err *e);
/* The verifier that is stored now; NULL in *ret: none. */
bool recover_super_verifier(struct recover *r, char **ret, struct err *e);
struct recover_change {
	const char *from, *to;		/* verifiers; NULL: none. from is what must
					 * be there */
	bool password;			/* it changes at all */
	int login;			/* 1: LOGIN, -1: NOLOGIN, 0: as it is */
	const char *until;		/* VALID UNTIL, NULL: as it is */
};
/* In one transaction that leaves no trace in the server's log. False with *ret_sure
 * false: whether it was done is not known. */
bool recover_super_change(struct recover *r, const struct recover_change *c,
    bool *ret_sure, struct err *e);
/* Of the role, begun before now, except ours; how many were told to end. */
bool recover_super_end_sessions(struct recover *r, int64_t *ret_n,
    struct err *e);

/* ---- recover_file.c ---- */
/* All that rotate.update names, and the one that the login uses. */
void recover_files_find(struct recover *r);
bool recover_files_have(const struct recover *r, const char *path);	/* here */
/* What it holds (zeroed by the caller); ERR_NOTFOUND: it is not there. */
bool recover_file_read(struct recover *r, const struct recover_file *f,
    struct buf *ret, unsigned *ret_mode, struct err *e);
/* What is to be done to each, and whether it can be, for a password that is known
 * or (NULL) one that is not. */
void recover_files_look(struct recover *r, const char *password);
bool recover_file_write(struct recover *r, struct recover_file *f,
    const char *password, struct err *e);
/* What clients of theirs would find, and logs in with it: where the file lies, by
 * psql with nothing but that file, else from here by what stands in it. */
bool recover_file_prove(struct recover *r, const struct recover_file *f,
    const char *password, struct err *e);

/* ---- recover_keep.c ---- */
struct recover_kept {
	char *path;			/* where it lies */
	char *password, *verifier, *old;	/* old NULL: there was none */
	char *identity, *until;		/* until: as it was, NULL: not changed */
	bool unlocked, extended;	/* LOGIN, VALID UNTIL were changed too */
	bool volatile_;			/* lost with a reboot */
	int64_t began;
	char *by;
};
/* ERR_NOTFOUND: there is none. */
bool recover_keep_read(struct recover *r, struct recover_kept *k,
    struct err *e);
bool recover_keep_write(struct recover *r, struct recover_kept *k,
    struct err *e);
void recover_keep_remove(struct recover_kept *k);
/* Anything of one that was cut off; and what is only half of it goes, under the
 * lock. */
bool recover_keep_left(const struct recover *r);
void recover_keep_sweep(const struct recover *r);
void recover_kept_release(struct recover_kept *k);
/* For a recovery of this database; ERR_BUSY: another one runs. The caller closes. */
bool recover_lock(struct recover *r, int *ret_fd, struct err *e);
/* That somebody else's lies there: who it is, for the plan. */
void recover_keep_others(struct recover *r);

#endif
