# SPDX-License-Identifier: MIT
"""The wire format compared with the C++ implementation's (pycapnp): what the tests share."""
