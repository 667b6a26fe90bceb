#!/bin/bash
# SPDX-License-Identifier: MIT
# selftests/vm/run keeps what its --help promises: what is in the guest, whose
# output and exit status one gets, and that nothing bad passes in silence. The
# guests run two at a time: that they may is promised too.
set -u
run=selftests/vm/run
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
oldest=$(cd build/guest && for k in */vmlinux; do echo "${k%%/*}"; done | sort -V | head -n 1)

# In the background: output, errors and exit status of a run go to $work/NAME.*.
start() {
	local name=$1
	shift
	{ $run "$@" >"$work/$name.out" 2>"$work/$name.err"; echo $? >"$work/$name.status"; } &
}

mkdir "$work/folder"
echo here >"$work/folder/inner"
echo brought >"$work/file"
cat >"$work/script" <<'EOF'
#!/usr/bin/perl
print "perl $ARGV[0]\n";
EOF
chmod +x "$work/script"

cat >"$work/look" <<'EOF'
#!/bin/sh
uname -r
cat /sys/devices/system/node/online /sys/kernel/mm/transparent_hugepage/enabled
awk 'NR == 2 { print $1, $3 }' /proc/swaps
cat /there/it.is "$1/folder/inner"
script works
grep -o made_up=1 /proc/cmdline
pwd
test -c /dev/spanheap && test -w /dev/spanheap && echo device
for d in /proc /sys /sys/fs/cgroup /sys/kernel/tracing /sys/kernel/debug /dev/shm /tmp; do
	grep -q " $d " /proc/mounts || echo "$d is not mounted"
done
grep -o memory /sys/fs/cgroup/cgroup.subtree_control
spanheap --help >/dev/null && echo command
echo words for stderr >/dev/stderr
exit 7
EOF
chmod +x "$work/look"

start whole --kernel "$oldest" --nodes 2 --cpus 2 --mem 768M --swap 64M --thp never \
	--cmdline made_up=1 --add "$work/file:/there/it.is" --add "$work/folder" \
	--add "$work/script" -- "$work/look" "$work"
start signal -- sh -c 'kill -TERM $$'
wait
start warning -- sh -c 'echo "WARNING: CPU: 0 PID: 1 at made/up.c:1" >/dev/kmsg; echo out'
start panic --kernel "$oldest" -- sh -c 'echo c >/proc/sysrq-trigger; cat /dev/zero >/dev/null'
wait
start hang --timeout 40 -- sh -c 'echo before; exec tail -f /dev/null'
start icount --icount -- git --version
wait
start unborn --cmdline rdinit=/nothing --log "$work/unborn.log" -- true
start nokernel --kernel 1.2 -- true
start nocommand
start nofile --add "$work/none" -- true
start nosize --mem lots -- true
wait

echo TAP version 13
echo 1..22
number=0
failed=0
check() {	# name, then a command that succeeds when it is right
	local name=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
		failed=1
	fi
}
status() { [ "$(cat "$work/$1.status")" = "$2" ] || { sed "s/^/# $1: /" "$work/$1.err" | tail -n 5; false; }; }
one_line() { [ "$(wc -l <"$work/$1.err")" = 1 ]; }
says() { grep -q -- "$2" "$work/$1.err"; }

cat >"$work/expected" <<EOF
$oldest
0-1
always madvise [never]
/dev/zram0 65532
brought
here
perl works
made_up=1
$PWD
device
memory
command
EOF
check "the guest is as asked for, stdout is the command's alone" diff "$work/expected" "$work/whole.out"
check "stderr is the command's alone" test "$(cat "$work/whole.err")" = "words for stderr"
check "the exit status is the command's" status whole 7
check "a signal is 128 and its number" status signal 143
check "nothing is said of it" test ! -s "$work/signal.err"
check "a kernel warning fails a command that succeeded" status warning 123
check "its text is shown" says warning made/up.c
check "the log is named" says warning 'its log: .*\.log'
check "the output is there all the same" test "$(cat "$work/warning.out")" = out
check "a panic is a complaint" status panic 123
check "its text is shown, too" says panic 'sysrq triggered crash'
check "a kernel that dies before user space is booted again" says unborn 'died before user space and is booted again'
check "and complains, if it does so each time" status unborn 123
check "a hang ends in time" status hang 124
check "and it is shown where it hung" says hang 'task:tail'
check "output before a hang is not lost" test "$(cat "$work/hang.out")" = before
check "a dynamic program runs, under icount" test "$(cat "$work/icount.out")" = "$(git --version)"
check "no such kernel: one line" one_line nokernel
check "no such kernel: 125" status nokernel 125
check "no command: one line" one_line nocommand
check "no such file: one line" one_line nofile
check "no size: one line" one_line nosize
exit $failed
