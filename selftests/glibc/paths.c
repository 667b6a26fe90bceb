// SPDX-License-Identifier: MIT
/* What glibc's support library takes from its build: where that is. For a debugger. */
const char support_objdir_root[] = ".";
