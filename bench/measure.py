# SPDX-License-Identifier: MIT
"""Runs one program once under one allocator and says what it took: CPU time and peak
of resident memory by getrusage, instructions by callgrind, figures that it prints.
"""
import glob
import os
import re
import subprocess

LAUNCH = "build/bench/launch"
CALLGRIND_OUT = "build/bench/callgrind.out"
LIMIT = 180             # seconds for a run; the longest takes 25 on a quiet machine
COUNT_LIMIT = 1200      # under callgrind, which takes 60 times as long
TIME_IS_UP = 128 + 14


class Failed(Exception):
    """A run that gave no figures; says why."""


def take(report):
    """What launch reports, as numbers."""
    found = dict(re.findall(r"(\w+)=(-?\d+)", report))
    if not {"cpu_us", "rss_kb", "status"} <= set(found):
        raise Failed("no report; is build/bench/launch there?")
    return {key: int(value) for key, value in found.items()}


def launch(argv, preload, limit=LIMIT):
    """Run ARGV; returns its CPU seconds, its peak in MB, and what it printed."""
    readable, writable = os.pipe()
    try:
        with os.fdopen(readable) as reader:
            done = subprocess.run([LAUNCH, str(writable), str(limit), preload, *argv],
                                  pass_fds=[writable], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, errors="replace", check=False)
            os.close(writable)
            writable = None
            report = reader.read()
    finally:
        if writable is not None:
            os.close(writable)
    report = take(report)
    if report["status"]:
        lines = (done.stderr or done.stdout).strip().splitlines()
        why = f"not done within {limit} s" if report["status"] == TIME_IS_UP else \
            f"exit status {report['status']}" + (f": {lines[-1]}" if lines else "")
        raise Failed(why)
    return report["cpu_us"] / 1e6, report["rss_kb"] / 1024, done.stdout


def printed(output):
    """The figures that a program printed, a line each: NAME=NUMBER."""
    return {name: float(value) for name, value in
            re.findall(r"^([a-z_]+)=(-?[\d.]+)$", output, re.MULTILINE)}


def figures(argv, preload):
    """CPU seconds and peak ("cpu", "peak"), and what the program prints itself."""
    cpu, peak, output = launch(argv, preload)
    return {"cpu": cpu, "peak": peak} | printed(output)


def total_of(profile):
    """The instructions that callgrind collected, out of its file."""
    found = re.search(r"^totals: (\d+)$", profile, re.MULTILINE)
    if not found:
        raise Failed("callgrind left no total")
    return int(found[1])


def counted(argv, preload):
    """Million instructions of a program and its children, in user space."""
    for old in glob.glob(f"{CALLGRIND_OUT}.*"):
        os.unlink(old)
    launch(["valgrind", "--tool=callgrind", "--trace-children=yes",
            "--soname-synonyms=somalloc=nouserintercepts",
            f"--callgrind-out-file={CALLGRIND_OUT}.%p", *argv], preload, COUNT_LIMIT)
    total = 0
    for profile in glob.glob(f"{CALLGRIND_OUT}.*"):
        with open(profile, encoding="ascii", errors="replace") as f:
            total += total_of(f.read())
        os.unlink(profile)
    return {"counted": total / 1e6}


def instructions(argv, preload, iterations):
    """Instructions an iteration of what runs below measured() of micro.c."""
    launch(["valgrind", "--tool=callgrind", "--toggle-collect=measured",
            f"--callgrind-out-file={CALLGRIND_OUT}", *argv, str(iterations)], preload)
    with open(CALLGRIND_OUT, encoding="ascii", errors="replace") as f:
        return {"instructions": total_of(f.read()) / iterations}
