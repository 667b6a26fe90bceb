# SPDX-License-Identifier: MIT
#
# The entry point for people; `make help` lists what there is. (Kbuild is the
# one for the kernel's build system.) Non-recursive: each directory brings a
# fragment that appends its results to ALL and says how they are made. Nothing
# is ever written outside build/.

# Every tree of kernel headers: those unpacked by `make deps`, those of the kernels
# built by `make check-debug`, those installed.
KVERS := $(sort $(patsubst build/guest/%/headers/,%,$(wildcard build/guest/*/headers/)) \
	$(patsubst build/debug/%/vmlinux,%,$(wildcard build/debug/*/vmlinux)) \
	$(patsubst /lib/modules/%/build/,%,$(wildcard /lib/modules/*/build/)))
# $(call kdir,KVER): where it is.
kdir = $(or $(realpath build/guest/$1/headers),$(realpath build/debug/$1/headers),/lib/modules/$1/build)

# The flags of everything that is not the module; fragments add their own.
BASE_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra -Werror -Iinclude -Iinclude/uapi -MMD -MP

# $(call run,WHAT) before a command shows "WHAT target" in its place; V=1: itself.
run = $(if $(V),,@printf '  %-5s%s\n' $1 $@;)

ALL :=
PACKAGES := tools/deps/packages

.PHONY: all deps deps-bench check check-debug check-real run-check demo run-demo bench clean distclean help
# what deps could not install as it is: see tools/deps/install
export PATH := $(CURDIR)/build/bin:$(PATH)

.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

all:

include lib/lib.mk kmod/kmod.mk tools/tools.mk tools/demo/demo.mk bench/bench.mk \
	selftests/selftests.mk

ifneq ($(filter-out deps deps-bench check check-debug check-real demo bench clean distclean help,$(or $(MAKECMDGOALS),all)),)
ifeq ($(and $(shell command -v gcc),$(KVERS)),)
$(error No compiler or no kernel headers: run "make deps" first)
endif
endif

all: $(ALL)

# Both start from a bare machine; what deps brings is seen by a second make.
check: deps
	@$(MAKE) run-check

# The guests' tests in kernels that look for bugs; WHERE=6.1 for that one alone.
check-debug: deps
	@selftests/vm/build-debug-kernels $(WHERE)
	@$(MAKE) run-check WHERE="$(or $(addprefix debug/,$(WHERE)),debug)"

# Test suites of programs that live on malloc: SUITES="python redis", or one of them.
check-real: deps
	@tools/deps/install tools/deps/packages-real
	@selftests/real/fetch
	@$(MAKE) all
	@selftests/real/check $(SUITES)

demo: deps
	@$(MAKE) run-demo

bench: deps deps-bench
	@$(MAKE) run-bench

deps:
	@tools/deps/install
	@selftests/vm/fetch-kernels
	@selftests/fetch-kselftest
	@selftests/glibc/fetch

deps-bench:
	@tools/deps/install tools/deps/packages-bench

# The unpacked kernels took minutes to get: they outlive a clean.
clean:
	@find build -mindepth 1 -maxdepth 1 ! -name guest ! -name debug ! -name kselftest \
		-exec rm -rf {} + 2>/dev/null || true

distclean:
	@rm -rf build

help:
	@echo 'make            build/libspanheap.so.1, build/libspanheap.so, build/libspanheap.a,'
	@echo '                build/spanheap and build/kmod/KVER/spanheap.ko for each kernel'
	@echo '                whose headers are there'
	@echo 'make deps       install the Debian packages of $(PACKAGES), unpack the'
	@echo '                guest kernels under build/guest/; harmless when repeated'
	@echo 'make check      deps, build, every test on this machine and in the guests'
	@echo 'make check TESTS="kmod/ledger lib/%" WHERE="native 6.12"'
	@echo '                only these tests, only there (a kernel by its beginning)'
	@echo 'make check-debug'
	@echo '                deps, build kernels with KASAN, lockdep, kmemleak and more (once;'
	@echo '                then they are part of make check), every test of the guests there'
	@echo 'make check-real python'\''s and redis'\''s own tests with the library preloaded: half an'
	@echo '                hour or more; SUITES=redis for one of them'
	@echo 'make demo       deps, build, the ledger of a real server in a guest'
	@echo 'make bench      deps, packages of $(PACKAGES)-bench, build, comparison with'
	@echo '                the allocators that Debian ships: build/bench/table.md, peers.svg'
	@echo 'make bench ROWS="pair/% real/redis" ROUNDS=3 PEERS="glibc other=LIBRARY.so"'
	@echo '                only these rows, so often, with these peers'
	@echo 'make bench-ledger bench-giveback bench-taking bench-queries bench-peak'
	@echo '                the figures of Documentation/costs.md, in instructions'
	@echo 'make clean      remove what was built, keep the unpacked kernels'
	@echo 'make distclean  remove all of build/'
	@echo 'V=1             show the commands'
