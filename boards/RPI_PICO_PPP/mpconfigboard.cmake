# SPDX-License-Identifier: MIT
# Raspberry Pi Pico with lwIP: setting MICROPY_PY_LWIP brings sockets, and TLS by mbedtls.

set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")
set(MICROPY_PY_LWIP 1)
