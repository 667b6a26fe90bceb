# SPDX-License-Identifier: MIT
# The spanheap command.

$(call c_test, tools/command,	both,	tools/command.c)
$(call c_test, tools/stat,	both,	tools/stat.c)
$(call c_test, tools/list,	both,	tools/list.c)
$(call c_test, tools/reclaim,	both,	tools/reclaim.c)
$(call c_test, tools/watch,	both,	tools/watch.c)
$(call script_test, tools/json,	native,	tools/json.sh)
