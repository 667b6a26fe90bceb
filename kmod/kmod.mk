# SPDX-License-Identifier: MIT
#
# build/kmod/KVER/spanheap.ko for every tree of kernel headers in KVERS. Kbuild
# leaves its objects beside the sources, so each kernel gets a directory of links
# to them: nothing is left in the source tree, and kernels build side by side.

KMOD_SOURCES := $(wildcard kmod/*.[ch])
KMOD_INPUTS := Kbuild kmod/kmod.mk $(KMOD_SOURCES) include/uapi/linux/spanheap.h

ALL += $(KVERS:%=build/kmod/%/spanheap.ko)

define kmod_rule
build/kmod/$1/spanheap.ko: $(KMOD_INPUTS) $(wildcard $(call kdir,$1)/Module.symvers)
	@mkdir -p build/kmod/$1/kmod
	@ln -sf $(addprefix $(CURDIR)/,$(KMOD_SOURCES)) build/kmod/$1/kmod/
	@ln -sfn $(CURDIR)/include build/kmod/$1/include
	@ln -sf $(CURDIR)/Kbuild build/kmod/$1/Kbuild
	+$$(call run,KMOD)$$(MAKE) $$(if $$(V),,-s) CONFIG_DEBUG_INFO_BTF_MODULES= -C $(call kdir,$1) M=$(CURDIR)/build/kmod/$1 modules
	@touch $$@
endef

$(foreach v,$(KVERS),$(eval $(call kmod_rule,$v)))
