#!/bin/bash
# SPDX-License-Identifier: MIT
# checkpatch has nothing to say of the module and its ABI.
set -u
echo TAP version 13
echo 1..1
# Version tests are compat.h's very subject, and a constant on their left.
if out=$(perl build/kselftest/scripts/checkpatch.pl --no-tree --terse --no-summary \
		--ignore CONSTANT_COMPARISON,LINUX_VERSION_CODE --file \
		kmod/*.[ch] include/uapi/linux/*.h 2>&1); then
	echo "ok 1 checkpatch is content with kmod/"
else
	echo "$out" | sed 's/^/# /'
	echo "not ok 1 checkpatch is content with kmod/"
	exit 1
fi
