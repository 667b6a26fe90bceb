# SPDX-License-Identifier: MIT
#
# How tests are built and run; see selftests/README.md. Which tests there are
# stands in the tests.mk of each directory, one line a test:
#
#	$(call c_test,DIR/NAME,WHERE,SOURCE,OBJECTS)
#	$(call script_test,DIR/NAME,WHERE,SCRIPT)
#
# WHERE is native, guest, both, or debug: on this machine, with SELFTEST_KERNELS
# naming the debug kernels to boot. TEST_CFLAGS, TEST_LIBS and CC can be set for one
# test by "build/selftests/DIR/NAME: TEST_CFLAGS += ...".

KSELFTEST := build/kselftest/tools/testing/selftests
TEST_CFLAGS = $(BASE_CFLAGS) -D_GNU_SOURCE -Wno-unused-parameter -Wno-sign-compare -isystem $(KSELFTEST) \
	-include selftests/patience.h
TEST_LIBS = -pthread -Wl,-rpath,$(CURDIR)/build

TESTS_native :=
TESTS_guest :=
TESTS_both :=
TESTS_debug :=
# Tests that may skip a case in the guest: nowhere else is a skip expected there.
MAY_SKIP :=
# What the guest is to have beside the tests: programs that they run.
GUEST_ADD := build/spanheap /usr/bin/python3

define C_TEST
TESTS_$2 += $1
build/selftests/$1: selftests/$3 $4 selftests/$(dir $3)tests.mk
	@mkdir -p $$(@D)
	$$(call run,TEST)$$(CC) $$(TEST_CFLAGS) $$< $$(filter %.o %.a %.so,$$^) -o $$@ $$(TEST_LIBS)
endef
c_test = $(eval $(call C_TEST,$(strip $1),$(strip $2),$(strip $3),$4))

define SCRIPT_TEST
TESTS_$2 += $1
build/selftests/$1: selftests/$3
	@mkdir -p $$(@D)
	@ln -sf $(CURDIR)/$$< $$@
endef
script_test = $(eval $(call SCRIPT_TEST,$(strip $1),$(strip $2),$(strip $3)))

include $(wildcard selftests/*/tests.mk)

TESTS_ALL := $(TESTS_native) $(TESTS_guest) $(TESTS_both) $(TESTS_debug)
-include $(TESTS_ALL:%=build/selftests/%.d)

# To run but a few: make check TESTS="kmod/% lib/heap" WHERE="native 6.1"
TESTS ?= %
WHERE ?=
chosen = $(filter $(TESTS),$(sort $1 $(TESTS_both)))
CHOSEN := $(sort $(call chosen,$(TESTS_native)) $(call chosen,$(TESTS_guest)) \
	$(filter $(TESTS),$(TESTS_debug)))

.PHONY: run-check tests
tests: $(CHOSEN:%=build/selftests/%)

run-check: all tests
	@LIB_CFLAGS='$(LIB_CFLAGS)' BASE_CFLAGS='$(BASE_CFLAGS)' selftests/check \
		$(if $(WHERE),--where $(WHERE)) --may-skip $(MAY_SKIP) --add $(GUEST_ADD) \
		--native $(call chosen,$(TESTS_native)) --guest $(call chosen,$(TESTS_guest)) \
		--debug $(filter $(TESTS),$(TESTS_debug))
