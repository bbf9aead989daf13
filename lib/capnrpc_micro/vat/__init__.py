# SPDX-License-Identifier: MIT
"""Layer `vat`: services that others reach by URIs, and connections to theirs.

vat           Vat: offers services, connects to others
config        VatConfig: where it listens, its key, whether it encrypts, its limits
restorer      what ids of services lead to: Table, Single, Nothing
loader        services that a Table finds when somebody asks for them
file_store    FileStore: structs in files, for services that survive a reboot
sturdy_ref    SturdyRef: a service of some vat
persistence   capabilities that tell their own sturdy ref, on the wire as Persistent
live          capabilities that connect again by themselves
gateway       restoring for peers that cannot send an id when they bootstrap
peers         a vat's connections, one with each other vat
diagnosis     why there is no connection, in words
"""
