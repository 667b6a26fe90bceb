#!/bin/bash
# SPDX-License-Identifier: MIT
# The kernels that look for bugs find some, made by the kernel's own lkdtm, and the
# runner hears of each.
set -u
kernels=${SELFTEST_KERNELS:-$(cd build && ls -d debug/*/vmlinux | sed 's,/vmlinux,,' | sort -V)}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
number=0
failed=0

check() {	# NAME COMMAND...
	local name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		failed=1
	fi
}

says() {	# PATTERN
	grep -qE "$1" "$log" || { grep -E 'lkdtm|BUG|WARNING' "$log" | tail -n 5 | sed 's/^/# /'; false; }
}

echo "TAP version 13"
echo "1..$((6 * $(echo "$kernels" | wc -w)))"
for kernel in $kernels; do
	selftests/vm/run --kernel "$kernel" --no-module --log "$log" -- sh -c '
		# first: the kernel stops to look at locks when it has found a bug
		grep -q "debug_locks: *1" /proc/lockdep_stats && test -e /sys/kernel/debug/kmemleak &&
			echo leaks and locks looked for > /dev/kmsg
		for bug in READ_AFTER_FREE CORRUPT_LIST_ADD REFCOUNT_ADD_OVERFLOW ARRAY_BOUNDS; do
			echo $bug > /sys/kernel/debug/provoke-crash/DIRECT
		done' >/dev/null 2>&1
	status=$?
	check "$kernel: the runner fails" [ $status = 123 ]
	check "$kernel: KASAN" says 'BUG: KASAN: .*use-after-free'
	check "$kernel: lists" says 'list_add corruption'
	check "$kernel: reference counts" says 'refcount_t: '
	check "$kernel: bounds" says 'UBSAN: array-index-out-of-bounds'
	check "$kernel: kmemleak and lockdep" says 'leaks and locks looked for'
done
exit $failed
