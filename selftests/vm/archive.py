# SPDX-License-Identifier: MIT
"""Writes initramfs archives: cpio in the kernel's "newc" format.

Used by run for the part that changes with every run and by kernel.py for the
part that does not. Needs no privilege: owners are always root. Knows that the
guest, like Debian, has /bin, /sbin and /lib* as links into /usr.
"""
import os
import stat

MERGED = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")


def merged(path):
    """The place of an absolute path on a system with a merged /usr."""
    path = os.path.normpath(path)
    for top in MERGED:
        if path == top or path.startswith(top + "/"):
            return "/usr" + path
    return path


class Archive:
    """An archive in the making; a later entry replaces an earlier one."""

    def __init__(self):
        self.entries = {}       # path -> (mode, content)

    def _parents(self, path):
        parent = os.path.dirname(path)
        if parent not in ("/", "") and parent not in self.entries:
            self._parents(parent)
            self.entries[parent] = (stat.S_IFDIR | 0o755, b"")

    def _put(self, path, mode, content):
        path = merged(path)
        if path == "/":
            return
        self._parents(path)
        self.entries[path] = (mode, content)

    def directory(self, path, mode=0o755):
        """An empty directory, if nothing is there yet."""
        if merged(path) not in self.entries:
            self._put(path, stat.S_IFDIR | mode, b"")

    def data(self, path, content, mode=0o644):
        """A file with the given bytes."""
        self._put(path, stat.S_IFREG | mode, content)

    def link(self, path, target):
        """A symbolic link."""
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def raw_link(self, path, target):
        """A symbolic link at exactly this path: for /bin and its like."""
        self.entries[path] = (stat.S_IFLNK | 0o777, target.encode())

    def file(self, path, source):
        """A copy of a file of this machine, links followed."""
        with open(source, "rb") as f:
            self.data(path, f.read(), stat.S_IMODE(os.fstat(f.fileno()).st_mode))

    def tree(self, path, source, without=()):
        """A copy of a directory, links kept, less what is called as in WITHOUT.

        Returns the files of SOURCE that were copied.
        """
        copied = []
        self.directory(path)
        for where, folders, files in os.walk(source):
            folders[:] = [name for name in folders if name not in without]
            here = os.path.normpath(os.path.join(path, os.path.relpath(where, source)))
            for name in folders + files:
                full = os.path.join(where, name)
                to = os.path.join(here, name)
                if os.path.islink(full):
                    self.link(to, os.readlink(full))
                elif os.path.isdir(full):
                    self.directory(to)
                elif os.path.isfile(full):
                    self.file(to, full)
                    copied.append(full)
        return copied

    def write(self, out):
        """Write it all to a binary stream; several such may follow each other."""
        for number, (path, (mode, content)) in enumerate(sorted(self.entries.items()), 1):
            _entry(out, path.lstrip("/"), mode, content, number)
        _entry(out, "TRAILER!!!", 0, b"", 0)


def _entry(out, name, mode, content, number):
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name.encode()) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
    out.write(head + b"\0" * (-len(head) % 4))
    out.write(content + b"\0" * (-len(content) % 4))
