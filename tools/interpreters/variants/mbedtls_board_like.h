// SPDX-License-Identifier: MIT
// mbedtls as the rp2 port configures it: buffers and key material live on the MicroPython heap.

#define MICROPY_MBEDTLS_CONFIG_BARE_METAL (1)

#include "mbedtls/mbedtls_config_port.h"

// A process has the host's entropy; only bare metal needs a source of its own.
#undef MBEDTLS_ENTROPY_HARDWARE_ALT
#undef MBEDTLS_NO_PLATFORM_ENTROPY
