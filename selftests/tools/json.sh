#!/bin/sh
# SPDX-License-Identifier: MIT
# What spanheap stat --json prints is JSON to somebody else: python3.

echo 'TAP version 13'
echo '1..2'
command=build/spanheap

check() {	# check NUMBER NAME ARGUMENT...
	number=$1 name=$2
	shift 2
	if "$command" stat --json "$@" | python3 -c '
import json, sys
d = json.load(sys.stdin)
figures = {"rss", "in_use", "idle", "lazyfree", "taken", "freed", "revoked", "swapped", "other"}
assert set(d) == figures | {"pid", "backend", "exact", "nodes"}, d.keys()
assert all(type(d[k]) is int for k in figures | {"pid"}), d
assert type(d["exact"]) is bool and d["backend"] in ("device", "procfs"), d
for node in d["nodes"]:
	assert set(node) == figures | {"node"}, node
'; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
	fi
}

check 1 itself
check 2 another_process $$
