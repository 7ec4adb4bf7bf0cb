#!/usr/bin/env python3
"""Backups whose process is killed with SIGKILL, and what is there afterwards.

	kill_rounds.py MIDWATCH STORE STATE ROUNDS

Each round aims at one phase of a backup, as it can be seen in the store, kills at a
random moment of it, and counts the phase in which the kill really fell. Whatever has
a final name then must be whole by stock tools. Prints `PHASE N` a line, and what is
wrong on standard error.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

PHASES = ["looking", "claimed", "dumping", "proving", "publishing", "published"]
DEADLINE = 60


def sets(store):
    folder = os.path.join(store, "manual")
    try:
        return {n for n in os.listdir(folder) if n[0] == "2"}
    except FileNotFoundError:
        return set()


def files(folder):
    out = []
    for at, _, names in os.walk(folder):
        out += [os.path.join(at, n) for n in names]
    return out


def ended(index):
    """Its last line says how much it was."""
    try:
        with open(index, "rb") as f:
            lines = f.read().splitlines()
    except OSError:
        return False
    return bool(lines) and lines[-1].startswith(b"end")


def phase_of(store, before):
    new = sets(store) - before
    if not new:
        return "looking"
    name = new.pop()
    if name.endswith("Z"):
        return "published"
    there = files(os.path.join(store, "manual", name))
    if any(f.endswith("manifest.json") for f in there):
        return "publishing"
    dumps = [f for f in there if f.endswith(".gz")]
    if not dumps:
        return "claimed"
    if all(ended(f[:-3] + ".idx") for f in dumps):
        return "proving"
    return "dumping"


def job_pid(state, known):
    try:
        new = [n for n in os.listdir(state + "/jobs") if n.isdigit() and n not in known]
        with open(f"{state}/jobs/{new[0]}/job.json", encoding="utf-8") as f:
            return json.load(f).get("pid")
    except (OSError, IndexError, ValueError):
        return None


def wrong_with(folder):
    """What stock tools say of a set that has its final name."""
    if subprocess.run(["sha256sum", "-c", "--quiet", "checksums.sha256"], cwd=folder,
                      capture_output=True).returncode:
        return "its checksums do not hold"
    if not os.path.exists(folder + "/manifest.json"):
        return "it has no manifest"
    for f in files(folder):
        if f.endswith(".dump.gz"):
            with subprocess.Popen(["gunzip", "-c", f], stdout=subprocess.PIPE) as gz:
                if subprocess.run(["pg_restore", "-f", "/dev/null"], stdin=gz.stdout,
                                  capture_output=True).returncode or gz.wait():
                    return f"{f} cannot be read to its end"
    return None


class Killer:
    def __init__(self, midwatch, store, state):
        self.midwatch, self.store, self.state = midwatch, store, state
        self.counts = dict.fromkeys(PHASES, 0)
        self.lasts = dict.fromkeys(PHASES, 0.01)   # how long a phase is
        self.bad = 0

    def start(self, jobs):
        self.before = sets(self.store)
        self.known = set(os.listdir(self.state + "/jobs")) if os.path.isdir(self.state + "/jobs") else set()
        return subprocess.Popen([self.midwatch, "backup", "otc", "--jobs", str(jobs)],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def learn(self, jobs):
        """One that is let be: how long is each phase?"""
        p = self.start(jobs)
        now, since = None, time.monotonic()
        while p.poll() is None:
            phase = phase_of(self.store, self.before)
            if phase != now:
                if now is not None:
                    self.lasts[now] = max(0.002, time.monotonic() - since)
                now, since = phase, time.monotonic()
            time.sleep(0.0005)
        if p.returncode:
            print(f"a backup that nobody killed ended with {p.returncode}", file=sys.stderr)
            self.bad += 1

    def round(self, aim, jobs):
        p = self.start(jobs)
        until, pid = time.monotonic() + DEADLINE, None
        while pid is None and time.monotonic() < until:
            pid = job_pid(self.state, self.known)
            time.sleep(0.0005)
        while PHASES.index(phase_of(self.store, self.before)) < PHASES.index(aim) and \
                time.monotonic() < until and p.poll() is None:
            time.sleep(0.0003)
        if aim != "publishing":		# that one is over at once
            time.sleep(random.uniform(0, self.lasts[aim] * 0.8))
        fell = None
        try:
            os.kill(pid, signal.SIGKILL)
            fell = phase_of(self.store, self.before)
        except (ProcessLookupError, TypeError):
            pass
        p.wait()
        if fell is not None:
            self.counts[fell] += 1
        self.look()

    def look(self):
        for name in sorted(sets(self.store)):
            folder = os.path.join(self.store, "manual", name)
            if not name.endswith("Z"):
                shutil.rmtree(folder)	# the next one begins from nothing
                continue
            why = wrong_with(folder)
            if why:
                print(f"{name}: {why}", file=sys.stderr)
                self.bad += 1
        keep = sorted(sets(self.store))[-3:]
        for name in sets(self.store) - set(keep):
            shutil.rmtree(os.path.join(self.store, "manual", name))


def main():
    midwatch, store, state, rounds = sys.argv[1:5]
    random.seed(os.environ.get("MIDWATCH_SEED", time.time_ns()))
    k = Killer(midwatch, store, state)
    k.learn(1)
    rounds = int(rounds)
    for i in range(rounds):
        # whatever was hit least so far
        aim = min(PHASES, key=lambda p: k.counts[p]) if i % 2 else PHASES[i // 2 % len(PHASES)]
        k.round(aim, 1 + i % 2)
    for p in PHASES:
        print(p, k.counts[p])
    return 1 if k.bad else 0


if __name__ == "__main__":
    sys.exit(main())
