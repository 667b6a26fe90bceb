#!/bin/bash
# SPDX-License-Identifier: MIT
# Every file says in its first lines under which licence it is, and it is the one
# of its directory.
set -u

# The licence that file $1 is to have; nothing when it cannot say one.
wanted() {
	case $1 in
	LICENSES/*|.gitignore|*.svg|*.png|*.md|*/settings) ;;
	include/uapi/*) echo 'GPL-2.0 WITH Linux-syscall-note' ;;
	kmod/*|Kbuild|selftests/kmod/*.c|selftests/kmod/*.h) echo 'GPL-2.0-only|MIT' ;;
	*) echo MIT ;;
	esac
}

mapfile -t files < <(git ls-files)
echo TAP version 13
echo 1..1
wrong=0
for f in "${files[@]}"; do
	want=$(wanted "$f")
	[ -n "$want" ] && [ -f "$f" ] || continue
	if ! head -n 3 "$f" | grep -qE "SPDX-License-Identifier: ($want)( \*/| -->)?\$"; then
		echo "# $f: no SPDX line with $want"
		wrong=1
	fi
done
[ $wrong = 0 ] && echo "ok 1 every file names its licence" || echo "not ok 1 every file names its licence"
exit $wrong
