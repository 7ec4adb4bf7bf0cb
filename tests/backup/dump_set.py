"""Makes a backup set out of real dumps with Python's zlib and hashlib alone: what
midwatch reads is held against what the format says, not against what it writes.

    dump_set.py STORE CLASS NAME COMPONENT=KIND:FILE[,FILE...][:TABLES:ROWS] ...

KIND: database, globals, files, command; FILE holds the raw bytes (several: a
database dumped in parallel). Members of MEMBER (1048576) raw bytes, each with its
line in the index. From the environment: SITE (prod), VERSION (15.0) of the server,
FINISHED (NAME), when the run ended.
"""
import hashlib
import json
import os
import struct
import sys
import zlib

MEMBER = int(os.environ.get("MEMBER", 1 << 20))
ENDING = {"database": ".dump", "globals": ".sql", "files": ".tar", "command": ".txt"}


def sha(data):
    return hashlib.sha256(data).hexdigest()


def member(raw):
    z = zlib.compressobj(1, zlib.DEFLATED, -15)
    return (b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + z.compress(raw) + z.flush() +
            struct.pack("<II", zlib.crc32(raw), len(raw) & 0xffffffff))


def pack(raw):
    out, index = [], ["midwatch gzip index 1: offset size raw_offset raw_size crc32 sha256"]
    at = 0
    for i in range(0, max(len(raw), 1), MEMBER):
        piece = raw[i:i + MEMBER]
        m = member(piece)
        index.append(f"{at} {len(m)} {i} {len(piece)} {zlib.crc32(piece):08x} {sha(m)}")
        out.append(m)
        at += len(m)
    index.append(f"end {at} {len(raw)}\n")
    return b"".join(out), "\n".join(index).encode()


def utc(stamp):
    s = stamp[:16]
    return f"{s[:4]}-{s[4:6]}-{s[6:8]}T{s[9:11]}:{s[11:13]}:{s[13:15]}.000Z"


def main(store, klass, name, *parts):
    top = os.path.join(store, klass, name)
    os.makedirs(top)
    sums, components = [], []

    def put(path, data):
        with open(os.path.join(top, path), "wb") as f:
            f.write(data)
        sums.append(f"{sha(data)}  {path}\n")

    for p in parts:
        comp, rest = p.split("=", 1)
        kind, files, *counts = rest.split(":")
        files = files.split(",")
        inside = f"{comp}/" if len(files) > 1 else ""
        if inside:
            os.mkdir(os.path.join(top, comp))
        c = {"name": comp, "kind": kind, "complete": True, "started": utc(name),
             "finished": utc(name), "files": [],
             "pipe": [{"process": "pg_dump", "version": "15", "exit": 0}]}
        if inside:
            c["dir"] = comp
        for i, path in enumerate(files):
            raw = open(path, "rb").read()
            data, index = pack(raw)
            stem = f"{i:03d}" if inside else comp
            put(inside + stem + ENDING[kind] + ".gz", data)
            put(inside + stem + ENDING[kind] + ".idx", index)
            c["files"].append({
                "file": stem + ENDING[kind] + ".gz", "size": len(data), "raw_size": len(raw),
                "sha256": sha(data), "index": {"file": stem + ENDING[kind] + ".idx",
                                               "size": len(index), "sha256": sha(index)}})
        if counts:
            c["tables"], c["rows"] = int(counts[0]), int(counts[1])
        if kind == "database":
            c["identity"] = {"server_version": os.environ.get("VERSION", "15.0"), "dbname": comp}
        components.append(c)
    manifest = json.dumps({
        "format": 1, "site": os.environ.get("SITE", "prod"), "class": klass,
        "started": utc(name), "finished": utc(os.environ.get("FINISHED", name)), "by": "dump_set",
        "complete": not name.endswith(".incomplete"), "components": components}).encode()
    put("manifest.json", manifest)
    with open(os.path.join(top, "checksums.sha256"), "w") as f:
        f.writelines(sums)


main(*sys.argv[1:])
