#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The main job, inside the guest: a redis server under each release mode is
# filled, emptied, and then another process takes memory. Called by the demo
# with the modes as arguments. Standard output is the record (one line a sample
# or step, see record.py), standard error is the table for people.

set -u

KEYS=60000		# asked for at random: about two thirds of them come to be
VALUE=4000		# bytes: about 200 MB in all with redis's own overhead
LEAVE=48		# MiB that the other process leaves on the machine
SOCK=/tmp/redis.sock
DIR=$(mktemp -d)

cli() { redis-cli -s "$SOCK" "$@"; }
now_ms() { read -r up _ </proc/uptime; echo $(( ${up%.*} * 1000 + 1${up#*.} * 10 - 1000 )); }
say() { echo "$*" >&2; }
die() { say "demo: $*"; exit 1; }

# field FILE KEY: the number behind "KEY:" in a /proc or JSON text
field() { sed -n "s/.*\"\\?$2\"\\?: *\\([0-9]*\\).*/\\1/p" "$1" | head -n 1; }

# sample FILE: one line of record; leaves the ledger of the server in FILE
sample() {
	ledger=$(spanheap stat --json "$PID" 2>/dev/null) || return 1
	ledger=$(echo $ledger)		# on one line
	rss=$(field "/proc/$PID/status" VmRSS)
	cpu=$(sed 's/.*) //' "/proc/$PID/stat") || return 1
	echo "$ledger" >"$1"
	# fields 10 (minor faults), 14 and 15 (user and system ticks)
	set -- $cpu
	ms=$(now_ms)
	echo "sample $MODE $ms $rss $8 $((${12} + ${13})) $ledger"
}

# watch: samples for the picture while the server runs
watch() {
	while sample "$DIR/watched"; do usleep 250000; done
}

# mib KEY: a figure of the last ledger in whole MiB
mib() { echo $(( $(field "$DIR/ledger" "$1") >> 20 )); }

step() {
	sample "$DIR/ledger" || die "no ledger of the server"
	echo "step $MODE $ms $1"
	ps_rss=$(ps -o pid,rss | awk -v p="$PID" '$1 == p { print $2 }')
	say "$(printf '%-9s %-22s %6s %6s | %6d %6d %6d %6d %6d %6d' "$MODE" "$2" \
		"$ps_rss" "$((rss >> 10))M" "$(mib in_use)" "$(mib idle)" \
		"$(mib lazyfree)" "$(mib taken)" "$(mib freed)" "$(mib other)")"
}

# settle: sample until idle, lazyfree and freed have stood still for a while
settle() {
	last= still=0 n=0
	while [ $still -lt 6 ] && [ $n -lt 60 ]; do
		sample "$DIR/ledger" || die "no ledger of the server"
		cur="$(mib idle) $(mib lazyfree) $(mib freed)"
		if [ "$cur" = "$last" ]; then still=$((still + 1)); else still=0; fi
		last=$cur n=$((n + 1))
		usleep 250000
	done
}

job() {
	MODE=$1
	redis_log=$DIR/redis.log
	spanheap run --release="$MODE" -- redis-server --port 0 \
		--unixsocket "$SOCK" --save "" --appendonly no --daemonize no \
		>"$redis_log" 2>&1 &
	PID=$!
	n=0
	until cli ping >/dev/null 2>&1; do
		n=$((n + 1))
		[ $n -lt 100 ] || { cat "$redis_log" >&2; die "redis did not start"; }
		usleep 100000
	done
	watch &
	watcher=$!
	step start "started"

	redis-benchmark -s "$SOCK" -t set -n $KEYS -r $KEYS -d $VALUE -P 32 -q \
		>/dev/null || die "redis-benchmark failed"
	step loaded "loaded, $(cli dbsize) keys"

	cli eval "local k = redis.call('KEYS', '*')
		for i = 1, #k do
			if i % 20 ~= 0 then redis.call('DEL', k[i]) end
		end
		return #redis.call('KEYS', '*')" 0 >"$DIR/left"
	step deleted "deleted, $(cat "$DIR/left") left"
	settle
	step settled "a moment later"

	mkfifo "$DIR/hold"
	eat $LEAVE <"$DIR/hold" >"$DIR/eaten" &
	eater=$!
	exec 3>"$DIR/hold"
	n=0
	until [ -s "$DIR/eaten" ]; do
		kill -0 $eater 2>/dev/null || die "the other process was killed"
		n=$((n + 1))
		[ $n -lt 240 ] || die "the other process does not come to an end"
		kill -0 "$PID" 2>/dev/null || die "redis was killed"
		usleep 100000
	done
	settle
	step pressure "other took $(( $(cat "$DIR/eaten") >> 20 ))M"
	exec 3>&-
	wait $eater
	rm "$DIR/hold" "$DIR/eaten"

	redis-benchmark -s "$SOCK" -t set -n $((KEYS / 2)) -r $KEYS -d $VALUE -P 32 -q \
		>/dev/null || die "redis-benchmark failed"
	step again "loaded again"
	kill $watcher
	cli shutdown nosave >/dev/null 2>&1
	wait "$PID" $watcher
	rm -f "$SOCK"
}

say "$(printf '%-9s %-22s %6s %6s | %6s %6s %6s %6s %6s %6s' "" "redis-server" \
	ps VmRSS in_use idle lazy taken freed other)"
for mode in "$@"; do
	job "$mode"
done
grep -E 'oom_kill ' /proc/vmstat | { read -r _ kills; echo "oom $kills"; }
