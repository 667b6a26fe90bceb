# SPDX-License-Identifier: MIT
# The main job in a 6.12 guest: redis under every release mode. Leaves the record,
# a picture and a summary under build/demo/.
DEMO_MODES := handover free dontneed keep

build/demo/eat: tools/demo/eat.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $<

.PHONY: demo
demo: deps
	+@$(MAKE) --no-print-directory build/demo/eat all
	@tools/demo/demo $(DEMO_MODES)
