# SPDX-License-Identifier: MIT
# The module, by its device. Natively these skip where it is not loaded.

$(call c_test, kmod/abi,	guest,	kmod/abi.c)
$(call c_test, kmod/abi-32,	guest,	kmod/abi.c)
$(call c_test, kmod/access,	guest,	kmod/access.c)
$(call c_test, kmod/ledger,	guest,	kmod/ledger.c)
$(call c_test, kmod/mmap,	guest,	kmod/mmap.c)
$(call c_test, kmod/pages,	guest,	kmod/pages.c)
$(call c_test, kmod/question,	guest,	kmod/question.c)
$(call c_test, kmod/question-32,	guest,	kmod/question.c)
$(call c_test, kmod/running,	guest,	kmod/running.c)
$(call c_test, kmod/hint,	guest,	kmod/hint.c)
$(call c_test, kmod/hint-32,	guest,	kmod/hint.c)
$(call c_test, kmod/order,	guest,	kmod/order.c)
$(call c_test, kmod/order-32,	guest,	kmod/order.c)
$(call c_test, kmod/revoke,	guest,	kmod/revoke.c)
$(call c_test, kmod/revoke-huge,	guest,	kmod/revoke-huge.c)
$(call c_test, kmod/revoke-order,	guest,	kmod/revoke-order.c)
$(call c_test, kmod/revoke-spared,	guest,	kmod/revoke-spared.c)
$(call c_test, kmod/wait,	guest,	kmod/wait.c)
$(call c_test, kmod/release,	guest,	kmod/release.c)
$(call c_test, kmod/release-32,	guest,	kmod/release.c)
$(call c_test, kmod/taken,	guest,	kmod/taken.c)
$(call c_test, kmod/torture,	guest,	kmod/torture.c)
$(call c_test, kmod/limits,	guest,	kmod/limits.c)
$(call c_test, kmod/totals,	guest,	kmod/totals.c)
$(call c_test, kmod/totals-32,	guest,	kmod/totals.c)
$(call c_test, kmod/trace,	guest,	kmod/trace.c)
$(call c_test, kmod/uring,	guest,	kmod/uring.c)

build/selftests/kmod/uring: TEST_LIBS += -luring
build/selftests/kmod/%-32: TEST_CFLAGS += -m32 -D_FILE_OFFSET_BITS=64

# Boot guests of their own, with a module that does not revoke.
$(call script_test, kmod/hint-alone,	native,	kmod/hint.sh)
build/selftests/kmod/hint-alone: build/selftests/kmod/hint build/selftests/kmod/order

# These boot guests of their own, small ones, in which oom-load runs.
$(call script_test, kmod/oom,	native,	kmod/oom.sh)
TESTS_debug += kmod/oom
$(call script_test, kmod/swap,	native,	kmod/swap.sh)
build/selftests/kmod/oom build/selftests/kmod/swap: build/selftests/kmod/oom-load
build/selftests/kmod/oom-load: selftests/kmod/oom.c selftests/kmod/tests.mk
	@mkdir -p $(@D)
	$(call run,TEST)$(CC) $(TEST_CFLAGS) $< -o $@ $(TEST_LIBS)
