// SPDX-License-Identifier: MIT
// 32-bit as a board is: 31-bit small integers, big integers, single floats.

#define MICROPY_FLOAT_IMPL (MICROPY_FLOAT_IMPL_FLOAT)
#include "../board_like.h"
