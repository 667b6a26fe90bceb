#!/bin/sh
# SPDX-License-Identifier: MIT
# A redis server in a cgroup that is squeezed, reclaimed and filled up again keeps
# every key, while the module takes its idle pages. In the guest.
KEYS=6400
GROUP=/sys/fs/cgroup/spanheap-redis
SOCK=/tmp/spanheap-redis.sock

skip() { echo "1..0 # SKIP $*"; exit 4; }
command -v redis-server >/dev/null && command -v redis-cli >/dev/null || skip "no redis"
[ "$(cat /sys/module/spanheap/parameters/revoke 2>/dev/null)" = Y ] || skip "the module does not revoke"
mkdir -p $GROUP 2>/dev/null || skip "no cgroup to be made here"

number=0
result() {	# STATUS NAME
	number=$((number + 1))
	[ "$1" = 0 ] && echo "ok $number $2" || echo "not ok $number $2"
}

cli() { redis-cli -s $SOCK "$@"; }

# Values of about 8000 bytes that tell their key and their generation.
lua='local function value(i, g) return string.rep(i .. "/" .. g .. ":", math.floor(8000 / #(i .. "/" .. g .. ":"))) end '
fill() {	# FIRST LAST GENERATION
	cli eval "$lua for i = $1, $2 do redis.call('SET', i, value(i, $3)) end return 'filled'" 0
}
wrong() {	# FIRST LAST GENERATION, of each 800 the first so many
	cli eval "$lua local n = 0 for i = $1, $2 do
		if i % 800 < $4 and redis.call('GET', '' .. i) ~= value(i, $3) then n = n + 1 end end return n" 0
}
figure() {	# KEY of the ledger of the server
	spanheap stat --json $PID | grep -o "\"$1\": [0-9]*" | head -n 1 | cut -d " " -f 2
}

echo "TAP version 13"
echo "1..6"
(echo 0 >$GROUP/cgroup.procs && SPANHEAP_DELAY_MS=50 exec spanheap run --release=handover -- \
	redis-server --port 0 --unixsocket $SOCK --save "" --appendonly no --daemonize no) >/dev/null 2>&1 &
PID=$!
tries=300
until cli ping >/dev/null 2>&1 || [ $tries = 0 ]; do
	tries=$((tries - 1))
	usleep 100000
done
echo 0 >$GROUP/memory.swap.max
fill 1 $KEYS 1 >/dev/null
[ "$(wrong 1 $KEYS 1 800)" = 0 ]
result $? "the server is filled"

# all but every eighth hundred go
cli eval "for i = 1, $KEYS do if i % 800 >= 100 then redis.call('DEL', '' .. i) end end return 'deleted'" 0 >/dev/null
tries=60
until [ "$(figure idle)" -gt 20000000 ] 2>/dev/null || [ $tries = 0 ]; do
	tries=$((tries - 1))
	usleep 100000
done
[ "$(figure idle)" -gt 20000000 ]
result $? "most of it is handed over"

# below a limit: what others in the cgroup take displaces what is idle
echo $(($(cat $GROUP/memory.current) + 4000000)) >$GROUP/memory.max
(echo 0 >$GROUP/cgroup.procs && exec dd if=/dev/zero of=/dev/shm/spanheap-redis bs=65536 count=320 2>/dev/null)
status=$?
echo "# idle $(figure idle), revoked $(figure revoked); $(cat $GROUP/memory.events | tr '\n' ' ')"
[ $status = 0 ] && grep -q 'oom_kill 0' $GROUP/memory.events && [ "$(figure revoked)" -gt 10000000 ]
result $? "the module takes it when it is needed"
[ "$(wrong 1 $KEYS 1 100)" = 0 ]
result $? "and no key with it"
rm -f /dev/shm/spanheap-redis
echo max >$GROUP/memory.max

for i in 1 2 3 4; do
	echo 16M >$GROUP/memory.reclaim 2>/dev/null
	wrong 1 $KEYS 1 100
done >/tmp/spanheap-redis.wrong
[ "$(sort -u /tmp/spanheap-redis.wrong)" = 0 ]
result $? "nor when all of it is reclaimed"
fill $((KEYS + 1)) $((KEYS + KEYS / 4)) 2 >/dev/null
[ "$(wrong 1 $KEYS 1 100)" = 0 ] && [ "$(wrong $((KEYS + 1)) $((KEYS + KEYS / 4)) 2 800)" = 0 ]
result $? "new keys are in nobody's way"
cli shutdown nosave >/dev/null 2>&1
wait $PID
rmdir $GROUP
exit 0
