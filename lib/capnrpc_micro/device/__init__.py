# SPDX-License-Identifier: MIT
"""Layer `device`: hardware as typed services.

Each is a schema, its module and one small server:

    network     a network interface as a capability (network.capnp)
    card        what such a server needs of a network card; sockets as cards
    packet      an interface of this Linux machine as a card (AF_PACKET; needs root)
    wire        a UDP socket as a card: one datagram, one frame (needs no root)
"""
