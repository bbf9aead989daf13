// SPDX-License-Identifier: MIT
// The unix port asks for file offsets and times as long long by mp_obj_get_ll(), which the
// interpreter's core defines only together with big integers.

#include "py/runtime.h"

long long mp_obj_get_ll(mp_const_obj_t value) {
    return mp_obj_get_int(value);
}
