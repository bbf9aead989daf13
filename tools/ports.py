# SPDX-License-Identifier: MIT
"""Ports of the loopback address."""

import socket


def free_port(kind=socket.SOCK_STREAM):
    """A port of the loopback address that nobody uses at the moment."""
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
