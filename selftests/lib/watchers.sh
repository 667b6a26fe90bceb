#!/bin/bash
# SPDX-License-Identifier: MIT
# The library beside tools that have a malloc of their own: valgrind and ASan. Whoever
# is asked to watch a program still sees what it does.
set -u
cd "$(dirname "$(realpath "$0")")/../.." || exit 1
lib=$PWD/build/libspanheap.so.1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ASAN_OPTIONS=detect_leaks=0

cat > "$work/program.c" <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *work(void *arg)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(i * 37));
	return arg;
}
int main(int argc, char **argv)
{
	pthread_t thread;
	char *volatile p = malloc(5 << 20);
	memset(p, 1, 5 << 20);
	p = realloc(p, 6 << 20);
	free(p);
	pthread_create(&thread, NULL, work, NULL);
	pthread_join(thread, NULL);
	p = malloc(10);
	if (argc > 1)
		p[10] = 1;
	free(p);
	puts("done");
	return 0;
}
C

echo "TAP version 13"
echo "1..9"
number=0 failed=0
result() {	# STATUS NAME
	number=$((number + 1))
	[ "$1" = 0 ] && { echo "ok $number $2"; return; }
	sed 's/^/# /' "$work/out"
	echo "not ok $number $2"
	failed=1
}
sees() {	# PRELOAD WORD COMMAND...
	local preload=$1 word=$2
	shift 2
	LD_PRELOAD=$preload timeout 100 "$@" > "$work/out" 2>&1 < /dev/null
	grep -q -e "$word" "$work/out"
}

gcc -g "$work/program.c" -o "$work/plain" -pthread
sees "$lib" "^done" valgrind --error-exitcode=9 "$work/plain"
result $? "valgrind has nothing to say of a good program"
grep -q "total heap usage: [1-9]" "$work/out"
result $? "and counts its objects"
sees "$lib" "Invalid write of size 1" valgrind "$work/plain" overrun
result $? "valgrind sees an overrun"

# what the library does itself, with its own malloc in force
sees "$lib" "ERROR SUMMARY: 0 errors" valgrind --soname-synonyms=somalloc=nouserintercepts "$work/plain"
result $? "valgrind has nothing to say of the library"
grep -q "total heap usage: 0 allocs" "$work/out"
result $? "and does not stand in for it"

for with in "gcc -static-libasan" clang; do
	$with -g -fsanitize=address "$work/program.c" -o "$work/asan" -pthread
	sees "$lib" heap-buffer-overflow "$work/asan" overrun
	result $? "ASan in the program sees an overrun ($with)"
done
gcc -g -fsanitize=address "$work/program.c" -o "$work/asan" -pthread
sees "$lib" "runtime does not come first" "$work/asan" overrun
result $? "ASan as a library wants to be preloaded before ours"
sees "$(gcc -print-file-name=libasan.so):$lib" heap-buffer-overflow "$work/asan" overrun
result $? "and then sees an overrun"
exit $failed
