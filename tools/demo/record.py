#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns the demo's records into tables, a picture and a summary.

usage: record.py DIR MODE...

DIR/record-MODE holds what guest.sh printed, one line each:
  sample KEY=NUMBER...
  step MS NAME
  rate NAME REQUESTS_PER_SECOND
  oom KILLS
DIR gets ledger-MODE.tsv, steps-MODE.tsv, ledger.svg and summary.txt. The exit
status is the demo's verdict: non-zero when what must hold did not.
"""

import pathlib
import subprocess
import sys

MIB = 1 << 20
PAGE = 4096
STEPS = ["start", "loaded", "deleted", "settled", "reused", "calm", "pressure"]
LABELLED = ["start", "loaded", "reused", "calm", "pressure"]    # the others are close to these
RESIDENT = ["in_use", "idle", "lazyfree", "other"]
GONE = ["taken", "revoked", "freed"]
TEXT = """\
loaded, deleted, settled: filled; 19 of 20 keys deleted; a moment later
reused: half of it loaded again; calm: deleted again, a moment later
pressure: another process has asked for more than was free; redis serves
faults, cpu: all that the server has paid so far (minor faults; ms of a
  processor that does one instruction a nanosecond)
"""


class Mode:
    """What one guest recorded."""

    def __init__(self, name, path):
        self.name, self.samples, self.steps, self.rates, self.kills = name, [], {}, {}, None
        for line in path.read_text().splitlines():
            what, *words = line.split()
            if what == "sample":
                pairs = (word.split("=") for word in words)
                self.samples.append({k: int(v) for k, v in pairs})
            elif what == "step":
                # told after the sample that shows it, with the same time; the
                # watcher's own samples may stand between
                self.steps[words[1]] = next(
                    s for s in reversed(self.samples) if s["ms"] == int(words[0]))
            elif what == "rate":
                self.rates[words[0]] = float(words[1])
            elif what == "oom":
                self.kills = int(words[0])
        self.samples.sort(key=lambda s: s["ms"])

    def complete(self):
        return (set(STEPS) <= set(self.steps) and {"calm", "pressed"} <= set(self.rates)
                and self.kills is not None)

    def reuse(self, key):
        """What taking memory again has cost."""
        return self.steps["reused"][key] - self.steps["settled"][key]

    def title(self):
        end = self.steps["pressure"]
        return (f"{self.name}: {end['faults']} faults, {end['ticks'] * 10} ms CPU, other process "
                + ("killed" if self.kills else "served"))


def write_tables(mode, out):
    t0 = mode.samples[0]["ms"]
    with open(out / f"ledger-{mode.name}.tsv", "w") as f:
        print("seconds", *RESIDENT, "vmrss", "gone", sep="\t", file=f)
        for s in mode.samples:
            print((s["ms"] - t0) / 1000, *(s[c] / MIB for c in RESIDENT), s["vmrss"] / MIB,
                  sum(s[c] for c in GONE) / MIB, sep="\t", file=f)
    with open(out / f"steps-{mode.name}.tsv", "w") as f:
        for step in LABELLED:
            print((mode.steps[step]["ms"] - t0) / 1000, step, sep="\t", file=f)


def draw(modes, out):
    script = pathlib.Path(__file__).with_name("ledger.gp")
    settings = [f"modes='{' '.join(m.name for m in modes)}'", "set output 'ledger.svg'"]
    settings += [f"title_{m.name}='{m.title()}'" for m in modes]
    subprocess.run(["gnuplot", "-e", "; ".join(settings), str(script.resolve())],
                   cwd=out, check=True)


def summarise(modes, out):
    columns = ["in_use", "idle", "lazyfree", "taken", "revoked", "freed", "other"]
    lines = []
    for mode in modes:
        lines.append(f"{mode.name:9} {'MiB':>8} {'VmRSS':>7}"
                     + "".join(f" {c:>8}" for c in columns) + f" {'faults':>8} {'cpu':>6}")
        for step in STEPS:
            s = mode.steps[step]
            lines.append(f"{'':9} {step:>8} {s['vmrss'] / MIB:7.1f}"
                         + "".join(f" {s[c] / MIB:8.1f}" for c in columns)
                         + f" {s['faults']:8} {s['ticks'] * 10:6}")
        lines.append("")
    lines.append(TEXT)
    lines.append(f"{'':9} {'to use it again':>17}  {'requests a second':>18}  the other process")
    lines.append(f"{'':9} {'faults':>8} {'cpu':>8}  {'calm':>8} {'pressed':>9}")
    for mode in modes:
        lines.append(f"{mode.name:9} {mode.reuse('faults'):8} {mode.reuse('ticks') * 10:8}"
                     f"  {mode.rates['calm']:8.0f} {mode.rates['pressed']:9.0f}  "
                     + ("killed by the kernel: no memory" if mode.kills else "got its memory"))
    text = "\n".join(lines) + "\n"
    (out / "summary.txt").write_text(text)
    return text


def wrong_in(mode):
    """What must hold in a demo that is not canned; yields what did not."""
    loaded, settled = mode.steps["loaded"], mode.steps["settled"]
    calm, pressure = mode.steps["calm"], mode.steps["pressure"]
    for s in mode.samples:
        if not s["exact"]:
            yield "a ledger that is not exact"
        if sum(s[c] for c in RESIDENT) != s["rss"]:
            yield "the parts are not the whole"
    if loaded["in_use"] < 150 * MIB:
        yield "not loaded"
    if (mode.kills > 0) != (mode.name == "keep"):
        yield f"the OOM killer acted {mode.kills} times"
    if mode.name != "keep" and loaded["in_use"] - settled["in_use"] < 100 * MIB:
        yield "deleted keys are still in use"
    if mode.name == "free":
        if settled["lazyfree"] < 80 * MIB:
            yield "nothing lazily freed"
        if settled["vmrss"] < settled["rss"] - settled["lazyfree"] + 80 * MIB:
            yield "VmRSS was to lie, and did not"
        gone = calm["lazyfree"] - pressure["lazyfree"]
        if gone < 60 * MIB:
            yield "the kernel did not take what was lazily freed"
        if pressure["taken"] - calm["taken"] < gone // 2:
            yield "what the kernel took is not told as taken"
    if mode.name == "handover":
        if settled["idle"] < 80 * MIB:
            yield "nothing handed over"
        if mode.reuse("faults") * PAGE > settled["idle"] // 10:
            yield "idle pages were not used again as they were"
        gone = calm["idle"] - pressure["idle"]
        if not 60 * MIB < gone < 150 * MIB:
            yield f"{gone // MIB} MiB revoked where about 95 were missing"
        if pressure["revoked"] - calm["revoked"] < gone * 9 // 10:
            yield "what was revoked is not told as revoked"
    if mode.name == "dontneed":
        if settled["vmrss"] > loaded["vmrss"] - 80 * MIB:
            yield "nothing was freed"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.split("\n\n")[1])
    out = pathlib.Path(sys.argv[1])
    modes = [Mode(name, out / f"record-{name}") for name in sys.argv[2:]]
    for mode in modes:
        if not mode.complete():
            sys.exit(f"demo: {mode.name}: not every step was reached")
        write_tables(mode, out)
    print(summarise(modes, out))
    draw(modes, out)
    wrong = [f"{mode.name}: {what}" for mode in modes for what in dict.fromkeys(wrong_in(mode))]
    for what in wrong:
        print(f"demo: {what}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
