# SPDX-License-Identifier: MIT
"""Layer `net`: connections over asyncio streams.

host      what the rpc layer needs of asyncio
tcp       serving and connecting, over TCP or Unix sockets, without TLS
links     how connections are made
server    who is let in
unix      Unix sockets, loaded when they are used
unix_poll  a mend for the unix port's poll set
streams   the pump between a connection and a socket on MicroPython
protocol  the same on CPython
"""
