# SPDX-License-Identifier: MIT
"""Layer `vat`: services that others reach by URIs, and connections to theirs.

vat         Vat: offers services, connects to others
config      VatConfig: where it listens, its key, whether it encrypts, its limits
peers       its connections, one with each other vat
diagnosis   why there is no connection, in words
"""
