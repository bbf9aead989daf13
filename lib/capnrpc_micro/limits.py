# SPDX-License-Identifier: MIT
"""Layer `limits`: every limit of the library, in one place.

A limit protects the heap of a small board: at a limit the peer sees `overloaded`, back-pressure or
an Abort that names the limit, and everybody else goes on being served.
"""


class Limits:
    """Limits with defaults for a board with about 200 KB of heap.

    Override by keyword, `Limits(message_words=512)`, or start from `Limits.host()`. All numbers
    stay below 2**28, so that no computation with them leaves a 31-bit integer.
    """

    # One message (Cap'n Proto words are 8 bytes).
    message_words = 2048  # 16 KB: largest message received or sent
    segments = 64  # of one received message
    nesting = 64  # pointers deep, as in the C++ implementation
    traversal_words = 1 << 16  # words followed while reading one message, counted at each pointer

    # One connection.
    receive_bytes = 2048  # receive buffer; a longer message gets a buffer of its own meanwhile
    send_bytes = 2048  # first size of each of the two output buffers
    output_mark = 8192  # output not yet sent, in bytes, above which reading pauses
    output_bytes = 32768  # output not yet sent, in bytes, above which the connection is aborted
    window_bytes = 8192  # of streaming calls through one reference that are not acknowledged
    questions = 64  # calls we have made and that are not answered
    answers = 64  # calls of the peer that are not finished
    running = 32  # of these, those whose method runs as a task
    exports = 256  # capabilities of ours that the peer refers to
    imports = 256  # capabilities of the peer that we refer to
    embargoes = 32  # paths that wait for their Disembargo to come back
    call_bytes = 32768  # messages of the peer's calls that are kept until they are finished

    # One connection, in ms. 0 is never.
    stall_ms = 30000  # time a peer may leave our output above its mark
    first_ms = 10000  # time a peer that has connected may take until it makes its first call
    ping_ms = 30000  # quiet time after which the peer is asked whether it is still there
    dead_ms = 30000  # time it may take to answer that; then the connection is lost
    rest_ms = 5000  # time without input after which a connection gives back its buffers
    unused_ms = 10000  # time without any reference after which a vat ends a connection it made
    idle_ms = 0  # time without any call, made or under way, after which a connection is ended

    # One server.
    connections = 4
    handshakes = 60  # of TLS, that peers begin in a minute

    def __init__(self, **changed):
        for name in changed:
            value = changed[name]
            if not isinstance(getattr(Limits, name, None), int):
                raise TypeError("Limits: no limit is named " + name)
            if not isinstance(value, int) or value < 0:
                raise TypeError("Limits: %s is a number from 0, not %r" % (name, value))
            setattr(self, name, value)

    @staticmethod
    def host(**changed):
        """Defaults for a host with plenty of memory; messages as long as C++ takes them."""
        limits = Limits(
            message_words=8 << 20,
            segments=512,
            traversal_words=8 << 20,
            receive_bytes=65536,
            send_bytes=65536,
            output_mark=1 << 20,
            output_bytes=80 << 20,
            window_bytes=65536,
            questions=65536,
            answers=65536,
            running=65536,
            exports=1 << 20,
            imports=1 << 20,
            embargoes=65536,
            call_bytes=64 << 20,
            connections=1024,
            handshakes=6000,
        )
        limits.__init__(**changed)
        return limits
