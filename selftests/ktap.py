# SPDX-License-Identifier: MIT
"""Reads the KTAP output of one test program: used by check.

Case lines are those at the left margin; nested ones belong to a case. A skip is
"ok N # SKIP why" or "ok N name # SKIP why", as kselftest.h of different kernels
have it, "1..0 # SKIP why", or exit status 4 of a program that said nothing else.
"""
import re

PLAN = re.compile(r"1\.\.(\d+)(.*)")
CASE = re.compile(r"(not )?ok\b\s*\d*\s*(?:- )?(.*)")
SKIP = re.compile(r"#\s*SKIP\b", re.IGNORECASE)
XFAIL = re.compile(r"#\s*XFAIL\b", re.IGNORECASE)

PASS, XFAIL_STATUS, SKIP_STATUS = 0, 2, 4
SHOWN = 40              # lines of a failed test's output


class Result:
    """What a program's output and exit status amount to."""

    def __init__(self, output, status):
        self.output = output
        self.passed = 0
        self.failures = []
        self.skips = []
        planned = None
        seen = 0
        for line in output.splitlines():
            plan, case = PLAN.match(line), CASE.match(line)
            if plan:
                planned = int(plan[1])
                if SKIP.search(plan[2]):
                    self.skips.append(line)
            elif case:
                seen += 1
                self._case(bool(case[1]), case[2], line)
        self._whole(planned, seen, status)

    def _case(self, negative, name, line):
        if SKIP.search(name):
            self.skips.append(name)
        elif negative and not XFAIL.search(name):
            self.failures.append(line)
        else:
            self.passed += 1

    def _whole(self, planned, seen, status):
        if status == SKIP_STATUS and not seen:
            self.skips = self.skips or ["all of it"]
            return
        if planned is None:
            self.failures.append("no plan: it ended before it began")
        elif seen < planned:
            self.failures += [f"case {n} of {planned} was not run" for n in range(seen + 1, planned + 1)]
        elif seen > planned:
            self.failures.append(f"{seen} cases where {planned} were planned")
        if status not in (PASS, XFAIL_STATUS, SKIP_STATUS) and not self.failures:
            self.failures.append(f"exit status {status} though no case failed")

    def diagnostics(self):
        """The lines that say why it failed, or at least the last ones."""
        lines = [line for line in self.output.splitlines()
                 if not re.match(r"ok\b|#\s+(?:RUN|OK)\b", line)]
        return lines[-SHOWN:]
