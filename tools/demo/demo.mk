# SPDX-License-Identifier: MIT
# The main job in a 6.12 guest: redis under every release mode. Leaves the record,
# a picture and a summary under build/demo/.
DEMO_MODES := handover free dontneed keep


build/demo/eat: tools/demo/eat.c
	@mkdir -p $(@D)
	$(CC) $(BASE_CFLAGS) $(CFLAGS) -o $@ $<

run-demo: all build/demo/eat
	@tools/demo/demo $(DEMO_MODES)
