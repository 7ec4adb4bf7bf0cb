#!/usr/bin/env python3
"""Runs a command; prints the most memory that the processes of a program had
meanwhile, in KiB: memory_of.py PROGRAM COMMAND... (shared pages by their share)."""
import glob
import os
import subprocess
import sys
import time


def pss(program):
    total = 0
    for exe in glob.glob("/proc/[0-9]*/exe"):
        try:
            if os.readlink(exe) != program:
                continue
            with open(os.path.dirname(exe) + "/smaps_rollup", encoding="ascii") as f:
                total += sum(int(l.split()[1]) for l in f if l.startswith("Pss:"))
        except OSError:
            continue
    return total


def main():
    program = os.path.realpath(sys.argv[1])
    most = 0
    with subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        while p.poll() is None:
            most = max(most, pss(program))
            time.sleep(0.1)
    print(most)
    return p.returncode


if __name__ == "__main__":
    sys.exit(main())
