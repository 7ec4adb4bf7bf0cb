/*
 * event: one line of a journal, as a struct; and the table of kinds.
 *
 * The table says which kinds exist, what they mean to a reader and whether they
 * belong to the short story of an incident. A kind that is not in the table
 * (written by a newer version) is kept and shown all the same.
 */
#ifndef RECORD_EVENT_H
#define RECORD_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/sha.h"

/*	name			key moment	help */
#define EVENT_KINDS(X)							\
	X(INCIDENT_OPENED, "incident.opened", true, "the incident begins")	\
	X(INCIDENT_RESOLVED, "incident.resolved", true, "criteria proven, clocks stop") \
	X(INCIDENT_CLOSED, "incident.closed", true, "report published, follow-ups assigned") \
	X(OPERATOR, "operator", false, "somebody acts here for the first time") \
	X(SEVERITY, "severity", true, "the severity was set")		\
	X(ROLE, "role", true, "somebody took or handed over a role")	\
	X(NOTE, "note", false, "words of a person")			\
	X(DECISION, "decision", true, "a decision and its reason")	\
	X(HYPOTHESIS, "hypothesis", false, "a suspected cause")		\
	X(RULED_OUT, "hypothesis.ruled-out", false, "a cause that it is not") \
	X(CONFIRMED, "hypothesis.confirmed", true, "a cause that it is") \
	X(PIN, "pin", false, "an earlier line marked as important")	\
	X(CORRECTION, "correction", false, "what an earlier line should have said") \
	X(EVIDENCE, "evidence", false, "something found, with its source") \
	X(ALERT, "alert", true, "an alarm that belongs to this incident") \
	X(UPDATE, "update", true, "an update was sent")			\
	X(SNOOZE, "update.snoozed", false, "the update clock was put off") \
	X(DECLARED, "declared", true, "data at risk or downtime, declared by a person") \
	X(TELL, "tell", false, "somebody is to be told")		\
	X(TOLD, "told", false, "somebody was told")			\
	X(ACKED, "told.acked", false, "and has answered")		\
	X(FOLLOWUP, "followup", false, "what somebody will do afterwards") \
	X(FOLLOWUP_DONE, "followup.done", false, "and did")		\
	X(FIELD, "field", false, "a field of the post-mortem")		\
	X(PUBLISHED, "published", true, "the report was published")	\
	X(RUNBOOK, "runbook.loaded", false, "the runbook that is followed") \
	X(RUNBOOK_CHANGED, "runbook.changed", false, "a changed runbook was taken") \
	X(STEP_STARTED, "step.started", false, "a step's work begins")	\
	X(STEP_DONE, "step.done", true, "a step is proven or confirmed") \
	X(STEP_FAILED, "step.failed", true, "a step did not work")	\
	X(STEP_SKIPPED, "step.skipped", false, "a step was left out, with a reason") \
	X(STEP_DOUBT, "step.doubt", true, "a step's outcome is not known") \
	X(STEP_RESET, "step.reset", false, "a step is to be done again") \
	X(GATE_PASSED, "gate.passed", false, "a soft gate was passed knowingly") \
	X(OVERRIDE, "override", true, "a criterion was overridden, with a reason") \
	X(PROOF_LOST, "proof.lost", true, "a proof does not hold any more") \
	X(PROOF_BACK, "proof.back", true, "a lost proof holds again")	\
	X(JOB_STARTED, "job.started", false, "a process of its own began") \
	X(JOB_ENDED, "job.ended", false, "and how it ended")		\
	X(JOB_CANCEL, "job.cancel", false, "somebody asked a job to stop") \
	X(JOB_DOUBT, "job.doubt", true, "a job vanished without an outcome") \
	X(FREEZE_BEGUN, "freeze.begun", false, "a freeze is about to be set or lifted") \
	X(FREEZE, "freeze", true, "deployments were frozen, or may go on") \
	X(PRECHECK, "precheck", false, "whether a migration might run then") \
	X(RESTORED, "restored", true, "a database was restored into its target") \
	X(CRITERION, "criterion", false, "a criterion of the end, and what was seen") \
	X(CHECKPOINT, "checkpoint", false, "last seq and hash at that moment") \
	X(J_SECOND, "journal.second", false, "where the second journal is") \
	X(J_SWITCHED, "journal.switched", true, "the second journal is in use") \
	X(J_SETTLED, "journal.settled", false, "its lines are back in the first") \
	X(J_LOST, "journal.second-lost", true, "a restart took the second journal, which was in memory") \
	X(J_TORN, "journal.torn", false, "a cut-off line, kept as it is")

enum event_kind {
#define X(id, name, key, help) EVENT_##id,
	EVENT_KINDS(X)
#undef X
	EVENT_UNKNOWN
};

struct event {
	int64_t seq, at, rec, pid;
	enum event_kind kind;
	const char *by, *host, *name, *step, *text;	/* step: "" when none */
	json_t *data;			/* never NULL */
	json_t *line;			/* owns all of the above */
	char hash[SHA_HEX];
	bool bad;			/* its bytes are not what was written */
};

enum event_kind event_kind(const char *name);
const char *event_name(enum event_kind k);
bool event_is_key(enum event_kind k);
const char *event_help(enum event_kind k);

#endif
