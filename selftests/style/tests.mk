# SPDX-License-Identifier: MIT
# The tree itself: what tools can say of the sources.

$(foreach t,spdx versions checkpatch sparse clang uapi,$(call script_test,style/$t,native,style/$t.sh))
