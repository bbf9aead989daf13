// SPDX-License-Identifier: MIT
// Raspberry Pi Pico whose network is a PPP link over a UART.

#define MICROPY_HW_BOARD_NAME "Raspberry Pi Pico with PPP"

// The image is larger than the plain Pico's, so the file system gets 1 MB of the 2 MB of flash.
#define MICROPY_HW_FLASH_STORAGE_BYTES (1024 * 1024)

#define MICROPY_PY_NETWORK (1)
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT "pico-ppp"
#define MICROPY_PY_NETWORK_PPP_LWIP (1)
