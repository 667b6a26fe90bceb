#!/bin/bash
# SPDX-License-Identifier: MIT
# With the device, but loaded with revoke=0: the library releases idle pages itself
# when memory gets short, and nobody is killed. In a guest for each kernel.
set -u
kernels=${SELFTEST_KERNELS:-$(cd build && ls -d guest/*/vmlinux | sed 's,/vmlinux,,' | sort -V)}
number=0

echo "TAP version 13"
echo "1..$(echo "$kernels" | wc -w)"
for kernel in $kernels; do
	number=$((number + 1))
	if out=$(selftests/vm/run --kernel "$kernel" --modparam revoke=0 -- \
			build/selftests/lib/shortage 2>&1); then
		echo "ok $number $kernel: idle pages are released in time"
	else
		echo "$out" | sed 's/^/# /'
		echo "not ok $number $kernel: idle pages are released in time"
	fi
done
