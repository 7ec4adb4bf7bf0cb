#!/usr/bin/python3
"""The second reader of journals, which shares no code with the first.

    tests/verify.py JOURNAL [SECOND]

Written from the format alone (one JSON object a line, padded to 512 bytes, none
across a 4096-byte edge, chained by SHA-256, cut-off lines legal only when the
journal.torn lines behind them name each, a second journal lost only when it was
in memory and the host was started again).  Prints `SEQ HASH` of the last line;
problems go to stderr, one a line, and make the exit status 1.  What is LOST is
said there as well.
"""
import hashlib
import json
import re
import sys

SLOT, BLOCK, OBJECT_MAX = 512, 4096, 4000
END = re.compile(rb',"hash":"([0-9a-f]{64})"}$')
problems = []


def problem(name, line, text):
    problems.append(f"{name}: offset {line.offset}: {text}")


def sha(data):
    return hashlib.sha256(data).hexdigest()


def no_twins(pairs):
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a member twice")
    return dict(pairs)


class Line:
    def __init__(self, offset, raw, ended):
        self.offset, self.raw, self.ended = offset, raw, ended
        self.text = raw.strip(b" ")
        self.object = None
        self.torn = False               # a later journal.torn names it
        end = END.search(self.text)
        if ended and end and self.text.startswith(b'{"seq":'):
            try:
                self.object = json.loads(self.text.decode(), object_pairs_hook=no_twins)
                self.good = sha(self.text[:end.start()]) == self.object["hash"]
            except ValueError:
                pass

    def kind(self):
        return self.object["kind"] if self.object else None

    def names(self, other):
        """Whether this journal.torn is about that line."""
        d = self.object["data"]
        n = d.get("length", 0)
        return (d.get("offset") == other.offset and 0 < n <= len(other.raw)
                and d.get("sha256") == sha(other.raw[:n]) and not other.raw[n:].strip(b" "))

    def placed(self):
        lead = len(self.raw) - len(self.raw.lstrip(b" "))
        start, end = self.offset + lead, self.offset + len(self.raw) + 1
        return (self.offset % SLOT == 0 and end % SLOT == 0 and lead < BLOCK
                and (lead == 0 or start % BLOCK == 0)
                and start // BLOCK == (end - 1) // BLOCK and len(self.text) <= OBJECT_MAX)


def lines_of(path):
    with open(path, "rb") as f:
        data = f.read()
    lines, at = [], 0
    while at < len(data):
        end = data.find(b"\n", at)
        stop = end if end >= 0 else len(data)
        line = Line(at, data[at:stop], end >= 0)
        at = stop + 1
        if line.ended or line.text or stop % BLOCK != 0:    # else: spaces up to an edge
            lines.append(line)
    return lines


def disown(lines, second):
    """Marks what each journal.torn names among the lines right before its run;
    from the end, as one that is itself disowned does not count."""
    for i in reversed(range(len(lines))):
        torn = lines[i]
        if torn.kind() != "journal.torn" or not torn.good or torn.torn:
            continue
        if bool(torn.object["data"].get("second")) != second:
            continue
        for other in reversed(lines[:i]):
            if torn.names(other):
                other.torn = True
                break
            if other.object and other.kind() != "journal.torn":
                break


class Chain:
    def __init__(self):
        self.seq, self.hash, self.known, self.waiting = 0, "0" * 64, {}, []
        self.second = None              # the line that named it last

    def read(self, name, lines, second):
        for line in lines:
            if line.torn or not line.object:
                self.waiting.append((name, line, second))
            else:
                self.take(name, line, second)

    def take(self, name, line, second):
        o = line.object
        if second and line.good and self.known.get(o["seq"]) == o["hash"]:
            self.settle(line, second)
            return
        if not self.settle(line, second):
            problem(name, line, "names a cut-off line that is not there")
        if line.kind() != "journal.torn":
            self.nothing_waits()
        if not line.good:
            problem(name, line, "the bytes do not give the hash")
        if not line.placed():
            problem(name, line, "the padding is wrong")
        if o["seq"] != self.seq + 1:
            problem(name, line, f"seq is {o['seq']}, not {self.seq + 1}")
        elif o["prev"] != self.hash:
            problem(name, line, "prev is not the hash of the line before")
        if line.good and o["kind"] == "journal.second" and not second:
            self.second = o
        if line.good and o["kind"] == "journal.second-lost":
            self.lose(name, line, second)
        self.seq, self.hash = o["seq"], o["hash"]
        self.known[o["seq"]] = o["hash"]

    def lose(self, name, line, second):
        """Legal for what was in memory under another start of the same host."""
        o, was = line.object, self.second
        d = o["data"]
        if (second or not was or not was["data"].get("volatile")
                or not was["data"].get("boot") or not d.get("boot")
                or d["boot"] == was["data"]["boot"] or o["host"] != was["host"]
                or d.get("second") != was["seq"]
                or d.get("last_hash", 0) != self.known.get(d.get("last_seq"))):
            problem(name, line, "no restart can have taken a second journal here")
            return
        self.second = None
        if d.get("used"):
            print(f"{name}: LOST: lines behind {d['last_seq']}, line {o['seq']} says so",
                  file=sys.stderr)

    def settle(self, line, second):
        """A journal.torn explains one fragment; copied back from the second
        journal it may be about a fragment that was not copied."""
        if line.kind() != "journal.torn" or not line.good:
            return True
        about = bool(line.object["data"].get("second"))
        for w in self.waiting:
            if w[2] == about and line.names(w[1]):
                self.waiting.remove(w)
                return True
        return about and not second or second and line.object["hash"] in self.known.values()

    def nothing_waits(self):
        for name, line, _ in self.waiting:
            problem(name, line, "cut-off or changed bytes that no journal.torn names")
        self.waiting = []


def main():
    chain = Chain()
    first = lines_of(sys.argv[1])
    second = lines_of(sys.argv[2]) if len(sys.argv) > 2 else []
    disown(first, False)
    disown(second, True)
    tail = first.pop() if second and first and not first[-1].ended else None
    chain.read(sys.argv[1], first, False)
    if tail:
        # A cut-off copy of the line that comes next is no tear: the second has it.
        new = next((l for l in second if l.object and l.object["seq"] == chain.seq + 1), None)
        named = new and new.kind() == "journal.torn" and new.names(tail)
        if named or not new or not new.text.startswith(tail.text):
            chain.waiting.append((sys.argv[1], tail, False))
    if second:
        chain.read(sys.argv[2], second, True)
    chain.nothing_waits()
    print(chain.seq, chain.hash)
    for p in problems:
        print(p, file=sys.stderr)
    return 1 if problems else 0


sys.exit(main())
