#!/bin/bash
# SPDX-License-Identifier: MIT
# The ABI header compiles alone, as C and as C++, for 64 and for 32 bits, and all
# of these agree on the size and the layout of every struct; no struct has a hole.
set -u
header=include/uapi/linux/spanheap.h
work=build/check/uapi
mkdir -p "$work"
structs=$(sed -n 's/^struct \(spanheap_[a-z_]*\) {.*/\1/p' $header)
{
	echo '#include <linux/spanheap.h>'
	for s in $structs; do
		echo "struct $s one_$s;"
	done
} > "$work/all.c"
cp "$work/all.c" "$work/all.cc"

echo TAP version 13
echo 1..6
number=0
failed=0
say() {	# status, name
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number $2"
	else
		echo "not ok $number $2"
		failed=1
	fi
}

flags="-Iinclude/uapi -Wall -Wextra -Wpedantic -Wno-long-long -Werror -g -c"
for way in "gcc -std=c99" "gcc -std=c99 -m32" "g++ -std=c++11" "g++ -std=c++11 -m32"; do
	source=$work/all.c
	[[ $way = g++* ]] && source=$work/all.cc
	object=$work/${way//[^a-z0-9]/_}.o
	out=$($way $flags "$source" -o "$object" 2>&1)
	status=$?
	[ $status = 0 ] || echo "$out" | sed 's/^/# /'
	say $status "compiles alone by $way"
	for s in $structs; do
		pahole -C "$s" "$object" 2>/dev/null
	done > "$object.layout"
done
# A 32-bit unsigned long long aligns to four bytes unless the ABI pads to eight.
cmp -s "$work/gcc__std_c99.o.layout" "$work/gcc__std_c99__m32.o.layout" && [ -s "$work/gcc__std_c99.o.layout" ]
say $? "every struct is the same for 32 bits"
! grep -E ' hole|padding:' "$work/gcc__std_c99.o.layout" | sed 's/^/# /' | grep .
say $? "no struct has a hole"
exit $failed
