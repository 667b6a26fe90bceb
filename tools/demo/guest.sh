#!/bin/sh
# SPDX-License-Identifier: MIT
#
# guest.sh MODE - the main job, inside the guest: a redis server under a release
# mode is filled, emptied, half filled again, emptied, and then another process
# wants memory while the server goes on serving. Called by the demo. Standard
# output is the record (one line a sample or step, see record.py), standard error
# is the table for people.

set -u

MODE=$1
KEYS=18000		# asked for at random: about two thirds of them come to be
VALUE=16000		# bytes: about 200 MB in all with the overhead of redis
EAT=200			# MiB that the other process takes; about half of it is free
SOCK=/tmp/redis.sock
DIR=$(mktemp -d)

cli() { redis-cli -s "$SOCK" "$@"; }
bench() { redis-benchmark -s "$SOCK" -P 32 "$@"; }
say() { echo "$*" >&2; }
die() { say "demo: $MODE: $*"; exit 1; }

# sample: LINE is what the recorder says now. Here and below with no process more
# than is needed: each costs as much as the server does in a while.
sample() {
	LINE=$(recorder "$PID" 0) || die "no ledger of the server"
}

# of KEY: FIGURE is that of the last sample, MIB the same in MiB
of() {
	FIGURE=${LINE#* "$1"=}
	FIGURE=${FIGURE%% *}
	MIB=$((FIGURE >> 20))
}

# row TEXT KEY...: a row of the table
row() {
	text=$(printf '%-9s %-24s %6s' "$MODE" "$1" "$(ps -o pid,rss |
		awk -v p="$PID" '$1 == p { print $2 }')")
	shift
	for key; do
		of "$key"
		text="$text $(printf '%6d' "$MIB")"
		[ "$key" != vmrss ] || text="${text}M |"
	done
	say "$text"
}

# step NAME TEXT: what the ledger says now, beside what ps and VmRSS say
step() {
	sample
	echo "$LINE"
	of ms
	echo "step $FIGURE $1"
	row "$2" vmrss in_use idle lazyfree taken revoked freed other
}

# settle: until nothing has moved for longer than the scavenger waits
settle() {
	last= still=0 n=0
	while [ $still -lt 10 ] && [ $n -lt 60 ]; do
		sample
		cur=
		for key in idle lazyfree rss; do
			of $key
			cur="$cur $MIB"
		done
		if [ "$cur" = "$last" ]; then still=$((still + 1)); else still=0; fi
		last=$cur n=$((n + 1))
		usleep 250000
	done
}

fill() {
	bench -t set -n "$1" -r $KEYS -d $VALUE -q >/dev/null || die "redis-benchmark failed"
}

# empty: delete all keys but one in twenty
empty() {
	cli eval "local k = redis.call('KEYS', '*')
		for i = 1, #k do
			if i % 20 ~= 0 then redis.call('DEL', k[i]) end
		end
		return 'done'" 0 >"$DIR/answer"
	[ "$(cat "$DIR/answer")" = "done" ] || die "redis: $(cat "$DIR/answer")"
}

# serve NAME: how many requests a second the server answers now
serve() {
	rate=$(bench -t get -n 8000 -r $KEYS --csv | tail -n 1 | cut -d, -f2 | tr -d '"')
	[ -n "$rate" ] || die "redis does not answer"
	echo "rate $1 $rate"
}

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
recorder "$PID" 500 &
recorder=$!
step start "started"

fill $KEYS
step loaded "loaded, $(cli dbsize) keys"
empty
step deleted "deleted, $(cli dbsize) left"
settle
step settled "a moment later"

fill $((KEYS / 2))
step reused "half of it loaded again"
empty
settle
serve calm
step calm "deleted, a moment later"

mkfifo "$DIR/hold"
eat $EAT <"$DIR/hold" >"$DIR/eaten" 2>"$DIR/complaint" &
eater=$!
exec 3>"$DIR/hold"
until [ -s "$DIR/eaten" ] || ! kill -0 $eater 2>/dev/null; do
	kill -0 "$PID" 2>/dev/null || die "redis was killed"
	usleep 100000
done
settle
serve pressed
if kill -0 $eater 2>/dev/null; then
	step pressure "other took ${EAT}M"
	exec 3>&-
	wait $eater
else
	exec 3>&-
	wait $eater
	status=$?
	[ $status -eq 137 ] || die "the other process: status $status $(cat "$DIR/complaint")"
	step pressure "other was KILLED (OOM)"
fi

cli shutdown nosave >/dev/null 2>&1
wait "$PID" $recorder
grep -E 'oom_kill ' /proc/vmstat | { read -r _ kills; echo "oom $kills"; }
