#!/bin/bash
# SPDX-License-Identifier: MIT
# Hints and orders where the module does not revoke: the same tests, in guests whose
# module was loaded so.
set -u
kernels=$(cd build/guest && for k in */vmlinux; do echo "${k%%/*}"; done | sort -V)
number=0
mkdir -p build/check

echo "TAP version 13"
echo "1..$((2 * $(echo "$kernels" | wc -w)))"
for kernel in $kernels; do
	for test in hint order; do
		number=$((number + 1))
		if ! selftests/vm/run --kernel "$kernel" --modparam revoke=0 -- \
			build/selftests/kmod/$test >"build/check/$test-$kernel.log" 2>&1; then
			tail -n 40 "build/check/$test-$kernel.log" | sed 's/^/# /'
			printf 'not '
		fi
		echo "ok $number $kernel: $test with revoke=0"
	done
done
