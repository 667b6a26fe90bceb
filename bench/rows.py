# SPDX-License-Identifier: MIT
"""The rows of the comparison: which program is run with which arguments, and which of
its figures make a row. A new load is a line here (and a file in bench/loads/).
"""
from collections import namedtuple

LOADS = "build/bench/loads/"

# argv; rows: {name: (figure, unit)}; group: its place in the table and the means;
# rounds: at most so many, for what takes long or is the same each time.
Run = namedtuple("Run", "argv rows group rounds", defaults=[1000])

# title in the table of geometric means: rows in seconds or instructions of the group
GROUPS = {
    "micro": "single-thread loops",
    "load": "loads",
    "real": "real programs",
    "memory": "memory",
}

SIZES = {"16": 16, "64": 64, "512": 512, "4K": 4 << 10, "64K": 64 << 10, "1M": 1 << 20}


def micro():
    """Instructions per malloc + free, the loop included."""
    return [Run(["build/bench/micro", loop, str(size)],
                {f"{loop}/{name}": ("instructions", "instructions")}, "micro", 1)
            for loop in ("pair", "slots") for name, size in SIZES.items()]


def iterations(run):
    """How many of a micro loop: valgrind is slow, and so are some peers at large sizes."""
    return 10000 if int(run.argv[2]) >= SIZES["64K"] else 100000


def every():
    """All runs, in the order of the table."""
    return micro()
