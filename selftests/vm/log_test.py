#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What counts as a complaint of the kernel, and what does not."""
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)

import complaints                                       # noqa: E402 pylint: disable=wrong-import-position

COMPLAINTS = """\
WARNING: CPU: 1 PID: 77 at mm/memory.c:100 zap+0x1/0x2 [spanheap]
BUG: kernel NULL pointer dereference, address: 0000000000000008
BUG: Bad page state in process redis-server  pfn:1234
BUG: Bad rss-counter state mm:00000000 type:MM_ANONPAGES val:1
BUG: KASAN: slab-use-after-free in walk+0x1/0x2 [spanheap]
BUG: sleeping function called from invalid context at mm/gup.c:1
BUG: scheduling while atomic: redis/12/0x00000002
watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [redis:12]
BUG spanheap_heap (Tainted: G OE): Objects remaining in spanheap_heap on __kmem_cache_shutdown()
kmem_cache_destroy spanheap_heap: Slab cache still has objects when called from cleanup
Oops: general protection fault, probably for non-canonical address 0xdead000000000100
general protection fault, probably for non-canonical address 0xdead000000000100: 0000 [#1]
Kernel panic - not syncing: Fatal exception
INFO: task redis:12 blocked for more than 120 seconds.
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
WARNING: possible circular locking dependency detected
WARNING: suspicious RCU usage
WARNING: bad unlock balance detected!
refcount_t: underflow; use-after-free.
list_del corruption. prev->next should be ffff
UBSAN: array-index-out-of-bounds in kmod/walk.c:1:2
kworker/0:1: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL), nodemask=(null)
BUG: MAX_LOCKDEP_CHAINS too low!
turning off the locking correctness validator.
INFO: trying to register non-static key.
WARNING: possible recursive locking detected
BUG: using smp_processor_id() in preemptible [00000000] code: redis/12
kernel BUG at mm/page_table_check.c:65!
BUG: KASAN: null-ptr-deref in walk+0x1/0x2 [spanheap]
ODEBUG: free active (active state 0) object type: work_struct hint: 0x0
UBSAN: shift-out-of-bounds in kmod/walk.c:1:2
kmemleak: Kernel memory leak detector disabled
kmemleak: Cannot allocate a kmemleak_object structure
ODEBUG: Out of memory. ODEBUG disabled
kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
unreferenced object 0xffff888100000000 (size 64):
spanheap: Unknown symbol zap_page_range (err -2)
Call Trace:""".split("\n")

NOTHING = """\
PCI: Using host bridge windows from ACPI; if necessary, use "pci=nocrs" and report a bug
AMD-Vi: AMD IOMMUv2 functionality not available on this system - This is not a bug.
Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on
module verification failed: signature and/or required key missing - tainting kernel
redis-server[12]: segfault at 0 ip 0000 sp 0000 error 4 in libc.so.6
Out of memory: Killed process 99 (eater) total-vm:200000kB
Memory cgroup out of memory: Killed process 99 (eater)
oom_reaper: reaped process 99 (eater), now anon-rss:0kB
kmemleak: Kernel memory leak detector initialized (mem pool available: 38000)
kasan: KernelAddressSanitizer initialized
Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar
ODEBUG: selftest passed
lkdtm: No crash points registered, enable through debugfs
debug: ignoring loglevel setting.""".split("\n")

OOM_KILL = """\
eater invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0
CPU: 1 PID: 99 Comm: eater Not tainted
Call Trace:
 <TASK>
 dump_header+0x4a/0x1f0
 </TASK>
Mem-Info:"""

KILLED = "Out of memory: Killed process 99 (eater) total-vm:200000kB"
FAILURE = """\
[    1.3] %s: page allocation failure: order:0, mode:0x140dca(GFP_HIGHUSER_MOVABLE)
[    1.3] CPU: 0 PID: 99 Comm: %s Tainted: G           OE
[    1.3] Call Trace:"""


def main():
    """As KTAP."""
    cases = [(f"complaint: {line}", bool(complaints.find(f"[    1.0] up\n[    1.1] {line}\n")), True)
             for line in COMPLAINTS]
    cases += [(f"none: {line}", bool(complaints.find(f"[    1.1] {line}\n")), False)
              for line in NOTHING]
    cases.append(("none: the trace of an OOM kill", bool(complaints.find(OOM_KILL)), False))
    cases.append(("complaint: a trace after that of an OOM kill",
                  bool(complaints.find(OOM_KILL + "\nCall Trace:\n")), True))
    cases.append(("none: no memory for who is being killed",
                  bool(complaints.find(f"{KILLED}\n{FAILURE % ('eater', 'eater')}")), False))
    cases.append(("complaint: no memory for another",
                  bool(complaints.find(f"{KILLED}\n{FAILURE % ('server', 'server')}")), True))
    print(f"TAP version 13\n1..{len(cases)}")
    failed = False
    for number, (name, got, want) in enumerate(cases, 1):
        failed |= got != want
        print(f"{'ok' if got == want else 'not ok'} {number} {name.replace('#', '')}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
