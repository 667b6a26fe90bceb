#!/bin/bash
# SPDX-License-Identifier: MIT
# The load of oom.sh with swap on zram: idle pages go before anything is swapped.
# With the module less than 5 % of the pages are swapped out that are without.
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

swapped() {	# KERNEL VALUE: pages, or nothing when something was lost or killed
	selftests/vm/run --kernel "$1" --mem 400M --swap 256M --modparam "revoke=$2" -- \
		build/selftests/kmod/oom-load 2>&1 | tail -n 1 |
		sed -n 's/^survived, 0 pages lost,.* \([0-9]*\) pages swapped out$/\1/p'
}

echo "TAP version 13"
echo "1..$(echo "$kernels" | wc -w)"
for kernel in $kernels; do
	without=$(swapped "$kernel" 0)
	with=$(swapped "$kernel" 1)
	echo "# $kernel: $without pages swapped out without the module, $with with it"
	[ "${without:-0}" -gt 1000 ] && [ -n "$with" ] && [ $((with * 20)) -lt "$without" ]
	result $? "$kernel: idle pages go before others are swapped out"
done
