#!/bin/bash
# SPDX-License-Identifier: MIT
# glibc's own tests of malloc, with the library preloaded: those that the file "tests"
# lists, a few at a time, since many of them sleep. Native.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1

list=selftests/glibc/tests
lib=$PWD/build/libspanheap.so.1
built=$PWD/build/selftests/glibc/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Status and output of one; the test limits its own time.
one() {	# NAME HOW WHAT
	local with=()
	[ "$2" != with ] || with=("$3")
	cd "$work" || exit
	env LD_PRELOAD="$lib" ${with[@]+"${with[@]}"} "$built/$1" > "$1.out" 2>&1 < /dev/null
	echo $? > "$1.status"
}

# That preloading preloads, else all of the rest says nothing.
LD_PRELOAD=$lib grep -q libspanheap /proc/self/maps || { echo "Bail out! not preloaded"; exit 1; }

names=()
while read -r name how what; do
	case "$name" in ''|'#'*) continue ;; esac
	[ "$how" != not ] || continue
	names+=("$name")
	while [ "$(jobs -pr | wc -l)" -ge 4 ]; do wait -n; done
	one "$name" "$how" "$what" &
done < $list
wait

echo "TAP version 13"
echo "1..$((${#names[@]} + 1))"
number=0 failed=0
result() {	# STATUS NAME
	number=$((number + 1))
	[ "$1" = 0 ] && { echo "ok $number $2"; return; }
	echo "not ok $number $2"
	failed=1
}
for name in "${names[@]}"; do
	status=$(cat "$work/$name.status" 2>/dev/null || echo none)
	[ "$status" = 0 ] || sed 's/^/# /' "$work/$name.out"
	result "$status" "$name"
done

unlisted=
for file in build/glibc/source/malloc/tst-*.c; do
	name=$(basename "$file" .c)
	grep -Eq "^$name(\s|$)" $list || unlisted="$unlisted $name"
done
[ -z "$unlisted" ] || echo "# not in $list:$unlisted"
result "${#unlisted}" "every test of glibc's is listed"
exit $failed
