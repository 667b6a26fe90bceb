# SPDX-License-Identifier: MIT
# The comparison with other allocators: that it runs and counts right, not how fast
# anybody is.

$(call script_test, bench/compare,	native,	bench/compare.py)
build/selftests/bench/compare: build/bench/launch build/bench/loads/random build/bench/loads/peak
