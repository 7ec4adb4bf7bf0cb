#!/bin/bash
# The console's other half: the record, the steps and the jobs as lines of JSON.
. "$(dirname "$0")/../lib.sh"
at_exit end_feeds

S=$WORK/site; mkdir -p "$S"; cd "$S" || exit 99
cat > midwatch.cfg <<CFG
site = { name = "t"; environment = "test"; runbook = "short"; state = "state"; };
CFG
cat > short.cfg <<CFG
runbook = { name = "short"; title = "Short"; version = 1; severity = "SEV-2"; say = "s"; steps = (
  { id = "look"; kind = "command"; title = "Look"; command = ( "true" ); exit_proves = true; stop = "safe"; },
  { id = "loud"; kind = "command"; title = "Loud"; command = "seq 1 100000; sleep 3; echo the end";
    exit_proves = true; stop = "safe"; needs = ( "step look done" ); } );
  resolve = ( "step look done" ); close = ( "rca published" ); };
CFG
cat > keeper.py <<'PY'
import json, os, select, subprocess, sys, time

class Keeper:
    def __init__(self, *more):
        self.p = subprocess.Popen([os.environ["MIDWATCH"], "-c", "midwatch.cfg", "record", *more],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.rest, self.lines, self.ids = b"", [], 0

    def ask(self, **what):
        self.ids += 1
        what.setdefault("id", self.ids)
        self.p.stdin.write(json.dumps(what).encode() + b"\n")
        self.p.stdin.flush()
        return what["id"]

    def until(self, holds, seconds=30):
        """The first line, old ones too, for which holds."""
        end, i = time.monotonic() + seconds, 0
        while True:
            while i < len(self.lines):
                if holds(self.lines[i]):
                    return self.lines[i]
                i += 1
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.p.stdout], [], [], left)[0]:
                raise SystemExit("it never came; last: %s" % self.lines[-5:])
            got = os.read(self.p.stdout.fileno(), 1 << 16)
            if not got:
                raise SystemExit("the keeper ended: %s" % self.lines[-3:])
            *whole, self.rest = (self.rest + got).split(b"\n")
            self.lines += [json.loads(x) for x in whole]

    def kind(self, t, **has):
        return self.until(lambda x: x["t"] == t and all(x.get(k) == v for k, v in has.items()))

    def forget(self):
        self.lines = []

    def end(self):
        self.p.stdin.close()
        return self.p.wait(20)
PY
py() { PYTHONPATH=. python3 -c "from keeper import *
$1"; }
export MIDWATCH

check "without an incident it says so, and who and what it is" py '
k = Keeper()
assert k.kind("hello")["read_only"] is False
assert k.kind("site")["name"] == "t"
assert any(a["name"] == "backup" and a["built"] for a in k.kind("actions")["v"])
k.kind("none")
i = k.ask(do="say", kind="note", text="nobody hears")
assert "no incident" in k.kind("said", id=i)["error"]
i = k.ask(do="verb", argv=["incident", "open", "--title", "it'"'"'s \"dark\"", "--json"])
assert k.kind("ended", id=i)["exit"] == 0, k.lines
inc = k.kind("incident", state="open")
assert inc["title"] == "it'"'"'s \"dark\"", inc
steps = k.until(lambda x: x["t"] == "steps" and x["v"])
assert steps["next"] == "look" and [s["state"] for s in steps["v"]] == ["ready", "blocked"], steps
assert "step look done" in steps["v"][1]["why"]
assert k.kind("criteria")["resolve"][0]["truth"] == "no"
assert k.end() == 0'

check "a line is durable when it is answered, and comes back as an entry" py '
k = Keeper()
k.kind("incident")
text = "fan \u2603 replaced\nby hand \x1b[31m"
i = k.ask(do="say", kind="note", text=text, nonce="n-1", at="1m ago")
seq = k.kind("said", id=i)["seq"]
assert k.kind("entry", seq=seq)["text"] == text
i = k.ask(do="say", kind="note", text=text, nonce="n-1")
assert k.kind("said", id=i)["seq"] == seq
k.forget()
i = k.ask(do="say", kind="pin", of=seq, text="")
k.kind("said", id=i)
assert k.kind("entry", seq=seq)["pinned"] is True
for bad in ({"kind": "step.done", "text": "x"}, {"kind": "note", "text": ""}, {"kind": "pin", "of": 999},
            {"kind": "note", "text": "x", "at": "tomorrow-ish"}):
    i = k.ask(do="say", **bad)
    assert "error" in k.kind("said", id=i), bad
k.p.stdin.write(b"not json\n[1]\n{\"do\":\"nothing\"}\n")
i = k.ask(do="say", kind="decision", text="go on")
k.kind("said", id=i)
assert k.end() == 0'
expect_exit 0 "the record is whole" "$MIDWATCH" verify state/incidents/*/journal.jsonl
check "the words were written once" [ "$(grep -c '"nonce":"n-1"' state/incidents/*/journal.jsonl)" = 1 ]

