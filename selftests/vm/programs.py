# SPDX-License-Identifier: MIT
"""Brings programs of this machine into a guest, with what they need to run.

A dynamic program comes with its loader and libraries, a script with its
interpreter. Used by run. Changes nothing but the archive it is given.
"""
import os
import re
import subprocess

# Where the guest's loader looks by itself.
LIBDIRS = ("/lib", "/usr/lib", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
           "/lib32", "/usr/lib32")
# System directories come first: a wrapper in a home directory is of no use there.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# glibc opens it by name when a thread exits or is cancelled.
LIBGCC = "/lib/x86_64-linux-gnu/libgcc_s.so.1"

# What interpreters cannot do without, and what of it is only weight.
RUNTIMES = {
    r"python3\.\d+": "/usr/lib/{name}",
    r"perl": "/usr/lib/x86_64-linux-gnu/perl-base",
}
WEIGHT = {"test", "idlelib", "tkinter", "lib2to3", "ensurepip", "pydoc_data", "dist-packages",
          "__pycache__"}


def which(name):
    """The program that NAME runs on this machine, or None."""
    if "/" in name:
        return os.path.abspath(name) if _executable(name) else None
    for folder in (SYSTEM_PATH + ":" + os.environ.get("PATH", "")).split(":"):
        path = os.path.join(folder, name)
        if folder and _executable(path):
            return path
    return None


def _executable(path):
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _interpreter(path):
    """What runs the file: ("elf", None), ("script", words) or (None, None)."""
    with open(path, "rb") as f:
        head = f.read(256)
    if head.startswith(b"\x7fELF"):
        return "elf", None
    if head.startswith(b"#!"):
        return "script", head[2:].split(b"\n")[0].decode(errors="replace").split()
    return None, None


class Programs:
    """The programs one archive gets; finish() adds their libraries."""

    def __init__(self, archive, applets):
        self.archive = archive
        self.applets = applets      # what busybox does in the guest
        self.elves = []
        self.missing = []           # libraries that ldd did not find

    def bring(self, source, path):
        """Copy the file SOURCE to PATH in the guest and note what it needs."""
        self.archive.file(path, source)
        kind, words = _interpreter(source)
        if kind == "elf":
            self.elves.append(source)
            for pattern, folder in RUNTIMES.items():
                name = os.path.basename(source)
                if re.fullmatch(pattern, name):
                    folder = folder.format(name=name)
                    self.bring_tree(folder, folder, WEIGHT)
        elif kind == "script" and words:
            self._bring_interpreter(words)

    def bring_tree(self, source, path, without=()):
        """Copy the directory SOURCE to PATH; its programs bring their libraries."""
        for copied in self.archive.tree(path, source, without):
            if copied.endswith(".so") or os.access(copied, os.X_OK):
                if _interpreter(copied)[0] == "elf":
                    self.elves.append(copied)

    def _bring_interpreter(self, words):
        name = words[0]
        if os.path.basename(name) == "env":
            name = next((w for w in words[1:] if not w.startswith("-") and "=" not in w), "sh")
        if os.path.basename(name) in self.applets:
            return
        found = which(name)
        if found:
            self.bring(os.path.realpath(found), found)

    def finish(self):
        """Add the loader and the libraries of all programs brought so far."""
        if not self.elves:
            return
        seen = set()
        out = subprocess.run(["ldd"] + self.elves, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, check=False, text=True).stdout
        for line in out.splitlines():
            m = re.match(r"\s+(?:(\S+) => )?(/\S+) \(0x", line)
            if m:
                seen.add((m[1] or m[2], m[2]))
            elif line.endswith("=> not found"):
                self.missing.append(line.split()[0])
        if seen and os.path.exists(LIBGCC):
            seen.add((LIBGCC, LIBGCC))
        for name, path in seen:
            self.archive.file(path, path)
            if os.path.dirname(path) not in LIBDIRS:
                self.archive.link("/usr/lib/" + os.path.basename(name), path)
