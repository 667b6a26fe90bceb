#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The main job, inside the guest: a redis server under each release mode is
# filled, emptied, and then another process takes memory. Called by the demo
# with the modes as arguments. Standard output is the record (one line a sample
# or step, see record.py), standard error is the table for people.

set -u

KEYS=36000		# asked for at random: about two thirds of them come to be
VALUE=8000		# bytes: about 200 MB in all with the overhead of redis
LEAVE=10		# MiB that the other process leaves on the machine
SOCK=/tmp/redis.sock
DIR=$(mktemp -d)

cli() { redis-cli -s "$SOCK" "$@"; }
say() { echo "$*" >&2; }
die() { say "demo: $*"; exit 1; }

# of KEY: a figure of the last sample
of() { sed "s/.* $1=\\([0-9]*\\).*/\\1/" "$DIR/sample"; }

mib() { echo $(($(of "$1") >> 20)); }

sample() {
	recorder "$MODE" "$PID" 0 >"$DIR/sample" || die "no ledger of the server"
}

# step NAME TEXT: what the ledger says now, beside what ps and VmRSS say
step() {
	sample
	cat "$DIR/sample"
	echo "step $MODE $(of ms) $1"
	ps_rss=$(ps -o pid,rss | awk -v p="$PID" '$1 == p { print $2 }')
	say "$(printf '%-9s %-24s %6s %5dM | %6d %6d %6d %6d %6d %6d' "$MODE" "$2" \
		"$ps_rss" "$(mib vmrss)" "$(mib in_use)" "$(mib idle)" \
		"$(mib lazyfree)" "$(mib taken)" "$(mib freed)" "$(mib other)")"
}

# settle: until nothing has moved for longer than the scavenger waits
settle() {
	last= still=0 n=0
	while [ $still -lt 10 ] && [ $n -lt 60 ]; do
		sample
		cur="$(mib idle) $(mib lazyfree) $(mib rss)"
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
	recorder "$MODE" "$PID" 500 &
	recorder=$!
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
	cli shutdown nosave >/dev/null 2>&1
	wait "$PID" $recorder
	rm -f "$SOCK"
}

say "$(printf '%-9s %-24s %6s %6s | %6s %6s %6s %6s %6s %6s' "" "redis-server" \
	ps VmRSS in_use idle lazy taken freed other)"
for mode in "$@"; do
	job "$mode"
done
grep -E 'oom_kill ' /proc/vmstat | { read -r _ kills; echo "oom $kills"; }
