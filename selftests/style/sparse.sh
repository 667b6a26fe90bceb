#!/bin/bash
# SPDX-License-Identifier: MIT
# sparse has nothing to say of the module, against the headers of each kernel.
# Works on links of its own, beside those of the build.
set -u
kernels=(build/guest/*/headers)
echo TAP version 13
echo "1..${#kernels[@]}"
number=0
failed=0

# Build with sparse against one tree of headers; what was said goes to a file.
look() {
	local headers=$1 work=$2
	rm -rf "$work"
	mkdir -p "$work/kmod"
	ln -s "$PWD"/kmod/*.[ch] "$work/kmod/"
	ln -s "$PWD/include" "$PWD/Kbuild" "$work/"
	make -s -C "$headers" M="$work" C=2 CF="-Wno-unknown-attribute" modules > "$work/said" 2>&1
	echo $? > "$work/status"
}

for headers in "${kernels[@]}"; do
	look "$headers" "$PWD/build/sparse/$(basename "$(dirname "$headers")")" &
done
wait

for headers in "${kernels[@]}"; do
	number=$((number + 1))
	kver=$(basename "$(dirname "$headers")")
	work=build/sparse/$kver
	# What sparse makes of the kernel's own headers is not ours.
	if [ "$(cat "$work/status")" = 0 ] &&
			! grep -E '(^|/)kmod/[a-z_]+\.[ch]:[0-9]+:[0-9]+: (warning|error)' "$work/said" | sed 's/^/# /' | grep .; then
		echo "ok $number sparse is content on $kver"
	else
		[ "$(cat "$work/status")" = 0 ] || sed 's/^/# /' "$work/said" | head -n 30
		echo "not ok $number sparse is content on $kver"
		failed=1
	fi
done
exit $failed
