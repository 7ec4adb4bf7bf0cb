/*
 * keeper: the console's other half, the one that touches files. The console
 * itself reads and writes nothing but sockets and pipes: it starts
 * `midwatch record` and speaks with it in JSON, one object a line. Whatever
 * blocks (a disk that hangs, a lock that somebody holds) blocks here, and the
 * console shows how long it has been waiting; it may kill this process at any
 * time and start another, which tells everything anew.
 *
 * What it says ("t" is the kind of line):
 *
 *	hello		version, by, host, pid, config, state, read_only
 *	site		name, environment, timezone, channel, regulated,
 *			databases, stores, disks, services (names), rpo_ms,
 *			rto_ms, update_every_ms, contacts [who, phone, on, hook]
 *	none		no incident is open or to be closed
 *	incident	id, state, severity, title, opened, ... roles, told,
 *			notices (what is odd about the record)
 *	entry		one line of the timeline; the same seq again: it was
 *			corrected or pinned since. "last": the timeline is
 *			complete up to here
 *	steps		next, v: the runbook's steps with state and why, gates and
 *			guidance; safe_to_stop
 *	criteria	resolve, close: text, truth, why, overridden
 *	actions		what buttons there are: name, verb, help, built
 *	jobs		the newest ones: n, title, state, step, progress, outcome
 *	odd, odd_runbook  v: text, hint; what is odd about this host, and about
 *			the runbook's file
 *	consoles	who else looks: by, host, pid, since
 *	output		an answer to "output": rows of a job's output, the number
 *			of the first, lines (how many there are), size
 *	found		an answer to "find": at, the row's number (-1: nowhere)
 *	said		an answer to "say": seq, or error and hint
 *	ended		an answer to "verb": exit, out, err
 *	alive		at; every few seconds
 *
 * What it is asked ("do"; "id" comes back in the answer):
 *
 *	{"do":"say","id":1,"kind":"note","text":"...","nonce":"..."}
 *			a line of the record: durable when it is answered. at, step
 *			and of (the line that it is about) may be given. The same
 *			nonce is never written twice.
 *	{"do":"verb","id":2,"argv":["run","freeze","--json"]}
 *			a verb of the command line: there is no other way to act
 *	{"do":"kill","id":2}	a verb that is waited for no longer; its job goes on
 *	{"do":"output","n":3,"first":-1,"rows":20,"follow":true}
 *			so many rows from that one on (-1: the last ones); follow:
 *			the last ones again as it grows, until the next "output"
 *	{"do":"find","n":3,"text":"ERROR","first":-1,"back":false}
 *			in the rows behind (or before) that one
 *	{"do":"think"}		steps and criteria again, with fresh readings
 *
 * Names and texts come as they are: the console cleans what it shows.
 */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include "record/state.h"
#include "site/site.h"

struct keeper_want {
	const struct site *site;	/* NULL: there is none */
	const struct state *state;
	const char *incident;		/* this one, also when closed; NULL: the
					 * open one, else the newest resolved */
	const char *version;
	bool read_only;			/* "say" and "verb" are refused */
	int in, out;
};

/* Serves until `in` ends. False: it could not begin. */
bool keeper_serve(const struct keeper_want *want, struct err *e);

#endif
