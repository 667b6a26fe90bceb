#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Real programs give the same output with the library preloaded as without. Each
# command line runs twice in an empty directory; its output, exit status and the
# files it leaves must be the same, and the library must have been in it.
set -u
export LC_ALL=C HOME=/nonexistent

root=$(cd "$(dirname "$0")/../.." && pwd)
lib=${1:-$root/build/libspanheap.so.1}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -r "$lib" ] || { echo "1..0 # SKIP no $lib: run make first"; exit 4; }

number=0 failed=0 skipped=0

result() { # ok|not ok, name, comment
	number=$((number + 1))
	echo "$1 $number $2${3:+ # $3}"
}

# Run a shell command line in a directory of its own: output, status, files.
observe() { # directory, preload, command
	mkdir -p "$1"
	(cd "$1" && LD_PRELOAD=$2 timeout 120 bash -c "$3" > "$1.out" 2>&1 < /dev/null
	 echo "status $?" >> "$1.out")
	(cd "$1" && find . -type f -exec sha256sum {} + | sort) >> "$1.out"
}

same() { # name, program needed, command
	if ! command -v "$2" > /dev/null; then
		result ok "$1" "SKIP no $2 here"
		skipped=$((skipped + 1))
		return
	fi
	observe "$work/a" "" "$3"
	mv "$work/a.out" "$work/without"
	rm -rf "$work/a"
	observe "$work/a" "$lib" "$3"
	rm -rf "$work/a"
	if cmp -s "$work/without" "$work/a.out" && ! grep -q '^spanheap:' "$work/a.out"; then
		result ok "$1"
	else
		result "not ok" "$1"
		failed=$((failed + 1))
		diff "$work/without" "$work/a.out" | head -20 | sed 's/^/# /'
	fi
}

echo "TAP version 13"

# That preloading preloads, else all of the rest says nothing.
if LD_PRELOAD=$lib bash -c 'grep -q libspanheap /proc/self/maps'; then
	result ok "the library is in the programs"
else
	result "not ok" "the library is in the programs"
	failed=$((failed + 1))
fi

cat > "$work/words.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct word { struct word *next; int n; char text[32]; };
static struct word *table[997];
int main(void)
{
	char buf[32];
	for (int i = 0; i < 100000; i++) {
		unsigned int h = 0;
		snprintf(buf, sizeof(buf), "%x", (unsigned int)i * 2654435761u % 9973);
		for (char *p = buf; *p; p++)
			h = h * 31 + (unsigned char)*p;
		struct word **at = &table[h % 997];
		while (*at && strcmp((*at)->text, buf))
			at = &(*at)->next;
		if (!*at) {
			*at = calloc(1, sizeof(**at));
			strcpy((*at)->text, buf);
		}
		(*at)->n++;
	}
	for (int i = 0; i < 997; i++)
		for (struct word *w = table[i]; w; w = w->next)
			printf("%s %d\n", w->text, w->n);
	return 0;
}
C

cat > "$work/fib.cc" <<'C'
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main()
{
	std::map<std::string, std::vector<int>> m;
	for (int i = 0; i < 50000; i++)
		m[std::to_string(i % 777)].push_back(i);
	std::regex r("(1|2)+3");
	for (auto &e : m)
		if (std::regex_match(e.first, r))
			std::cout << e.first << ' ' << e.second.size() << '\n';
}
C

cat > "$work/pool.py" <<'PY'
import concurrent.futures, json, multiprocessing, os, re, threading, zlib
def work(n):
    d = {str(i): list(range(i % 50)) for i in range(n)}
    return zlib.crc32(json.dumps(d, sort_keys=True).encode())
def main():
    with multiprocessing.get_context("fork").Pool(4) as pool:
        print(pool.map(work, range(0, 4000, 100)))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        print(list(pool.map(work, range(0, 2000, 100))))
    print(len(re.findall(r"\w+", "some words " * 50000)))
    for _ in range(50):
        t = [threading.Thread(target=work, args=(50,)) for _ in range(8)]
        [x.start() for x in t]; [x.join() for x in t]
    pid = os.fork()
    if not pid:
        os._exit(work(1000) % 100)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
if __name__ == "__main__":
    main()
PY

