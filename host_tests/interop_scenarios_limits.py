# SPDX-License-Identifier: MIT
"""Our client and a Thing that pycapnp serves, which takes messages of 2000 words at most: whatever is
above a limit of one side is refused, with a reason, and the next connection works.
"""

import interop_capnp
from interop_scenarios import fails
from interop_thing import Thing

import capnrpc_micro as capnp
from capnrpc_micro.words import MICROPYTHON


async def too_long_for_the_other_side(thing, peer):
    told = 0
    for _ in range(10):
        limits = capnp.Limits(message_words=16000, output_bytes=200000)
        other = await capnp.connect(*peer, limits=limits)
        theirs = other.bootstrap(interop_capnp.Thing)
        assert (await theirs.blob(bytes(12000))).data == bytes(12000)
        # What pycapnp has read before it looks at the size is refused to the call only.
        error = await fails(theirs.blob(bytes(20000)))
        assert "traversal limit" in error.reason
        waiting = theirs.wait()
        error = await fails(theirs.blob(bytes(100000)))
        # pycapnp closes without reading the rest: a reset follows its last words. MicroPython's
        # readinto() forgets what it has read when it meets that in the same call.
        heard = "exceeds size limit" in error.reason
        assert heard or MICROPYTHON and "ECONNRESET" in error.reason, error
        told += heard
        assert (await fails(waiting)).reason == error.reason
        assert (await fails(theirs.echo(1))).reason == error.reason
        await other.wait_closed()
        assert other.error.reason == error.reason
    assert told or MICROPYTHON
    assert (await thing.echo(1)).y == 1


async def too_long_for_us_to_send(thing, peer):
    """Nothing is sent, and the program is told; an exception's text is cut."""
    for _ in range(10):
        try:
            thing.blob(bytes(17000))
            raise AssertionError("ValueError was expected")
        except ValueError as error:
            assert "2048 words" in str(error)

    class Long(Thing):
        def echo(self, x):
            raise ValueError("x" * 100000)

    error = await fails(thing.callMe(Long(), 1))
    assert "ValueError" in error.reason
    assert (await thing.echo(1)).y == 1


async def too_long_for_us_to_receive(thing, peer):
    """The other side is told why the connection ends, and so are our calls."""
    for _ in range(10):
        other = await capnp.connect(*peer, limits=capnp.Limits(message_words=100))
        theirs = other.bootstrap(interop_capnp.Thing)
        assert (await theirs.echo(1)).y == 1
        # The peer's messages grow faster than ours: each capability has a descriptor.
        error = await fails(theirs.many(50))
        assert "more than 100 words" in error.reason
        await other.wait_closed()
    assert (await thing.echo(1)).y == 1


async def more_capabilities_than_are_held(thing, peer):
    """Results with too many fail; when others have been released there is room again."""
    many = await thing.many(100)
    other = await thing.many(100)
    error = await fails(thing.many(100))
    assert error.type == capnp.OVERLOADED, error
    assert (await many.things[99].echo(1)).y == 1
    capnp.release(other)
    other = await thing.many(100)
    assert (await other.things[0].echo(1)).y == 1
    capnp.release(other)
    capnp.release(many)


SCENARIOS = (
    too_long_for_the_other_side,
    too_long_for_us_to_send,
    too_long_for_us_to_receive,
    more_capabilities_than_are_held,
)
