# SPDX-License-Identifier: MIT
"""Finds what the kernel complained of in its log.

Used by run after each guest. A complaint is text by which the kernel says that
it, or a module, has a bug or hangs; what it says of programs (segfaults, OOM
kills, denied accesses) is none.
"""
import re

COMPLAINT = re.compile("|".join((
    r"\bWARNING: ", r"\bBUG:? ", r"\bOops: ", r"Kernel panic - ", r"general protection fault, ",
    r"\bINFO: (?:task|rcu|possible|suspicious|trying)", r"detected (?:expedited )?stalls",
    r"self-detected stall", r"soft lockup", r"hard LOCKUP", r"NMI watchdog: Watchdog detected",
    r"possible (?:circular|recursive|irq|memory leak|unsafe)", r"inconsistent lock state",
    r"bad unlock balance", r"suspicious RCU usage", r"held lock freed", r"lock held when returning",
    r"new suspected memory leaks", r"unreferenced object 0x", r"refcount_t: ", r"list_(?:add|del) corruption",
    r"KASAN: |KCSAN: |UBSAN: ", r"page allocation failure", r"Bad (?:page|rss-counter|swap)",
    r"Objects remaining", r"Slab cache still has objects", r"still has objects", r"scheduling while atomic",
    r"sleeping function called", r"nable to handle", r"invalid opcode", r"divide error:",
    r"ODEBUG: ", r"VFS: Busy inodes", r"nobody cared", r"Kernel stack is corrupted", r"stack-protector",
    # what looks for bugs has gone blind
    r"turning off the locking correctness validator", r"Kernel memory leak detector disabled",
    r"kmemleak: Cannot ", r"ODEBUG: Out of memory",
    r"Unknown symbol", r"disagrees about version of symbol",
)))

# The kernel prints a call trace for these, and is right to.
TRACE_OF_NO_BUG = re.compile(r"invoked oom-killer|sysrq: ")
TRACE = re.compile(r"Call Trace:")

# Said by set-ups that are as they should be.
HARMLESS = re.compile(r"Spectre|\bCPU bug\b|ODEBUG: selftest|UBSAN: .*enabled")

END = re.compile(r"---\[ end|^=====+$")
BEFORE, AFTER, LONGEST = 2, 15, 60      # lines shown round the start of one
MOST = 150                              # lines shown in all


# A process that is being killed may find that even the reserves are used up.
KILLED = re.compile(r"Killed process \d+ \((.*?)\)")
FAILURE = re.compile(r"^(?:\[[^]]*\] )?(\S.*): page allocation failure: order:0,")


def _starts(lines):
    excused, killed = False, set()
    for number, line in enumerate(lines):
        killed.update(KILLED.findall(line))
        failure = FAILURE.search(line)
        if failure and failure[1] in killed:
            excused = True
            continue
        if TRACE_OF_NO_BUG.search(line):
            excused = True
        if HARMLESS.search(line):
            continue
        if COMPLAINT.search(line):
            yield number
        elif TRACE.search(line):
            if not excused:
                yield number
            excused = False


def _end(lines, start):
    for number in range(start + 1, min(start + LONGEST, len(lines))):
        if END.search(lines[number]):
            return number + 1
    return min(start + AFTER, len(lines))


def find(log):
    """The parts of the log (a string) that hold complaints, as lines."""
    lines = log.splitlines()
    shown, upto = [], 0
    for start in _starts(lines):
        if start < upto:
            continue
        end = _end(lines, start)
        shown += lines[max(upto, start - BEFORE):end]
        upto = end
        if len(shown) > MOST:
            return shown + ["..."]
    return shown


def hang(log):
    """What to show of a guest that hung and was made to panic, as lines.

    The last words before, and where the tasks of user space were.
    """
    before, _, dump = log.partition("Kernel panic - not syncing: NMI")
    shown = find(before) or before.splitlines()[-8:]
    for task in re.split(r"^(?=.*\] task:)", dump, flags=re.MULTILINE):
        if re.search(r"\] task:.* ppid:(?!2\b)\d", task):
            shown += [line for line in task.splitlines() if "] task:" in line
                      or re.search(r"\]  [a-z_0-9.]+\+0x", line)][:10]
    return shown[:MOST]
