# SPDX-License-Identifier: MIT
"""Knows the guest kernels under build/ and how QEMU best runs them.

Used by run and check. Makes, once per kernel, the part of the initramfs that never
changes: busybox and the modules of which the guest may need some. What lies in
build/guest/KVER/ is described in fetch-kernels; build/debug/KVER/ is alike.
"""
import hashlib
import lzma
import os
import re
import signal
import subprocess
import tempfile

from archive import Archive, MERGED

BUSYBOX = "/bin/busybox"
# Loaded in the guest when wanted; dependencies come along. A kernel may also
# have them built in.
MODULES = {"console": ("virtio_pci", "virtio_console"), "swap": ("zram",)}


class Problem(Exception):
    """Something the user can mend, in one line."""


# Where kernels lie under build/: Debian's own, and those that look for bugs.
STOCK, DEBUG = "guest", "debug"


def version_key(kver):
    """Sorts 6.12 after 6.1."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", kver)]


def have(build, kind):
    """The versions of the kernels of this KIND, in order."""
    folder = f"{build}/{kind}"
    return sorted((k for k in (os.listdir(folder) if os.path.isdir(folder) else ())
                   if os.path.exists(f"{folder}/{k}/vmlinux")), key=version_key)


def choose(versions, wanted):
    """Those that are WANTED, a full version or its beginning; 6.1 is never 6.12."""
    if not wanted or wanted in versions:
        return [wanted] if wanted else versions
    return [k for k in versions
            if k.startswith(wanted) and not (wanted + k[len(wanted):len(wanted) + 1])[-2:].isdigit()]


def find(build, wanted):
    """The folder of the newest kernel WANTED: [debug/]VERSION, its beginning, or None."""
    kind, _, version = (wanted or "").rpartition("/")
    kind = kind or STOCK
    versions = have(build, kind)
    if not versions:
        raise Problem("no guest kernel is there: run make " + ("check-debug" if kind == DEBUG else "deps"))
    match = choose(versions, version)
    if not match:
        raise Problem(f"there is no guest kernel {wanted}; there are: {' '.join(versions)}")
    return f"{build}/{kind}/{match[-1]}"


def is_debug(folder):
    """Whether it is one that looks for bugs, and pays for it."""
    return os.path.basename(os.path.dirname(folder)) == DEBUG


def memory(folder, wanted):
    """How many bytes a guest is given that is to have WANTED for its programs.

    KASAN takes an eighth for its shadow and keeps some of what is freed; to each
    page and each allocation those who watch it add what they know of it.
    """
    return wanted * 5 // 4 + (160 << 20) if is_debug(folder) else wanted


def patience(folder):
    """How many times longer than in a stock kernel something may take."""
    return 6 if is_debug(folder) else 1


def command_line(folder):
    """What more the kernel is told."""
    return "kasan_multi_shot watchdog_thresh=60" if is_debug(folder) else ""


def applets():
    """What busybox can do, as a list of names."""
    if not os.path.exists(BUSYBOX):
        raise Problem("there is no busybox: run make deps")
    return subprocess.run([BUSYBOX, "--list"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.split()


def _module_files(folder):
    """The modules of MODULES as {kind: [path, ...]}, dependencies first."""
    kver = os.path.basename(folder)
    root = f"{folder}/lib/modules/{kver}"
    depends = {}
    dep = f"{root}/modules.dep"
    if os.path.exists(dep):
        with open(dep, encoding="utf-8") as f:
            for line in f:
                path, _, rest = line.partition(":")
                name = os.path.basename(path).split(".ko")[0].replace("-", "_")
                depends[name] = (path, rest.split())
    result = {}
    for kind, names in MODULES.items():
        files = []
        for name in names:
            path, before = depends.get(name, (None, ()))
            # modules.dep lists what is needed first last
            for each in list(reversed(before)) + ([path] if path else []):
                if each not in files:
                    files.append(each)
        result[kind] = [f"{root}/{each}" for each in files]
    return result


def _module(path):
    with open(path, "rb") as f:
        content = f.read()
    if path.endswith(".xz"):
        return lzma.decompress(content)
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dcq"], input=content, stdout=subprocess.PIPE,
                              check=True).stdout
    return content


def _make_base(folder, out):
    archive = Archive()
    for top in MERGED:
        archive.raw_link(top, "usr" + top)
        archive.directory("/usr" + top)
    for path in ("/proc", "/sys", "/dev", "/run", "/root", "/mnt", "/var/tmp", "/etc",
                 "/usr/local/bin", "/usr/local/sbin"):
        archive.directory(path)
    archive.file("/bin/busybox", BUSYBOX)
    for name in applets():
        if name != "busybox":
            archive.link("/bin/" + name, "busybox")
    archive.data("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n"
                                b"nobody:x:65534:65534:nobody:/:/bin/sh\n")
    archive.data("/etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    archive.data("/etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files\n")
    archive.data("/etc/hosts", b"127.0.0.1 localhost guest\n::1 localhost\n")
    for kind, files in _module_files(folder).items():
        order = []
        for path in files:
            name = os.path.basename(path).split(".ko")[0] + ".ko"
            archive.data(f"/vm/{kind}/{name}", _module(path))
            order.append(f"/vm/{kind}/{name}\n")
        archive.data(f"/vm/{kind}/order", "".join(order).encode())
    archive.write(out)


def base(folder):
    """The base archive of a kernel; made when it is not there or out of date."""
    inputs = hashlib.sha1()
    for path in (BUSYBOX, __file__, f"{folder}/vmlinux"):
        inputs.update(f"{path} {os.stat(path).st_mtime_ns}\n".encode())
    path = f"{folder}/base-{inputs.hexdigest()[:12]}.cpio"
    if not os.path.exists(path):
        for old in os.listdir(folder):
            if re.fullmatch(r"base-[0-9a-f]+\.cpio", old):
                os.unlink(f"{folder}/{old}")
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as f:
            try:
                _make_base(folder, f)
                os.replace(f.name, path)
            except BaseException:
                os.unlink(f.name)
                raise
    return path


def _boots_under_kvm(vmlinux):
    """Whether a kernel comes as far as looking for its root under KVM."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    command = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults",
               "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio",
               "-kernel", vmlinux, "-append", "console=ttyS0 panic=-1"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as qemu:
        # A KVM that does not work hangs as often as it fails.
        signal.signal(signal.SIGALRM, lambda *_: qemu.kill())
        signal.alarm(10)
        try:
            for line in qemu.stdout:
                if b"Unable to mount root fs" in line:
                    return True
                if b"KVM internal error" in line:
                    return False
            return False
        finally:
            signal.alarm(0)
            qemu.kill()


def accelerator(folder):
    """"kvm" or "tcg"; tried out once per boot of this machine."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        boot = f.read().strip()
    note = f"{os.path.dirname(folder)}/.accelerator"
    try:
        with open(note, encoding="ascii") as f:
            when, verdict = f.read().split()
        if when == boot:
            return verdict
    except (OSError, ValueError):
        pass
    verdict = "kvm" if _boots_under_kvm(f"{folder}/vmlinux") else "tcg"
    with open(f"{note}.{os.getpid()}", "w", encoding="ascii") as f:
        f.write(f"{boot} {verdict}\n")
    os.replace(f"{note}.{os.getpid()}", note)
    return verdict
