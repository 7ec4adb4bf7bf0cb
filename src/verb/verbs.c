#include "verb/verbs.h"

#include <string.h>

const struct verb verbs[] = {
	{ "status", verb_status,
	    "status [--timeout 5s] [--json|--prometheus] [--notify]",
	    "what is true right now, worst first (exit 0 ok, 1 warning, "
	    "2 critical, 3 unknown)",
	    "--timeout --prometheus --notify", false },
	{ "watch", verb_watch, "watch",
	    "the same as a feed, one JSON reading a line", "--serve", false },
	{ "incident", verb_incident,
	    "incident open [--title T] [--alarm A] [--severity SEV-n] "
	    "[--runbook NAME] [--alerted-at TIME] [--channel C] [--also]\n"
	    "incident list|show [INCIDENT] [--all]\n"
	    "incident note|decide TEXT [--at TIME] [--step ID]\n"
	    "incident hypothesis TEXT | --ruled-out LINE WHY | --confirmed LINE WHY\n"
	    "incident pin LINE [--off]\n"
	    "incident correct LINE TEXT\n"
	    "incident severity SEV-n WHY\n"
	    "incident role ROLE [--to NAME]\n"
	    "incident update [--text T|--edit] [--send|--draft|--by-hand]\n"
	    "incident update --snooze 10m --reason WHY\n"
	    "incident tell TRIGGER [--text T] [--except WHO] [--again]\n"
	    "incident notify TRIGGER [--text T]\n"
	    "incident told [INCIDENT] [--by-hand WHO [--trigger T] [--no-answer]] "
	    "[--send]\n"
	    "incident escalate [WHO] [--text T] [--due]\n"
	    "incident ack WHO\n"
	    "incident declare data-risk|downtime [WHY] [--plan] "
	    "[--confirm]\n"
	    "incident people\n"
	    "incident publish WHERE\n"
	    "incident resolve|close [INCIDENT] [--override REASON]",
	    "open an incident, write into its record, resolve and close it",
	    "open list show note decide hypothesis pin correct severity role "
	    "update tell notify told escalate ack declare people "
	    "publish resolve close --text --edit --send --draft --by-hand "
	    "--snooze --reason --except --again --trigger --no-answer --due "
	    "--plan --confirm data-risk downtime --title --alarm --severity --runbook "
	    "--alerted-at --channel --also --at --step --ruled-out --confirmed "
	    "--off --to --override --all", false },
	{ "run", verb_run,
	    "run STEP [--confirm NAME] [--anyway] [--again] [--arg KEY=VALUE]\n"
	    "run STEP --skip REASON | --override REASON",
	    "one step of the open incident's runbook",
	    "--confirm --anyway --again --skip --override --reason --arg",
	    false },
	{ "jobs", verb_jobs, "jobs [--all]", "what runs and what has run",
	    "--all", false },
	{ "cancel", verb_cancel, "cancel JOB",
	    "stop a job and everything it started", "", false },
	{ "export", verb_export,
	    "export [INCIDENT] [--format md|json] [--output FILE]",
	    "the incident's record for people and programs",
	    "--format --output md json", false },
	{ "verify", verb_verify, "verify JOURNAL [--checkpoint SEQ:HASH]",
	    "whether a journal is as it was written, and its end proven",
	    "--checkpoint", false },
	{ "followup", verb_followup,
	    "followup add TEXT [--owner WHO] [--due DATE]\n"
	    "followup done LINE | list | none WHY",
	    "what somebody will do after the incident",
	    "add done list none --owner --due", false },
	{ "runbook", verb_runbook, "runbook [NAME] [--commands|--take]",
	    "a runbook as a page, or its shell commands for paper",
	    "--commands --take", false },
	{ "lint", verb_lint, "lint FILE...",
	    "every mistake of site files and runbooks, with its line", "",
	    false },
	{ "trust", verb_trust, "trust PLACE [--confirm LAST4]",
	    "a place's host key: shown, compared, written to known_hosts",
	    "--confirm", false },
	{ "doctor", verb_doctor, "doctor [--tonight|--terminal]",
	    "whether machine, site and terminal are ready for a bad night",
	    "--tonight --terminal", false },
	{ "init", verb_init, "init [--yes] [--output FILE]",
	    "write a site file out of what this host has", "--yes --output",
	    false },
	{ "help", verb_help, "help [VERB]", "what can be typed", "", false },
	{ "locks", verb_locks,
	    "locks [DB...]\n"
	    "locks cancel|terminate PID --confirm PID [--db DB] [--dump] "
	    "[--anyway] [--started TIME] [--reason TEXT]",
	    "who waits for whom in the databases, and ending who is in the way",
	    "cancel terminate --confirm --db --dump --anyway --started "
	    "--reason", false },
	{ "login-line", verb_login_line, "login-line",
	    "for the shell's profile: a line while an incident is open, else "
	    "nothing", "", false },
	{ "job", verb_job, "job N", "started by midwatch itself", "", true },
	{ "record", verb_record, "record [--incident ID] [--looks]",
	    "the console's own child: the record and the jobs, as JSON lines",
	    "--incident --looks", true },
	{ "drill", NULL, "drill", "practise in a sandbox", "", false },
	{ "backup", verb_backup,
	    "backup DB... [--emergency] [--store NAME] [--jobs N] "
	    "[--level fast|small]\n"
	    "backup --all-unsafe",
	    "a verified copy of a database, now: streamed, no local disk needed",
	    "--all-unsafe --emergency --store --jobs --level --confirm", false },
	{ "nightly", verb_nightly, "nightly [--dry-run]",
	    "the scheduled job: everything, verified; --dry-run looks only",
	    "--dry-run", false },
	{ "validate", verb_validate,
	    "validate [SET|latest|all] [--db DB] [--store NAME] [--restore] "
	    "[--scratch DIR] [--jobs N]",
	    "read sets through where they lie, and restore them into a "
	    "scratch PostgreSQL",
	    "latest all --db --store --restore --scratch --jobs", false },
	{ "recover", verb_recover,
	    "recover DB [--plan] [--confirm DB] [--rotate] [--unlock] "
	    "[--extend] [--sessions] [--end-sessions]\n"
	    "recover --check [DB]",
	    "a login that is broken: the password found, or a new one set, "
	    "proven and written",
	    "--plan --confirm --rotate --unlock --extend --sessions "
	    "--end-sessions --check", false },
	{ "cleanup", verb_cleanup, "cleanup [--plan] [--confirm CODE]",
	    "room on the disks: what may go, and once its code is typed, "
	    "exactly that", "--plan --confirm", false },
	{ "precheck", verb_precheck,
	    "precheck [--after-freeze] [--only secrets,disk,...] [--notify]",
	    "may a migration run now? (exit 0 yes, 1 no or unknown)",
	    "--after-freeze --only --notify", false },
	{ "freeze", verb_freeze,
	    "freeze on|off [--reason TEXT] [--anyway]\n"
	    "freeze status|check",
	    "hold deployments and migrations; check is what pipelines call",
	    "on off status check --reason --anyway", false },
	{ "replay", NULL, "replay INCIDENT", "step through the past", "",
	    false },
	{ "schedule", verb_schedule,
	    "schedule [check] [--root DIR]\n"
	    "schedule systemd [--output DIR] | cron | catch-up",
	    "when the jobs really run, against what the site says; units and "
	    "crontab lines for them",
	    "check systemd cron catch-up --root --output", false },
	{ "sets", verb_sets, "sets [STORE] [--timeout 60s]\n"
	    "sets adopt PATH [--store NAME] [--db NAME] [--move]",
	    "what backups there are, and what each of them is worth",
	    "adopt --timeout --store --db --move", false },
	{ "restore", verb_restore,
	    "restore SET|latest DB [--into CONNINFO] --confirm NAME [--plan] "
	    "[--beside [--end-sessions]|--over] [--untried] [--store NAME] "
	    "[--jobs N]",
	    "data back from a set into a database, by a plan and its typed "
	    "name",
	    "latest --into --confirm --plan --over --beside --end-sessions "
	    "--untried --store --scratch --jobs",
	    false },
	{ "isolate", verb_isolate, "isolate",
	    "evidence for the cause into the incident: disks, logs, logins, "
	    "checksums, changes", "", false },
	{ "postmortem", NULL, "postmortem edit", "fill in the report", "",
	    false },
};
const size_t n_verbs = sizeof verbs / sizeof *verbs;

const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < n_verbs; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}
