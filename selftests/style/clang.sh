#!/bin/bash
# SPDX-License-Identifier: MIT
# The library and the command compile without a warning under clang too, with
# the flags that make hands on: LIB_CFLAGS, BASE_CFLAGS.
set -u
echo TAP version 13
echo 1..2
failed=0
check() {	# number, name, flags, files
	local number=$1 name=$2 flags=$3
	shift 3
	# shellcheck disable=SC2086
	if out=$(clang ${flags/-MMD -MP/} -fsyntax-only "$@" 2>&1); then
		echo "ok $number clang is content with $name"
	else
		echo "$out" | grep -E 'warning|error' | sed 's/^/# /'
		echo "not ok $number clang is content with $name"
		failed=1
	fi
}
shopt -s globstar
check 1 lib/ "${LIB_CFLAGS:?run this by make check}" lib/**/*.c
check 2 tools/ "${BASE_CFLAGS:?} -D_GNU_SOURCE" tools/**/*.c
exit $failed
