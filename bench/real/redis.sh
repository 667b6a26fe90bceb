#!/bin/sh
# SPDX-License-Identifier: MIT
# redis.sh DIRECTORY: a redis server on a socket in DIRECTORY; redis-benchmark, which
# keeps its own malloc, fills, changes and empties it and then ends it. The server takes
# the place of this script, so that it is the one that is measured.
set -eu
cd "$1"
socket=redis.$$.sock
server=$$

cli() { redis-cli -s "$socket" "$@" >/dev/null 2>&1; }
bench() { redis-benchmark -s "$socket" -q -c 20 "$@" >/dev/null 2>&1; }

drive() {
	tries=100
	until cli ping; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] && sleep 0.1 || return
	done
	bench -P 16 -n 80000 -r 50000 -d 200 -t set,get,incr,lpush,sadd,hset,lrange_100 -e &&
	bench -P 16 -n 60000 -r 50000 -d 3000 -t set &&
	cli eval "for i = 0, 49999 do if i % 10 > 0 then redis.call('DEL', string.format('key:%012d', i)) end end" 0 &&
	bench -P 16 -n 60000 -r 100000 -d 700 -t set,get &&
	cli flushall sync &&
	bench -P 16 -n 60000 -r 50000 -d 200 -t set
}

(
	unset LD_PRELOAD
	if drive; then
		cli shutdown nosave
	else
		kill -9 $server
	fi
) &
exec redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --daemonize no >/dev/null