cat > "$work/daemon.py" <<'PY'
# closes all descriptors, becomes a daemon, drops privileges, goes on working
import os, resource, sys
out = os.dup2(1, 200)
os.closerange(3, 200); os.closerange(201, 4096)
if os.fork():
    os.wait(); sys.exit()
os.setsid(); os.chdir("/")
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
blocks = [bytearray(i * 1000) for i in range(500)]
del blocks[::2]
blocks += [bytearray(100000) for i in range(300)]
os.write(200, b"%d\n" % sum(map(len, blocks)))
PY

same "cc compiles the same object" cc "cc -O2 -c $work/words.c -o words.o"
same "a compiled C program" cc "cc -O2 $work/words.c -o words && ./words | sha256sum"
same "a compiled C++ program" c++ "c++ -O2 $work/fib.cc -o fib && ./fib"
same "python: processes, threads, forks" python3 "python3 $work/pool.py"
same "python: a daemon without descriptors" python3 "python3 $work/daemon.py"
same "perl: hashes and sorting" perl \
	'perl -e "my %h; \$h{\$_ % 5003} .= \$_ for 1..200000; print length(\$h{\$_}), \"\n\" for sort keys %h" | sha256sum'
same "sqlite: tables and indexes" sqlite3 \
	'sqlite3 db "create table t(a integer primary key, b text); with recursive c(x) as (select 1 union all select x+1 from c where x<100000) insert into t select x, hex(x * 7919 % 1000003) from c; create index i on t(b); select count(distinct b), min(b), max(b) from t; delete from t where a % 3 = 0; vacuum; select sum(length(b)) from t;"'
same "git: history of a new repository" git \
	'export GIT_AUTHOR_DATE="2020-01-01 00:00:00 +0000" GIT_COMMITTER_DATE="2020-01-01 00:00:00 +0000" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
	git init -q . && git config user.name n && git config user.email e && git config gc.auto 0 &&
	for i in 1 2 3 4 5 6 7 8; do seq 1 $((i * 3000)) > f$i; cp f$i last; git add . ; git commit -qm $i; done
	git log -p | sha256sum; git repack -adq --threads=1; git fsck --full; rm -rf .git/objects/pack .git/index .git/objects/info'
same "sort, awk, sed and tar" tar \
	'seq 1 200000 | awk "{ print \$1 * 7919 % 200003, \$1 }" | sort -S 8M -n | sed -n "1~997p" | sha256sum; mkdir d; for i in 1 2 3; do seq 1 50000 > d/$i; done; tar -cf - --sort=name --mtime=@0 d | xz -T2 | xz -dc | tar -tf -'

cat > "$work/redis.sh" <<'SH'
# below those that the kernel gives to clients: one of these may connect to itself
port=$((20000 + RANDOM % 12000))
redis-server --port $port --bind 127.0.0.1 --save "" --dir . --dbfilename dump.rdb \
	--daemonize no --loglevel warning > /dev/null 2>&1 &
server=$!
cli() { redis-cli -p $port "$@"; }
until cli ping > /dev/null 2>&1; do kill -0 $server || exit 1; done
cli debug populate 100000 key 200
cli eval 'for i = 1, 20000 do redis.call("set", "s" .. i, string.rep("x", i % 500)) end return "set"' 0
cli eval 'for i = 1, 20000 do redis.call("rpush", "l" .. i % 100, i) redis.call("hset", "h" .. i % 50, i, i) redis.call("zadd", "z", i, i) end return "push"' 0
cli bgsave
cli eval 'for i = 1, 20000, 2 do redis.call("del", "s" .. i) end return "del"' 0
until [ "$(cli info persistence | grep rdb_bgsave_in_progress: | tr -d '\r')" = rdb_bgsave_in_progress:0 ]; do
	kill -0 $server || exit 1
done
cli info persistence | grep rdb_last_bgsave_status
cli bgrewriteaof
cli dbsize
cli get s200
cli lrange l7 0 3
cli flushall
cli dbsize
cli shutdown nosave
wait $server
echo "server: $?"
[ -s dump.rdb ] && echo saved
rm -rf ./*
SH
same "redis: load, snapshot, delete" redis-server "bash $work/redis.sh"

echo "1..$number"
echo "# Totals: pass:$((number - failed - skipped)) fail:$failed xfail:0 xpass:0 skip:$skipped error:0"
[ $failed = 0 ]
