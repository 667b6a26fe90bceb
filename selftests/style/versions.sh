#!/bin/bash
# SPDX-License-Identifier: MIT
# Differences between kernel versions live in kmod/compat.h and nowhere else.
set -u
echo TAP version 13
echo 1..1
if grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION *\(|linux/version\.h' Kbuild $(git ls-files 'kmod/*' | grep -v '^kmod/compat\.h$') | sed 's/^/# /' | grep .; then
	echo "not ok 1 kernel versions are tested in kmod/compat.h only"
	exit 1
fi
echo "ok 1 kernel versions are tested in kmod/compat.h only"
