# SPDX-License-Identifier: MIT
"""The rows of the comparison: which program is run with which arguments, and which of
its figures make a row. A new load is a line here (and a file in bench/loads/).
"""
from collections import namedtuple

LOADS = "build/bench/loads/"

# argv; rows: {name: (figure, unit)}; group: its place in the table and the means;
# rounds: at most so many, for what takes long or is the same each time.
Run = namedtuple("Run", "argv rows group rounds", defaults=[1000])

# What is called how in the table of geometric means; of "memory" there is none.
GROUPS = {
    "micro": "single-thread loops",
    "load": "loads",
    "real": "real programs",
    "count": "real programs, instructions",
}

SIZES = {"16": 16, "64": 64, "512": 512, "4K": 4 << 10, "64K": 64 << 10, "1M": 1 << 20}


def micro():
    """Instructions per malloc + free, the loop included."""
    return [Run(["build/bench/micro", loop, str(size)],
                {f"{loop}/{name}": ("instructions", "instructions")}, "micro", 1)
            for loop in ("pair", "slots") for name, size in SIZES.items()]


def load(name, program, *argv):
    """CPU time of one of bench/loads/."""
    return Run([LOADS + program, *argv], {f"load/{name}": ("cpu", "s")}, "load")


def loads():
    """Loads of one thread, then of many."""
    return [
        load("random", "random"),
        load("random-large", "random", "min=256", "max=16384", "live=2000", "steps=6000000"),
        load("grow", "grow"),
        load("trees", "trees"),
        load("random-4", "random", "threads=4"),
        load("churn", "churn"),
        load("churn-large", "churn", "min=1024", "max=32768", "steps=2000000"),
        load("exchange", "exchange"),
        load("pipe-small", "pipe"),
        load("pipe-large", "pipe", "min=1024", "max=32768", "objects=2000000"),
        load("mix", "mix"),
        load("brief", "brief"),
        load("scratch", "scratch"),
    ]


def real():
    """Programs of Debian; what they work on is made by the scripts of bench/real/."""
    script, made = "bench/real/", "build/bench/real"
    programs = {
        "redis": [f"{script}redis.sh", made],
        "lua": ["lua5.4", f"{script}lua.lua"],
        "python": ["/usr/bin/python3", f"{script}python.py"],
        "python-malloc": ["env", "PYTHONMALLOC=malloc", "/usr/bin/python3", f"{script}python.py"],
        "perl": ["perl", f"{script}perl.pl"],
        "gawk": ["gawk", "-f", f"{script}gawk.awk"],
        "sqlite": ["sqlite3", "-batch", "-init", f"{script}sqlite.sql", ":memory:", ".quit"],
        "cc1": ["gcc", "-O2", "-S", "-o", "/dev/null", f"{made}/source.c"],
        "cc1plus": ["g++", "-std=c++17", "-O1", "-S", "-o", "/dev/null", f"{made}/source.cc"],
        "clang": ["clang++", "-std=c++17", "-O1", "-c", "-o", "/dev/null", f"{made}/source.cc"],
    }
    return [Run(argv, {f"real/{name}": ("cpu", "s")}, "real", 3 if name == "redis" else 1000)
            for name, argv in programs.items()]


def memory():
    """What a program gives back, and what it pays for that."""
    return [
        Run([LOADS + "peak"], {"memory/peak": ("held", "MB"), "memory/refill": ("refill", "s")},
            "memory", 3),
        Run([LOADS + "bursts"], {"memory/bursts": ("burst", "s"), "memory/between": ("between", "MB")},
            "memory", 2),
    ]


def count():
    """Real programs again, by what repeats exactly; not redis, where time is in it."""
    runs = {name.partition("/")[2]: run for run in real() for name in run.rows}
    return [Run(run.argv, {f"count/{name}": ("counted", "million")}, "count", 1)
            for name, run in runs.items() if name != "redis"]


def iterations(run):
    """How many of a micro loop: valgrind is slow, and so are some peers at large sizes."""
    size = int(run.argv[2])
    return 2000 if size >= SIZES["1M"] else 10000 if size >= SIZES["64K"] else 100000


def usual():
    """What is run when nothing is asked for, in the order of the table."""
    return micro() + loads() + real() + memory()


def every():
    """All runs; count() takes the better part of an hour."""
    return usual() + count()
