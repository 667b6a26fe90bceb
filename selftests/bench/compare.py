#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench/compare and its parts: arithmetic on made-up figures, what it says of bad
arguments, and that it measures. No figure of time is looked at.
"""
import json
import math
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, f"{TOP}/bench")
os.chdir(TOP)

# pylint: disable=wrong-import-position
import measure                                          # noqa: E402
import table                                            # noqa: E402

GLIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6"
ALLOCATORS = ["spanheap", "glibc", "other"]


def compare(*args):
    """What it does when called by hand."""
    return subprocess.run(["bench/compare", *args], capture_output=True, text=True, check=False)


def near(got, want):
    """The same but for rounding."""
    assert math.isclose(got, want, rel_tol=1e-9), f"{got}, not {want}"


def medians_are_taken_of_all_rounds():
    """Of an even number too; who has none is left out."""
    got = table.medians({"row": {"spanheap": [9.0, 1.0, 2.0], "glibc": [1.0, 2.0], "other": []}})
    assert got == {"row": {"spanheap": 2.0, "glibc": 1.5}}, got


def ratios_are_to_the_best_peer():
    """Not to ourselves; megabytes below one are all the same."""
    near(table.ratio({"spanheap": 3.0, "glibc": 4.0, "other": 2.0}), 1.5)
    near(table.ratio({"spanheap": 1.0, "glibc": 4.0}), 0.25)
    near(table.ratio({"spanheap": 0.5, "glibc": 0.1}, "MB"), 1)
    near(table.ratio({"spanheap": 3.0, "glibc": -2.0}, "MB"), 3)
    assert table.ratio({"spanheap": 1.0}) is None
    assert table.ratio({"glibc": 1.0}) is None


def means_are_geometric():
    """Of multiples of the best of each row, over the rows that all have."""
    middle = {
        "a": {"spanheap": 2.0, "glibc": 1.0, "other": 4.0},
        "b": {"spanheap": 8.0, "glibc": 16.0, "other": 64.0},
        "c": {"spanheap": 1.0, "glibc": 7.0},
    }
    got, nr = table.means(middle, ["a", "b", "c"], ALLOCATORS)
    assert nr == 2, nr
    near(got["spanheap"], math.sqrt(2))
    near(got["glibc"], math.sqrt(2))
    near(got["other"], math.sqrt(32))
    assert table.means(middle, ["c"], ALLOCATORS) == ({}, 0)


def peaks_have_a_share_and_a_megabyte():
    """Whichever is more."""
    assert not table.peak_is_lost(2.9, 2.0)
    assert table.peak_is_lost(3.1, 2.0)
    assert not table.peak_is_lost(104.9, 100.0)
    assert table.peak_is_lost(105.1, 100.0)


def the_verdict_names_what_is_missed():
    """And nothing else."""
    found = {
        "machine": "made up", "failed": [],
        "rows": {
            "load/random": {"spanheap": [1.0], "glibc": [2.0], "other": [3.0]},
            "load/mix": {"spanheap": [1.2, 1.2, 9.0], "glibc": [1.0], "other": [5.0]},
            "real/lua": {"spanheap": [1.1], "glibc": [1.0], "other": [1.0]},
            "real/perl": {"spanheap": [], "glibc": [1.0], "other": [1.0]},
        },
        "peaks": {
            "load/random": {"spanheap": [99.0], "glibc": [9.0], "other": [9.0]},
            "real/lua": {"spanheap": [12.0], "glibc": [10.0], "other": [9.0]},
        },
    }
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/figures.json", "w", encoding="utf-8") as f:
            json.dump(found, f)
        done = compare("--from", f"{folder}/figures.json", "--out", folder)
        with open(f"{folder}/table.md", encoding="utf-8") as f:
            text = f.read()
    missed = [line for line in done.stdout.splitlines() if "missed" in line]
    assert missed == [
        "bench: missed: real programs: glibc is first, 1.00 against 1.10",
        "bench: missed: load/mix: 1.20 times glibc",
        "bench: missed: real/perl: spanheap has no figure",
        "bench: missed: real/lua: peak of 12.0 MB, glibc has 10.0",
        "bench: 4 of the aim missed",
    ], done.stdout + done.stderr
    assert "| load/mix | s | 1.20 | 1.00 | 5.00 | 1.20 (glibc) lost |" in text, text
    assert "| loads (2 rows) | 1.10 | 1.41 | 3.87 | first |" in text, text
    assert "| real/lua | 12.0 | 10.0 | 9.0 | 1.20 lost |" in text, text


def reports_are_read():
    """Of launch, of a load, of callgrind."""
    assert measure.take("cpu_us=12 rss_kb=3 status=0\n") == {"cpu_us": 12, "rss_kb": 3, "status": 0}
    assert measure.printed("held=1.5\nnot a figure\nrefill=2\n") == {"held": 1.5, "refill": 2.0}
    assert measure.total_of("events: Ir\nsummary: 8\n\n\ntotals: 4500022\n") == 4500022


def programs_are_measured():
    """CPU time and peak of the program itself, not of who calls it; its end is told."""
    ballast = bytearray(b"x") * (64 << 20)
    script = "i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done; echo held=7"
    got = measure.figures(["sh", "-c", script], GLIBC)
    assert got["cpu"] > 0 and 0 < got["peak"] < 32 and got["held"] == 7, (got, len(ballast))
    for argv, limit, why in (
            (["sh", "-c", "echo it broke >&2; exit 3"], 60, "exit status 3: it broke"),
            (["sh", "-c", "kill -9 $$"], 60, "exit status 137"),
            (["no-such-program"], 60, "exit status 127: launch: no-such-program"),
            (["sleep", "1000"], 1, "not done within 1 s")):
        try:
            measure.launch(argv, GLIBC, limit)
            raise AssertionError(f"{argv} went well")
        except measure.Failed as failed:
            assert str(failed).startswith(why), failed


def the_allocator_is_the_one_asked_for():
    """By what the program has mapped."""
    ours = f"{TOP}/build/libspanheap.so.1"
    assert "libspanheap" in measure.launch(["cat", "/proc/self/maps"], ours)[2]
    assert "libspanheap" not in measure.launch(["cat", "/proc/self/maps"], GLIBC)[2]


def arguments_are_checked():
    """Each names what is wrong with it."""
    for args, why in (
            (["--rows", "load/nothing"], "no row is called 'load/nothing'"),
            (["--peers", "hoard"], "there is no peer 'hoard'"),
            (["--peers", "gone=/nowhere.so"], "gone is not there: /nowhere.so"),
            (["--peers", "glibc", "glibc"], "'glibc'"),
            (["--rounds", "0"], "rounds is a number from 1 on, not '0'"),
            (["--work", "x"], "work is a number from 1 on, not 'x'"),
            (["--from", "/nowhere.json"], "/nowhere.json")):
        done = compare(*args)
        assert done.returncode == 2 and why in done.stderr, done
    done = subprocess.run(["build/bench/loads/random", "colour=3"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "unknown" in done.stderr, done


def it_runs():
    """A load and one with two figures, of a hundredth of the work."""
    with tempfile.TemporaryDirectory() as folder:
        done = compare("--rows", "load/random", "memory/%k", "--rounds", "1", "--work", "1",
                       "--peers", "glibc", "again=" + GLIBC, "--out", folder)
        with open(f"{folder}/figures.json", encoding="utf-8") as f:
            found = json.load(f)
    assert done.returncode == 0 and "bench: " in done.stdout.splitlines()[-1], done
    assert set(found["rows"]) == {"load/random", "memory/peak", "memory/refill"}, found
    for of in found["rows"].values():
        assert set(of) == {"spanheap", "glibc", "again"}, of
        assert all(len(values) == 1 for values in of.values()), of
    assert found["peaks"]["load/random"]["spanheap"][0] > 0.5, found


def main():
    """As KTAP."""
    cases = [medians_are_taken_of_all_rounds, ratios_are_to_the_best_peer, means_are_geometric,
             peaks_have_a_share_and_a_megabyte, the_verdict_names_what_is_missed, reports_are_read,
             programs_are_measured, the_allocator_is_the_one_asked_for, arguments_are_checked, it_runs]
    print(f"TAP version 13\n1..{len(cases)}")
    failed = False
    for number, case in enumerate(cases, 1):
        try:
            case()
            print(f"ok {number} {case.__name__}")
        except Exception as why:                        # pylint: disable=broad-exception-caught
            failed = True
            for line in f"{type(why).__name__}: {why}".splitlines():
                print(f"# {line}")
            print(f"not ok {number} {case.__name__}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
