#!/bin/bash
# SPDX-License-Identifier: MIT
# In a guest of 400 MiB without swap: a heap of 200 MiB of which 160 are idle, and
# another process that takes 180 MiB. The OOM killer comes when the module does not
# revoke, and does not when it does; then no more goes than is needed and a margin.
set -u
kernels=${SELFTEST_KERNELS:-$(cd build && ls -d guest/*/vmlinux | sed 's,/vmlinux,,' | sort -V)}
number=0

result() {	# STATUS NAME
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
	fi
}

run() {		# KERNEL VALUE: the last line of oom-load
	selftests/vm/run --kernel "$1" --mem 400M --modparam "revoke=$2" -- \
		build/selftests/kmod/oom-load 2>&1 | tail -n 1
}

enough() {	# a line; 32 to 112 MiB revoked, and the rest as it should be
	[[ $1 =~ ^survived,\ 0\ pages\ lost,\ ([0-9]+)\ KiB ]] &&
		[ "${BASH_REMATCH[1]}" -ge 32768 ] && [ "${BASH_REMATCH[1]}" -le 114688 ]
}

echo "TAP version 13"
echo "1..$((2 * $(echo "$kernels" | wc -w)))"
for kernel in $kernels; do
	line=$(run "$kernel" 1)
	echo "# $kernel, revoke=1: $line"
	enough "$line"
	result $? "$kernel: nobody is killed when idle pages can be revoked"
	line=$(run "$kernel" 0)
	echo "# $kernel, revoke=0: $line"
	[[ $line == killed,\ 0\ pages\ lost,\ 0\ KiB* ]]
	result $? "$kernel: somebody is killed when they cannot"
done
