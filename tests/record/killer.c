/*
 * Four writers append to one journal and are killed at random, most of them
 * between the lock and the acknowledgement, then it is read again: nothing that
 * was acknowledged is missing, nothing stands there twice, the chain holds.
 *
 *	killer DIR KILLS VERIFY
 *
 * The journal is in DIR, acknowledgements are in memory. Every 50 kills a new
 * journal is begun. Uses the appender beside it, and VERIFY (verify.py) as a
 * second opinion. Prints one line of counts; exit 0 when all was there and at
 * least half of the kills fell between lock and acknowledgement.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "tests/record/appender.h"

enum { WRITERS = 4, ROUND = 50, AIM_MS = 40 };

static const char *const phase_names[] = { "waiting", "locked", "decided",
    "written", "synced", "unlocked", "idle" };

static char *appender, *verify, *journal, *memory;
static volatile int *phases;
static pid_t writers[WRITERS];
static long by_phase[ACKNOWLEDGED + 1], kills, acked;

static char *
acks_of(int w)
{
	return xprintf("%s/acks.%d", memory, w);
}

static pid_t
start(char *const *argv)
{
	pid_t pid = fork();

	if (pid < 0)
		die("cannot fork");
	if (pid == 0) {
		(void)execvp(argv[0], argv);
		_exit(126);
	}
	return pid;
}

static int
run(char *const *argv)
{
	pid_t pid = start(argv);
	int status = -1;

	(void)waitpid(pid, &status, 0);
	return status;
}

static void
start_writer(int w)
{
	static long n;
	char *acks = acks_of(w), *tag = xprintf("w%ld", ++n);
	char *seed = xprintf("%ld", random()), *slot = xprintf("%d", w);
	char *phase_file = xprintf("%s/phases", memory);
	char *argv[] = { appender, "append", "-a", acks, "-n", "1000000", "-t",
	    tag, "-r", seed, "-p", phase_file, "-i", slot, journal, NULL };

	phases[w] = JOURNAL_WAITING;
	writers[w] = start(argv);
	free(acks);
	free(tag);
	free(seed);
	free(slot);
	free(phase_file);
}

/* Whom to kill: for seven of eight the one that is between lock and
 * acknowledgement, a moment later. */
static int
aim(void)
{
	int w = (int)(random() % WRITERS);

	(void)usleep((useconds_t)(random() % 4000));
	if (random() % 8 == 0)
		return w;
	int64_t deadline = clock_mono_ms() + AIM_MS;
	while (clock_mono_ms() < deadline && (phases[w] < JOURNAL_LOCKED ||
	    phases[w] > JOURNAL_SYNCED))
		w = (w + 1) % WRITERS;
	for (long i = random() % 3000; i > 0; i--)
		(void)phases[w];
	return w;
}

static void
stop_writer(int w)
{
	int status;

	if (writers[w] < 2 || kill(writers[w], SIGKILL) != 0 ||
	    waitpid(writers[w], &status, 0) < 0)
		die("lost a writer");
	if (!WIFSIGNALED(status))
		die("a writer ended by itself: status %x", status);
	by_phase[phases[w]]++;
	kills++;
}

static bool
all_there(void)
{
	char *acks[WRITERS], *argv[WRITERS + 4] = { appender, "check", journal };
	char *second[] = { verify, journal, NULL };
	bool ok;

	for (int w = 0; w < WRITERS; w++)
		argv[3 + w] = acks[w] = acks_of(w);
	ok = run(argv) == 0 && run(second) == 0;
	for (int w = 0; w < WRITERS; w++) {
		char *all = map_acks(acks[w]);

		acked += (long)count_acks(all);
		(void)munmap(all, ACK * ACKS_MAX);
		(void)unlink(acks[w]);
		free(acks[w]);
	}
	return ok;
}

static bool
one_round(long turn, const char *dir, long n)
{
	struct err e = ERR_INIT;
	bool ok;

	journal = xprintf("%s/journal.%ld", dir, turn);
	if (!journal_create(journal, 0, &e))
		die("%s", e.msg);
	for (int w = 0; w < WRITERS; w++)
		start_writer(w);
	for (; n > WRITERS; n--) {
		int w = aim();

		stop_writer(w);
		start_writer(w);
	}
	for (int w = 0; w < WRITERS; w++)
		stop_writer(w);
	ok = all_there();
	if (ok)
		(void)unlink(journal);
	free(journal);
	return ok;
}

static char *
beside(const char *self)
{
	const char *slash = strrchr(self, '/');

	return xprintf("%.*s/record_appender", (int)(slash - self), self);
}

int
main(int argc, char **argv)
{
	long want = argc > 2 ? strtol(argv[2], NULL, 10) : 0, inside = 0;
	char *phase_file;
	bool ok = true;

	if (argc < 4)
		die("usage: killer DIR KILLS VERIFY");
	if (freopen("/dev/null", "w", stdout) == NULL)	/* of our children */
		die("no /dev/null");
	srandom((unsigned)time(NULL));
	appender = beside(argv[0]);
	verify = argv[3];
	memory = xprintf("/dev/shm/killer.%ld", (long)getpid());
	if (!file_mkdir(memory, 0700, NULL))
		die("cannot make '%s'", memory);
	phase_file = xprintf("%s/phases", memory);
	phases = map_shared(phase_file, PHASES_SIZE);
	for (long turn = 0; ok && kills < want; turn++)
		ok = one_round(turn, argv[1], want - kills < ROUND ?
		    want - kills : ROUND);
	fprintf(stderr, "%ld kills:", kills);
	for (int i = 0; i <= ACKNOWLEDGED; i++)
		fprintf(stderr, " %s %ld", phase_names[i], by_phase[i]);
	for (int i = JOURNAL_LOCKED; i <= JOURNAL_DONE; i++)
		inside += by_phase[i];
	fprintf(stderr, "; between lock and acknowledgement %ld; acknowledged "
	    "events %ld\n", inside, acked);
	(void)file_remove_tree(memory, NULL);
	free(memory);
	free(appender);
	free(phase_file);
	return !ok || inside * 2 < kills || acked < kills;
}
