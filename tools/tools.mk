# SPDX-License-Identifier: MIT
#
# The spanheap command: one file a subcommand. It runs on the library itself; liburing
# is linked into it, so that it runs where there is none.

TOOLS_OBJS := $(patsubst tools/%.c,build/tools/%.o,$(wildcard tools/*.c))

ALL += build/spanheap

build/spanheap: $(TOOLS_OBJS) build/libspanheap.a
	$(call run,LD)$(CC) $(LDFLAGS) -o $@ $(TOOLS_OBJS) build/libspanheap.a -l:liburing.a

build/tools/%.o: tools/%.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(BASE_CFLAGS) $(CFLAGS) -D_GNU_SOURCE -c -o $@ $<

-include $(TOOLS_OBJS:.o=.d)
