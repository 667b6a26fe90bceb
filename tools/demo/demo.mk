# SPDX-License-Identifier: MIT
# The main job in 6.12 guests: redis under every release mode. Leaves the records,
# a picture and a summary under build/demo/.
DEMO_MODES := handover free dontneed keep

build/demo/eat: tools/demo/eat.c
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(BASE_CFLAGS) $(CFLAGS) -o $@ $<

build/demo/recorder: tools/demo/recorder.c build/libspanheap.a
	@mkdir -p $(@D)
	$(call run,CC)$(CC) $(BASE_CFLAGS) $(CFLAGS) -o $@ $< build/libspanheap.a

run-demo: all build/demo/eat build/demo/recorder
	@tools/demo/demo $(DEMO_MODES)
