# SPDX-License-Identifier: MIT
# The library. Units are linked with its prefixed objects, plain and under each
# sanitizer; whole programs with the library itself.

UNITS := central figures front gate heap idle intent options pages partial policy procfs sizeclass span \
	spanpages stress
# central lists hand out poisoned memory: the cache above unpoisons it
UNITS_ASAN := $(filter-out central,$(UNITS))
UNITS_TSAN := central front heap intent partial stress
unit_objects = $(call lib_objects,prefixed$1,$(LIB_CORE_SRCS))

$(foreach t,$(UNITS),$(call c_test,lib/$t,native,lib/$t.c,$(call unit_objects)))
$(foreach t,$(UNITS_ASAN),$(call c_test,lib/$t-asan,native,lib/$t.c,$(call unit_objects,-asan)))
$(foreach t,$(UNITS_TSAN),$(call c_test,lib/$t-tsan,native,lib/$t.c,$(call unit_objects,-tsan)))

$(UNITS:%=build/selftests/lib/%): TEST_CFLAGS += -DSPANHEAP_PREFIXED
build/selftests/lib/%-asan: TEST_CFLAGS += -DSPANHEAP_PREFIXED $(SANITIZE_asan)
build/selftests/lib/%-tsan: TEST_CFLAGS += -DSPANHEAP_PREFIXED $(SANITIZE_tsan)

# Giving back, over a page heap of the test's own.
$(call c_test,lib/giveback,native,lib/giveback.c,\
	$(call lib_objects,prefixed,lib/giveback.c lib/batch.c lib/intent.c lib/lock.c lib/policy/release.c))

# The scavenger's thread under the sanitizers: a program of which malloc is ours.
$(call c_test,lib/release-asan,native,lib/release.c,build/libspanheap-prefixed-asan.a)
$(call c_test,lib/release-tsan,native,lib/release.c,build/libspanheap-prefixed-tsan.a)
build/selftests/lib/release-asan build/selftests/lib/release-tsan: \
	TEST_CFLAGS += -include stdlib.h -Dmalloc=sh_malloc -Dfree=sh_free

# Programs, linked with the shared library. The malloc family is judged natively
# alone, with the static library too: it is all computing, the same with the device.
PROGRAMS := abort descriptor fork hardened limits pressure release resize shortage threads
$(foreach t,$(PROGRAMS),$(call c_test,lib/$t,both,lib/$t.c,build/libspanheap.so))
$(call c_test,lib/pressure-procfs,both,lib/pressure.c,build/libspanheap.so)
build/selftests/lib/pressure-procfs: TEST_CFLAGS += -DON_PROCFS
$(call c_test,lib/nodes,guest,lib/nodes.c,build/libspanheap.so)
build/selftests/lib/nodes: TEST_LIBS += -lnuma
$(call script_test,lib/nodes4,native,lib/nodes4.sh)
build/selftests/lib/nodes4: build/selftests/lib/nodes
$(call c_test,lib/overcommit,guest,lib/limits.c,build/libspanheap.so)
build/selftests/lib/overcommit: TEST_CFLAGS += -DOVERCOMMIT
$(call c_test,lib/malloc,native,lib/malloc.c,build/libspanheap.so)
$(call c_test,lib/malloc-static,native,lib/malloc.c,build/libspanheap.a)

$(call c_test,lib/cxx,both,lib/cxx.cc,build/libspanheap.so)
$(call c_test,lib/cxx-static,native,lib/cxx.cc,build/libspanheap.a)
build/selftests/lib/cxx build/selftests/lib/cxx-static: private CC := g++
build/selftests/lib/cxx build/selftests/lib/cxx-static: \
	private TEST_CFLAGS := -std=c++17 $(filter-out -std=%,$(BASE_CFLAGS))

$(call c_test,lib/audit,guest,lib/audit.c,build/libspanheap.so)

# The library looks for liburing itself; so that it is in the guest.
$(call c_test,lib/ledgers,both,lib/ledgers.c,build/libspanheap.so)
build/selftests/lib/ledgers: TEST_LIBS += -Wl,--no-as-needed -luring
$(call c_test,lib/revoked,guest,lib/revoked.c,build/libspanheap.so)

# Boots guests of its own, in which the module does not revoke.
$(call script_test,lib/unrevoked,native,lib/unrevoked.sh)
build/selftests/lib/unrevoked: build/selftests/lib/shortage

$(call script_test,lib/redis,guest,lib/redis.sh)
GUEST_ADD += $(foreach p,redis-server redis-cli,$(firstword $(wildcard build/bin/$p /usr/bin/$p)))

$(call script_test,lib/real,native,lib/real.sh)

$(call script_test,lib/watchers,native,lib/watchers.sh)
build/selftests/lib/watchers: build/libspanheap.so.1
