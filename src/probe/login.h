/*
 * login: what one line of a log says about somebody logging in. Known are the
 * lines of sshd, PAM, sudo and PostgreSQL (also CSV and JSON, and by SQLSTATE
 * whatever language the words are in), JSON objects and key=value pairs with the
 * usual names, and sentences that say it in plain words. Pure.
 */
#ifndef PROBE_LOGIN_H
#define PROBE_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum login_kind {
	LOGIN_STRANGE,		/* a line of no known form */
	LOGIN_OTHER,		/* a known form, about something else */
	LOGIN_FAILED,
	LOGIN_GOOD,
	LOGIN_CALLER,		/* only who calls: address and pid */
};

enum { LOGIN_NAME = 64 };

struct login {
	enum login_kind kind;
	char role[LOGIN_NAME], address[LOGIN_NAME];	/* "": not said */
	int64_t pid;		/* of the server's process, 0 */
	int port;		/* of the caller, 0 */
	bool closed;		/* only that a caller left without logging in */
};

/* The line is plain (plain.h). */
void login_read(const char *line, struct login *ret);

#endif
