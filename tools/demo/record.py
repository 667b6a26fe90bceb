#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns the demo's record into tables, a picture and a summary.

usage: record.py RECORD OUTDIR

RECORD holds what guest.sh printed, one line each:
  sample MODE KEY=NUMBER...
  step MODE MS NAME
  oom KILLS
OUTDIR gets ledger-MODE.tsv, steps-MODE.tsv, ledger.svg and summary.txt. The
exit status is the demo's verdict: non-zero when what must hold did not.
"""

import pathlib
import subprocess
import sys

MIB = 1 << 20
STEPS = ["start", "loaded", "deleted", "settled", "pressure", "again"]
COLUMNS = ["in_use", "idle", "lazyfree", "other"]


def read_record(path):
    modes, kills = {}, None
    for line in path.read_text().splitlines():
        words = line.split()
        if words[0] == "oom":
            kills = int(words[1])
            continue
        mode = modes.setdefault(words[1], {"samples": [], "steps": {}})
        if words[0] == "sample":
            pairs = (word.split("=") for word in words[2:])
            mode["samples"].append({k: int(v) for k, v in pairs})
        elif words[0] == "step":
            # told after the sample that shows it, with the same time; the
            # watcher's own samples may stand between
            mode["steps"][words[3]] = next(
                s for s in reversed(mode["samples"]) if s["ms"] == int(words[2]))
    for mode in modes.values():
        mode["samples"].sort(key=lambda s: s["ms"])
    return modes, kills


def write_tables(modes, out):
    for name, mode in modes.items():
        t0 = mode["samples"][0]["ms"]
        with open(out / f"ledger-{name}.tsv", "w") as f:
            print("seconds", *COLUMNS, "vmrss", sep="\t", file=f)
            for s in mode["samples"]:
                print((s["ms"] - t0) / 1000, *(s[c] / MIB for c in COLUMNS),
                      s["vmrss"] / MIB, sep="\t", file=f)
        with open(out / f"steps-{name}.tsv", "w") as f:
            for step, s in mode["steps"].items():
                print((s["ms"] - t0) / 1000, step, sep="\t", file=f)


def draw(modes, out):
    script = pathlib.Path(__file__).with_name("ledger.gp")
    subprocess.run(["gnuplot", "-e", f"modes='{' '.join(modes)}'",
                    "-e", "set output 'ledger.svg'", str(script.resolve())],
                   cwd=out, check=True)


def summarise(modes, out):
    lines = []
    for name, mode in modes.items():
        lines.append(f"{name:9} {'MiB':>8} {'VmRSS':>7} {'in_use':>7} {'idle':>7}"
                     f" {'lazyfree':>8} {'taken':>7} {'freed':>7} {'other':>7}"
                     f" {'faults':>8} {'cpu s':>6}")
        for step in STEPS:
            s = mode["steps"].get(step)
            if s is None:
                continue
            lines.append(f"{'':9} {step:>8} {s['vmrss'] / MIB:7.1f}"
                         f" {s['in_use'] / MIB:7.1f} {s['idle'] / MIB:7.1f}"
                         f" {s['lazyfree'] / MIB:8.1f} {s['taken'] / MIB:7.1f}"
                         f" {s['freed'] / MIB:7.1f} {s['other'] / MIB:7.1f}"
                         f" {s['faults']:8} {s['ticks'] / 100:6.2f}")
        lines.append("")
    text = "\n".join(lines)
    (out / "summary.txt").write_text(text)
    return text


def faults_of(modes, kills):
    """What must hold in a demo that is not canned; a list of what did not."""
    wrong = []

    def must(holds, what):
        if not holds:
            wrong.append(what)

    must(kills == 0, f"the OOM killer acted: {kills}")
    for name, mode in modes.items():
        must(set(STEPS) <= set(mode["steps"]), f"{name}: not every step was reached")
        for s in mode["samples"]:
            parts = sum(s[c] for c in COLUMNS)
            must(s["exact"], f"{name}: a ledger that is not exact")
            must(parts == s["rss"], f"{name}: the parts are not the whole")
        if wrong:
            continue
        loaded, settled = mode["steps"]["loaded"], mode["steps"]["settled"]
        pressure = mode["steps"]["pressure"]
        must(loaded["in_use"] > 150 * MIB, f"{name}: not loaded")
        gone = loaded["in_use"] - settled["in_use"]
        must(name == "keep" or gone > 100 * MIB,
             f"{name}: deleted keys are still in use")
        if name == "free":
            must(settled["vmrss"] > settled["rss"] - settled["lazyfree"] + 80 * MIB,
                 "free: VmRSS was to lie, and did not")
            must(settled["lazyfree"] > 80 * MIB, "free: nothing lazily freed")
            must(pressure["lazyfree"] < settled["lazyfree"] // 4,
                 "free: the kernel did not take what was lazily freed")
            must(pressure["taken"] - settled["taken"]
                 > (settled["lazyfree"] - pressure["lazyfree"]) // 2,
                 "free: what the kernel took is not told as taken")
        if name == "handover":
            must(settled["idle"] > 80 * MIB, "handover: nothing handed over")
            must(pressure["idle"] < settled["idle"] // 2,
                 "handover: idle pages were not given back when memory was short")
        if name == "dontneed":
            must(settled["vmrss"] < loaded["vmrss"] - 80 * MIB,
                 "dontneed: nothing was freed")
    must(bool(modes), "the record is empty")
    return wrong


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.split("\n\n")[1])
    record, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    modes, kills = read_record(record)
    out.mkdir(parents=True, exist_ok=True)
    write_tables(modes, out)
    print(summarise(modes, out))
    draw(modes, out)
    wrong = faults_of(modes, kills)
    for what in dict.fromkeys(wrong):
        print(f"demo: {what}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
