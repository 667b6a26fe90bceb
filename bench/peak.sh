#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What remains of a peak, and what it costs to use the memory again, by release mode and
# beside glibc: bench/loads/peak in a guest, in MB and in million instructions a MB.
#
#	make bench-peak		MB=1024 by default, as in Documentation/peers.md
set -eu

mb=$1
echo "$mb MB of objects, 99 of 100 freed at random; MB, and million instructions a MB"
printf '%-10s %9s %7s %7s %9s %7s\n' mode resident idle rest floor refill

row() {
	name=$1
	shift
	"$@" build/bench/loads/peak "mb=$mb" | awk -F= -v name="$name" -v mb="$mb" '
		{ is[$1] = $2 }
		END {
			printf "%-10s %9.1f %7.1f %7.1f %9.1f %7.3f\n", name, is["held"], is["idle"],
				is["held"] - is["idle"], is["floor"], is["refill"] * 1000 / mb
		}'
}

for mode in handover free dontneed keep; do
	row $mode env "SPANHEAP_RELEASE=$mode" LD_PRELOAD=libspanheap.so.1
done
row glibc env