check "a step is run by its verb, its job and its output are seen" py '
k = Keeper()
k.until(lambda x: x["t"] == "steps" and x["v"])
i = k.ask(do="verb", argv=["run", "look", "--json"])
assert k.kind("ended", id=i)["exit"] == 0
assert k.until(lambda x: x["t"] == "steps" and x["next"] == "loud")["v"][0]["state"] == "done"
i = k.ask(do="verb", argv=["run", "loud", "--json"])
job = k.until(lambda x: x["t"] == "jobs" and x["v"] and x["v"][0]["step"] == "loud" and x["v"][0]["state"] == "running")["v"][0]
k.ask(do="output", n=job["n"], rows=5, follow=True)
k.until(lambda x: x["t"] == "output" and x["rows"][-1:] == ["100000"])
end = k.until(lambda x: x["t"] == "output" and "the end" in x["rows"])
assert len(end["rows"]) <= 5 and end["first"] + len(end["rows"]) == end["lines"], end
k.kind("ended", id=i)
k.until(lambda x: x["t"] == "jobs" and x["v"] and x["v"][0].get("outcome") == "done")
k.forget()
k.ask(do="output", n=job["n"], first=0, rows=3)
top = k.kind("output")
assert top["first"] == 0 and len(top["rows"]) == 3, top
k.ask(do="find", n=job["n"], text="THE END")
at = k.kind("found")["at"]
assert at == end["lines"] - 2 or at == end["lines"] - 1, (at, end)
k.forget()
k.ask(do="find", n=job["n"], text="77777", first=at, back=True)
back = k.kind("found")["at"]
assert 0 < back < at
k.forget()
k.ask(do="find", n=job["n"], text="not in it")
assert k.kind("found")["at"] == -1
k.forget()
k.ask(do="output", n=job["n"], first=back, rows=2)
assert k.kind("output")["rows"] == ["77777", "77778"]
assert k.end() == 0'

check "one that only looks changes nothing" py '
k = Keeper("--looks")
assert k.kind("hello")["read_only"] is True
assert "looks" in k.kind("said", id=k.ask(do="say", kind="note", text="x"))["error"]
assert "looks" in k.kind("ended", id=k.ask(do="verb", argv=["run", "look"]))["error"]
assert k.end() == 0'

check "two see each other, and what the other has written" py '
a, b = Keeper(), Keeper()
assert a.until(lambda x: x["t"] == "consoles" and x["v"])["v"][0]["pid"] == b.p.pid
assert b.until(lambda x: x["t"] == "consoles" and x["v"])["v"][0]["pid"] == a.p.pid
b.kind("incident")
seq = a.kind("said", id=a.ask(do="say", kind="note", text="from a"))["seq"]
assert b.kind("entry", seq=seq)["text"] == "from a"
a.forget()
b.end()
a.until(lambda x: x["t"] == "consoles" and not x["v"])
a.end()'

check "what is odd about the host and the runbook is said" py '
import glob, shutil
k = Keeper()
assert k.kind("odd_runbook")["v"] == []
assert not [o for o in k.kind("odd")["v"] if "next incident" in o["text"]]
k.end()
open("short.cfg", "a").write("# one line more\n")
k = Keeper()
shutil.rmtree("state/spare")
o = k.kind("odd_runbook")["v"]
assert "short.cfg" in o[0]["text"] and "runbook --take" in o[0]["hint"], o
k.until(lambda x: x["t"] == "odd" and [o for o in x["v"] if "no space is kept for the next incident" in o["text"]])
assert k.end() == 0'

