# SPDX-License-Identifier: MIT
# The library. Units are linked with its prefixed objects, plain and under each
# sanitizer; whole programs with the library itself.

LIB_UNITS := central figures heap intent options pages policy procfs sizeclass
unit_objects = $(call lib_objects,prefixed$1,$(LIB_CORE_SRCS))

$(foreach t,$(LIB_UNITS),$(call c_test,lib/$t,native,lib/$t.c,$(call unit_objects)))
# (central lists hand out poisoned memory: the cache above unpoisons it)
$(foreach t,$(filter-out central,$(LIB_UNITS)),$(call c_test,lib/$t-asan,native,lib/$t.c,$(call unit_objects,-asan)))
$(foreach t,central heap intent,$(call c_test,lib/$t-tsan,native,lib/$t.c,$(call unit_objects,-tsan)))

$(LIB_UNITS:%=build/selftests/lib/%): TEST_CFLAGS += -DSPANHEAP_PREFIXED
build/selftests/lib/%-asan: TEST_CFLAGS += -DSPANHEAP_PREFIXED $(SANITIZE_asan)
build/selftests/lib/%-tsan: TEST_CFLAGS += -DSPANHEAP_PREFIXED $(SANITIZE_tsan)

LIB_PROGRAMS := descriptor malloc release shortage
$(foreach t,$(LIB_PROGRAMS),$(call c_test,lib/$t,both,lib/$t.c,build/libspanheap.a))
