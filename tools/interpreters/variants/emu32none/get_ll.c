// SPDX-License-Identifier: MIT
// See the file of the same name in emu64none.

#include "../emu64none/get_ll.c"
