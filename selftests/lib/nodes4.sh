#!/bin/bash
# SPDX-License-Identifier: MIT
# lib/nodes on a machine with four nodes: in a guest for each kernel.
set -u
kernels=${SELFTEST_KERNELS:-$(cd build && ls -d guest/*/vmlinux | sed 's,/vmlinux,,' | sort -V)}
number=0

echo "TAP version 13"
echo "1..$(echo "$kernels" | wc -w)"
for kernel in $kernels; do
	number=$((number + 1))
	if out=$(selftests/vm/run --kernel "$kernel" --nodes 4 --cpus 4 --mem 2G -- \
			build/selftests/lib/nodes 2>&1); then
		echo "ok $number $kernel: four nodes"
	else
		echo "$out" | sed 's/^/# /'
		echo "not ok $number $kernel: four nodes"
	fi
done
