// SPDX-License-Identifier: MIT
// 64-bit: 63-bit small integers, big integers, double floats.

#include "../board_like.h"
