# SPDX-License-Identifier: MIT
"""Addresses as the interoperability tests' programs are given them, on both interpreters."""


def split(address):
    """(host, port) of "127.0.0.1:7000", as serve() and connect() take them; for "unix:/a/path" that
    and None."""
    if address.startswith("unix:"):
        return address, None
    host, port = address.split(":")
    return host, int(port)
