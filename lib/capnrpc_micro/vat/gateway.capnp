# SPDX-License-Identifier: MIT
# How peers that cannot send a service's id when they bootstrap reach that service all the same: a
# vat serves this interface at its empty id.
@0xd7f8ae0cfa2b9c51;

interface Gateway @0xb2c3a3a4f4ddc6e1 {
  restore @0 (id :Data) -> (cap :Capability);
  # The service with this id, which is the same as in the vat's URIs. Fails with "Unknown
  # persistent service ID" for an id that the vat does not know.
}
