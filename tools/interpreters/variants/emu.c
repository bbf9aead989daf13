// SPDX-License-Identifier: MIT
// The module `emu`: what an emulated board can do for a test and a real one cannot. It lets chosen
// allocations fail, as they do when the heap is full.
//
// The linker sends every call of the allocator from another file through here (see board_like.mk):
// m_malloc() and its relatives, and with them all objects, frames, and growing lists, dicts and
// buffers. What gives memory back, or takes none, never fails here, as it never does there.
//
//     fail_after(n, times=1)   from now on n - 1 allocations succeed, then this many fail in a row,
//                              then all succeed; times=-1 for no end, n=0 for none that fails
//     fail_every(n)            every n-th fails
//     count(on)                whether allocations count, and may fail, at all; returns whether they
//                              did. They do not in the beginning
//     allocations()            how many have been counted since fail_after() or fail_every()
//     failures()               how many of these have failed
//     trace(on)                whether to print each frame that a MemoryError passes, as in a
//                              traceback: whoever catches it may not tell where it came from

#include "py/gc.h"
#include "py/runtime.h"

static bool counting;
static bool tracing;
static mp_int_t counted;
static mp_int_t failed;
static mp_int_t first;
static mp_int_t times;
static mp_int_t every;

static bool fails(void) {
    if (!counting || gc_is_locked()) {
        return false; // it fails anyway while the heap is locked
    }
    ++counted;
    bool fail = every ? counted % every == 0
        : first && counted >= first && (times < 0 || counted - first < times);
    failed += fail;
    return fail;
}

void *__real_gc_alloc(size_t bytes, unsigned int flags);
void *__real_gc_realloc(void *old, size_t bytes, bool may_move);

void *__wrap_gc_alloc(size_t bytes, unsigned int flags) {
    if (bytes != 0 && fails()) {
        return NULL;
    }
    return __real_gc_alloc(bytes, flags);
}

void *__wrap_gc_realloc(void *old, size_t bytes, bool may_move) {
    // gc_nbytes() is a whole number of blocks; what fits them changes nothing.
    if (bytes != 0 && (old == NULL || bytes > gc_nbytes(old)) && fails()) {
        return NULL;
    }
    return __real_gc_realloc(old, bytes, may_move);
}

void __real_mp_obj_exception_add_traceback(mp_obj_t error, qstr file, size_t line, qstr block);

void __wrap_mp_obj_exception_add_traceback(mp_obj_t error, qstr file, size_t line, qstr block) {
    if (tracing && mp_obj_is_exception_instance(error)
        && mp_obj_is_subclass_fast(
            MP_OBJ_FROM_PTR(mp_obj_get_type(error)), MP_OBJ_FROM_PTR(&mp_type_MemoryError))) {
        mp_printf(&mp_plat_print, "  %q:%u %q\n", file, (unsigned)line, block);
    }
    __real_mp_obj_exception_add_traceback(error, file, line, block);
}

static void start(mp_int_t new_first, mp_int_t new_times, mp_int_t new_every) {
    counted = failed = 0;
    first = new_first;
    times = new_times;
    every = new_every;
}

static mp_obj_t emu_fail_after(size_t n, const mp_obj_t *arguments) {
    start(mp_obj_get_int(arguments[0]), n > 1 ? mp_obj_get_int(arguments[1]) : 1, 0);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(emu_fail_after_obj, 1, 2, emu_fail_after);

static mp_obj_t emu_fail_every(mp_obj_t n) {
    start(0, 0, mp_obj_get_int(n));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(emu_fail_every_obj, emu_fail_every);

static mp_obj_t emu_count(mp_obj_t on) {
    bool before = counting;
    counting = mp_obj_is_true(on);
    return mp_obj_new_bool(before);
}
static MP_DEFINE_CONST_FUN_OBJ_1(emu_count_obj, emu_count);

static mp_obj_t emu_allocations(void) {
    return MP_OBJ_NEW_SMALL_INT(counted);
}
static MP_DEFINE_CONST_FUN_OBJ_0(emu_allocations_obj, emu_allocations);

static mp_obj_t emu_failures(void) {
    return MP_OBJ_NEW_SMALL_INT(failed);
}
static MP_DEFINE_CONST_FUN_OBJ_0(emu_failures_obj, emu_failures);

static mp_obj_t emu_trace(mp_obj_t on) {
    tracing = mp_obj_is_true(on);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(emu_trace_obj, emu_trace);

static const mp_rom_map_elem_t emu_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_emu) },
    { MP_ROM_QSTR(MP_QSTR_fail_after), MP_ROM_PTR(&emu_fail_after_obj) },
    { MP_ROM_QSTR(MP_QSTR_fail_every), MP_ROM_PTR(&emu_fail_every_obj) },
    { MP_ROM_QSTR(MP_QSTR_count), MP_ROM_PTR(&emu_count_obj) },
    { MP_ROM_QSTR(MP_QSTR_allocations), MP_ROM_PTR(&emu_allocations_obj) },
    { MP_ROM_QSTR(MP_QSTR_failures), MP_ROM_PTR(&emu_failures_obj) },
    { MP_ROM_QSTR(MP_QSTR_trace), MP_ROM_PTR(&emu_trace_obj) },
};
static MP_DEFINE_CONST_DICT(emu_globals, emu_globals_table);

const mp_obj_module_t emu_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&emu_globals,
};
MP_REGISTER_MODULE(MP_QSTR_emu, emu_module);
