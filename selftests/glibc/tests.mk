# SPDX-License-Identifier: MIT
# glibc's own tests of malloc, see the file "tests". Edited and built under build/,
# with what they need of glibc's support library; not with our warnings.

GLIBC_SOURCE := build/glibc/source
GLIBC_BIN := build/selftests/glibc/bin
GLIBC_TESTS := $(shell awk '/^[a-z]/ && $$2 != "not" { print $$1 }' selftests/glibc/tests)
GLIBC_SUPPORT := check delayed_exit ignore_stderr oom_error support_record_failure \
	support_shared_allocate support_test_compare_failure support_test_main \
	support_test_verify_impl temp_file write_message xasprintf xcalloc xchdir xclose xfopen xfork xmalloc \
	xmmap xmunmap xopen xpthread_attr_destroy xpthread_attr_init xpthread_attr_setstacksize \
	xpthread_barrier_destroy xpthread_barrier_init xpthread_barrier_wait \
	xpthread_barrierattr_destroy xpthread_barrierattr_init xpthread_barrierattr_setpshared \
	xpthread_check_return xpthread_create xpthread_join xpthread_kill xpthread_sigmask \
	xraise xrealloc xsigaction xsignal xstrdup xsysconf xwaitpid xwrite
GLIBC_CFLAGS := -std=gnu11 -O2 -g -w -fno-builtin -D_GNU_SOURCE -DTIMEOUTFACTOR=5 -include limits.h \
	-I$(GLIBC_SOURCE) -I$(GLIBC_SOURCE)/support -I$(GLIBC_SOURCE)/headers

$(call script_test,glibc/malloc,native,glibc/malloc.sh)
build/selftests/glibc/malloc: $(GLIBC_TESTS:%=$(GLIBC_BIN)/%) build/libspanheap.so.1

$(GLIBC_BIN)/support.a: $(GLIBC_SUPPORT:%=$(GLIBC_BIN)/support/%.o) $(GLIBC_BIN)/support/paths.o
	@rm -f $@
	$(call run,AR)$(AR) rcs $@ $^

$(GLIBC_BIN)/support/paths.o: selftests/glibc/paths.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(GLIBC_CFLAGS) -c $< -o $@

$(GLIBC_BIN)/support/%.o: $(GLIBC_SOURCE)/support/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(GLIBC_CFLAGS) -c $< -o $@

$(GLIBC_BIN)/%.c: $(GLIBC_SOURCE)/malloc/%.c selftests/glibc/tests
	@mkdir -p $(@D)
	@sed "$$(sed -n 's/^$*\s\+less //p' selftests/glibc/tests)" $< > $@

$(GLIBC_BIN)/%: $(GLIBC_BIN)/%.c $(GLIBC_BIN)/support.a
	$(call run,TEST)$(CC) $(GLIBC_CFLAGS) -I$(GLIBC_SOURCE)/malloc $^ -o $@ -pthread
.SECONDARY: $(GLIBC_TESTS:%=$(GLIBC_BIN)/%.c)
