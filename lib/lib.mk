# SPDX-License-Identifier: MIT
#
# libspanheap: the shared library, the static one, and the prefixed builds for
# tests (sh_malloc and so on, plain and under each sanitizer).

LIB_SRCS := $(wildcard lib/*.c lib/backend/*.c lib/policy/*.c)
LIB_CORE_SRCS := $(filter-out lib/cxx.c,$(LIB_SRCS))

# A malloc may not be taken for what a compiler thinks malloc is; its tables are
# read as bytes and as words; its one TLS word must be there from the start.
LIB_CFLAGS = $(BASE_CFLAGS) -D_GNU_SOURCE -fPIC -fvisibility=hidden -ftls-model=initial-exec \
	-fno-strict-aliasing -fno-builtin-malloc -fno-builtin-calloc \
	-fno-builtin-realloc -fno-builtin-free
SANITIZE_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SANITIZE_tsan := -fsanitize=thread -fno-omit-frame-pointer

ALL += build/libspanheap.so.1 build/libspanheap.so build/libspanheap.a

# $(call lib_objects,VARIANT,SOURCES)
lib_objects = $(patsubst lib/%.c,build/lib/$1/%.o,$2)

# A new or removed source relinks, a changed flag does not: make clean for that.
build/lib/plain/cxx.o: LIB_CFLAGS += -fexceptions
build/lib/plain/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(LIB_CFLAGS) -c $< -o $@

build/lib/prefixed/%.o: lib/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(LIB_CFLAGS) -DSPANHEAP_PREFIXED -c $< -o $@

define LIB_SANITIZED
build/lib/prefixed-$1/%.o: lib/%.c
	@mkdir -p $$(@D)
	$$(call run,CC)$$(CC) $$(LIB_CFLAGS) $$(SANITIZE_$1) -DSPANHEAP_PREFIXED -c $$< -o $$@
endef
$(eval $(call LIB_SANITIZED,asan))
$(eval $(call LIB_SANITIZED,tsan))

build/libspanheap.so.1: $(call lib_objects,plain,$(LIB_SRCS)) lib/spanheap.map
	$(call run,LD)$(CC) -shared -Wl,-soname,libspanheap.so.1 -Wl,--version-script=lib/spanheap.map \
		-Wl,-z,nodelete,-z,relro,-z,now,-z,initfirst -Wl,--no-undefined \
		$(filter %.o,$^) -o $@

build/libspanheap.so: build/libspanheap.so.1
	@ln -sf libspanheap.so.1 $@

# Static: one object whose inner names are nobody's but its own, so that they
# collide with none of the program's, and two builds fit into one program.
build/lib/%/core.o:
	$(call run,LD)$(LD) -r $^ -o $@.all
	@$(OBJCOPY) --localize-hidden $@.all $@
	@rm $@.all

OBJCOPY ?= objcopy

build/lib/plain/core.o: $(call lib_objects,plain,$(LIB_CORE_SRCS))
build/lib/prefixed/core.o: $(call lib_objects,prefixed,$(LIB_CORE_SRCS))
build/lib/prefixed-asan/core.o: $(call lib_objects,prefixed-asan,$(LIB_CORE_SRCS))
build/lib/prefixed-tsan/core.o: $(call lib_objects,prefixed-tsan,$(LIB_CORE_SRCS))

build/libspanheap.a: build/lib/plain/core.o build/lib/plain/cxx.o
	@rm -f $@
	$(call run,AR)$(AR) rcs $@ $^

build/libspanheap-%.a: build/lib/%/core.o
	@rm -f $@
	$(call run,AR)$(AR) rcs $@ $^

LIB_PREFIXED := build/libspanheap-prefixed.a build/libspanheap-prefixed-asan.a \
	build/libspanheap-prefixed-tsan.a
.SECONDARY: $(foreach v,prefixed prefixed-asan prefixed-tsan,build/lib/$v/core.o \
	$(call lib_objects,$v,$(LIB_CORE_SRCS)))

-include $(wildcard build/lib/*/*.d build/lib/*/*/*.d)