check "killed in the middle of a verb, the job goes on and the next one knows it" py '
import signal
k = Keeper()
k.until(lambda x: x["t"] == "steps" and x["v"])
k.ask(do="verb", argv=["run", "loud", "--again", "--json"])
n = k.until(lambda x: x["t"] == "jobs" and x["v"] and x["v"][0]["state"] == "running")["v"][0]["n"]
k.p.kill()
k.p.wait()
k = Keeper()
k.until(lambda x: x["t"] == "jobs" and x["v"] and x["v"][0]["n"] == n and x["v"][0].get("outcome") == "done")
k.end()'

# What a button has done is done, whatever the runbook calls it.
mkdir "$WORK/other"; cp keeper.py "$WORK/other"; cd "$WORK/other" || exit 99
cat > midwatch.cfg <<CFG
site = { name = "t"; environment = "test"; runbook = "cold"; state = "state"; };
CFG
cat > cold.cfg <<CFG
runbook = { name = "cold"; title = "Cold"; version = 1; severity = "SEV-2"; say = "s"; steps = (
  { id = "look"; kind = "manual"; title = "Look"; stop = "safe"; },
  { id = "hold"; kind = "action"; title = "Hold"; action = "freeze"; args = { on = true; }; proves = ( "frozen" ); stop = "safe"; },
  { id = "call"; kind = "action"; title = "Call"; action = "tell"; args = { trigger = "open"; }; proves = ( "told open" ); parallel = true; proof_within = "1s"; stop = "safe"; },
  { id = "tell"; kind = "action"; title = "Tell"; action = "update"; proves = ( "update sent within 15m" ); stop = "safe"; } );
  resolve = ( "step look done" ); close = ( "rca published" ); };
CFG
"$MIDWATCH" incident open --title cold >/dev/null 2>&1
"$MIDWATCH" freeze on --reason "by the button" >/dev/null 2>&1
check "a step that was done another way is done when its turn comes, and the update is due by the clock" py '
k = Keeper()
inc = k.kind("incident")
assert 0 < inc["next_update"] - inc["opened"] <= 15 * 60000, inc
steps = k.until(lambda x: x["t"] == "steps" and x["v"])
assert steps["next"] == "look" and steps["v"][1]["state"] != "done", steps
i = k.ask(do="verb", argv=["run", "look"])
k.kind("ended", id=i)
steps = k.until(lambda x: x["t"] == "steps" and x["next"] == "call")
i = k.ask(do="verb", argv=["run", "call"])
assert k.kind("ended", id=i)["exit"] == 1
steps = k.until(lambda x: x["t"] == "steps" and x["next"] == "tell")
assert steps["v"][2]["state"] == "failed", steps
i = k.ask(do="verb", argv=["incident", "told", "--by-hand", "Ana", "--trigger", "open"])
k.kind("ended", id=i)
k.until(lambda x: x["t"] == "steps" and x["v"][2]["state"] == "done")
assert steps["v"][1]["state"] == "done" and steps["v"][1]["how"] == "proven", steps
i = k.ask(do="verb", argv=["incident", "update", "--send"])
k.kind("ended", id=i)
k.forget()
k.ask(do="think")
steps = k.until(lambda x: x["t"] == "steps" and x["v"])
assert steps["next"] == "tell" and steps["v"][3]["state"] == "ready", steps
assert k.end() == 0'
check "the record says that it was sensed" grep -q '"kind":"step.done","step":"hold".*"sensed":true' state/incidents/*/journal.jsonl
echo "// by hand" >>"$(echo state/incidents/*/runbook.cfg)"
check "a copy of the runbook that was changed by hand is said to be" py '
k = Keeper()
o = k.until(lambda x: x["t"] == "odd_runbook" and x["v"])["v"]
assert "copy of the runbook was changed" in o[0]["text"], o
assert k.end() == 0'
finish
