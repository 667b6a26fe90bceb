# SPDX-License-Identifier: MIT
#
# Benchmarks: programs of one file. `make bench-ledger` runs the one that counts
# instructions, in a guest for each kernel.

BENCHES := $(patsubst bench/%.c,build/bench/%,$(wildcard bench/*.c))

build/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(BASE_CFLAGS) -D_GNU_SOURCE $< -o $@

.PHONY: bench-ledger
bench-ledger: build/bench/ledger-cost $(KVERS:%=build/kmod/%/spanheap.ko)
	@for kernel in $(notdir $(wildcard build/guest/*)); do \
		echo "$$kernel"; \
		selftests/vm/run --kernel $$kernel --icount --thp always --timeout 600 -- $< || exit; \
	done

-include $(BENCHES:=.d)
