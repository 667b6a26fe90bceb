# SPDX-License-Identifier: MIT
#
# Benchmarks: programs of one file. `make bench` compares with other allocators
# (compare, and what it imports); each other target runs one program in a guest for
# each kernel, where a nanosecond is an instruction.

build/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(BASE_CFLAGS) $(BENCH_CFLAGS) -D_GNU_SOURCE $(filter %.c %.o,$^) -o $@ $(BENCH_LIBS)

# Calls of malloc that are not optimised away, and none by way of a stub.
build/bench/micro: BENCH_CFLAGS = -fno-builtin -fno-plt

LOADS := $(patsubst %.c,build/%,$(wildcard bench/loads/*.c))
$(LOADS): BENCH_CFLAGS = -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free
$(LOADS): BENCH_LIBS = -pthread -lm

build/bench/real/source.c: bench/real/sources.py
	@mkdir -p $(@D)
	$(call run,MAKE)$< $(@D)

# all of it by default; see `make help`
ROWS ?=
ROUNDS ?= 5
PEERS ?=
.PHONY: run-bench
run-bench: build/libspanheap.so.1 build/bench/launch build/bench/micro $(LOADS) \
		build/bench/real/source.c
	@bench/compare --rounds '$(ROUNDS)' --rows $(ROWS) --peers $(PEERS)

# $(call bench,PROGRAM,THP)
bench = @for kernel in $(notdir $(wildcard build/guest/*)); do \
		echo "$$kernel, huge pages: $2"; \
		selftests/vm/run --kernel $$kernel --icount --thp $2 --timeout 600 -- $1 || exit; \
	done

.PHONY: bench-ledger bench-giveback bench-taking bench-queries
bench-ledger: build/bench/ledger-cost $(KVERS:%=build/kmod/%/spanheap.ko)
	$(call bench,$<,always)

bench-taking: build/bench/taking-cost $(KVERS:%=build/kmod/%/spanheap.ko)
	$(call bench,$<,always)

build/bench/queries: BENCH_LIBS = -luring
bench-queries: build/bench/queries $(KVERS:%=build/kmod/%/spanheap.ko)
	$(call bench,$<,never)

# MB of objects; the guest has half as much again
MB ?= 1024
.PHONY: bench-peak
bench-peak: build/libspanheap.so.1 build/bench/loads/peak $(KVERS:%=build/kmod/%/spanheap.ko)
	@for kernel in $(notdir $(wildcard build/guest/*)); do \
		echo "$$kernel"; \
		selftests/vm/run --kernel $$kernel --icount --thp never --mem $$(($(MB) * 3 / 2 + 512))M \
			--timeout 1800 -- bench/peak.sh $(MB) build/bench/loads/peak || exit; \
	done

# The library's own path: linked with its objects, as its unit tests are.
build/bench/giveback-cost: BENCH_CFLAGS = -DSPANHEAP_PREFIXED -Ilib
build/bench/giveback-cost: $(call lib_objects,prefixed,$(LIB_CORE_SRCS))
bench-giveback: build/bench/giveback-cost $(KVERS:%=build/kmod/%/spanheap.ko)
	$(call bench,$<,never)
	$(call bench,$<,always)

-include $(patsubst bench/%.c,build/bench/%.d,$(wildcard bench/*.c bench/loads/*.c))
