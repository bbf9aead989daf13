# SPDX-License-Identifier: MIT
"""Layer `vat`: restoring for peers that cannot send a service's id when they bootstrap."""

from .gateway_capnp import Gateway


class GatewayServer(Gateway.Server):
    """Restores what its restorer does, for who knows the id."""

    def __init__(self, restorer):
        self._restorer = restorer

    def restore(self, id):
        return self._restorer.restore(bytes(id))
