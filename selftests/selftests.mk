# SPDX-License-Identifier: MIT
#
# How tests are built and run. Which tests there are stands in DIR/tests.mk.

.PHONY: run-check
run-check: all
