# SPDX-License-Identifier: MIT
"""From measured figures to the table, the verdict and the picture's data. Figures are
{row: {allocator: [value of each round]}}; less is better throughout. No measuring here.
"""
import math
from statistics import median

US = "spanheap"
WORST = 1.15            # no row may cost more than the best peer times this
PEAK_SHARE = 1.05       # peak RSS of real programs over glibc's: at most this,
PEAK_MB = 1.0           # or at most so much more, whichever is more
FLOOR = {"MB": 1.0}     # differences below are none, by unit


def medians(figures):
    """{row: {allocator: median}}; allocators that failed are left out."""
    return {row: {who: median(values) for who, values in of.items() if values}
            for row, of in figures.items()}


def best_peer(of):
    """(name, value) of the best among the others, or None."""
    peers = [(value, who) for who, value in of.items() if who != US]
    return min(peers)[::-1] if peers else None


def over(value, best, unit=""):
    """VALUE as a multiple of BEST, both no less than what counts as nothing."""
    least = FLOOR.get(unit, 1e-9)
    return max(value, least) / max(best, least)


def ratio(of, unit=""):
    """Ours over the best peer's, None when one of them is missing."""
    best = best_peer(of)
    return over(of[US], best[1], unit) if best and US in of else None


def means(middle, rows, allocators):
    """The geometric mean of each allocator's multiples of the best, over those of the
    ROWS that every allocator has figures for, and how many these are."""
    whole = [middle[row] for row in rows if all(who in middle[row] for who in allocators)]
    return {who: math.exp(sum(math.log(over(of[who], min(of.values()))) for of in whole)
                          / len(whole)) for who in allocators if whole}, len(whole)


def peak_is_lost(ours, glibc):
    """Whether a peak of resident memory (MB) is above the aim."""
    return ours > max(glibc * PEAK_SHARE, glibc + PEAK_MB)


def number(value, unit):
    """A figure as it is shown: three digits that count."""
    if value is None:
        return "-"
    if unit == "instructions" or value >= 100:
        return f"{value:.0f}"
    return f"{value:.{2 if unit == 's' and value >= 0.1 else 3 if unit == 's' else 1}f}"


def line(cells):
    """A row of a table of Markdown."""
    return "| " + " | ".join(cells) + " |"


def head(cells):
    """The first two lines of a table."""
    return [line(cells), line(["---"] * len(cells))]


def rows_of(rows, middle, allocators):
    """The table of all ROWS: [(name, unit)]."""
    text = head(["row", "unit", *allocators, "ratio to the best peer"])
    for row, unit in rows:
        of = middle[row]
        share = ratio(of, unit)
        verdict = "-" if share is None else f"{share:.2f} ({best_peer(of)[0]})"
        if share is None or share > WORST:
            verdict += " lost"
        text.append(line([row, unit, *(number(of.get(who), unit) for who in allocators), verdict]))
    return text


def means_of(sets, middle, allocators):
    """The table of geometric means; SETS is {title: [row]}."""
    text = head(["geometric mean over the best", *allocators, "spanheap is"])
    for title, rows in sets.items():
        mean, nr = means(middle, rows, allocators)
        if mean:
            place = sorted(mean.values()).index(mean[US]) + 1
            text.append(line([f"{title} ({nr} rows)", *(f"{mean[who]:.2f}" for who in allocators),
                              "first" if place == 1 else f"number {place}"]))
    return text


def peaks_of(rows, peaks, judged, allocators):
    """The table of peak resident memory; judged are the rows the aim speaks of."""
    text = head(["peak RSS, MB", *allocators, "over glibc"])
    for row in rows:
        of = peaks[row]
        cell = "-"
        if US in of and "glibc" in of:
            cell = f"{of[US] / of['glibc']:.2f}"
            if row in judged and peak_is_lost(of[US], of["glibc"]):
                cell += " lost"
        text.append(line([row, *(number(of.get(who), "MB") for who in allocators), cell]))
    return text


def multiples(rows, middle, allocators):
    """The picture's data: each as a multiple of the best of its row, tab-separated."""
    text = ["\t".join(["row", *allocators])]
    for row, unit in rows:
        of = middle[row]
        text.append("\t".join([row, *(f"{over(of[who], min(of.values()), unit):.3f}" if who in of else "-"
                                      for who in allocators)]))
    return "\n".join(text) + "\n"


def verdict(rows, sets, middle, peaks, judged, allocators):
    """What of the aim is missed: [sentence]."""
    text = []
    for title, names in sets.items():
        mean, _ = means(middle, names, allocators)
        if mean and len(allocators) > 1:
            first = min(mean, key=mean.get)
            if first != US and mean[US] > mean[first]:
                text.append(f"{title}: {first} is first, {mean[first]:.2f} against {mean[US]:.2f}")
    for row, unit in rows:
        share = ratio(middle[row], unit)
        if US not in middle[row]:
            text.append(f"{row}: spanheap has no figure")
        elif share and share > WORST:
            text.append(f"{row}: {share:.2f} times {best_peer(middle[row])[0]}")
    for row in judged:
        of = peaks.get(row, {})
        if US in of and "glibc" in of and peak_is_lost(of[US], of["glibc"]):
            text.append(f"{row}: peak of {of[US]:.1f} MB, glibc has {of['glibc']:.1f}")
    return text
