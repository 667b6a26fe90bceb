# SPDX-License-Identifier: MIT
# The guest runner itself.

$(call script_test,vm/runner,native,vm/runner.sh)
$(call script_test,vm/log,native,vm/log_test.py)
$(call script_test,vm/awake,debug,vm/awake.sh)
