// SPDX-License-Identifier: MIT
// Keeps the heap at low addresses, so that id() is a small int as on a board (see the .mk file):
// glibc must not serve a large malloc(), which the MicroPython heap is, with mmap() near the top
// of the address space but from the break, just above the program.

#include <malloc.h>

__attribute__((constructor)) static void keep_heap_low(void) {
    mallopt(M_MMAP_MAX, 0);
}
