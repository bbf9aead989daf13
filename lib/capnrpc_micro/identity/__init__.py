# SPDX-License-Identifier: MIT
"""Layer `identity`: who a vat is, and how others write that down.

address       capnp:// URIs: where a vat is, the digest of its key, the id of a service
base64url     the letters that digests and ids are written in
capfile       files that hold a capnp:// URI
files         small files that only their owner may read, written all or not at all
service_id    ids of services
entropy       random bytes to make secrets from
secret_key    a vat's key: made, read, kept; its digest, its certificate, ids derived from it
keys          the forms in which private keys come
certificate   the digest in a peer's certificate; self-signed certificates
der, pem      the encodings of keys and certificates
hmac          HMAC-SHA256
p256, rsa     arithmetic with keys, the only code of the library that needs big integers
by_cryptography   the same on CPython, by the package `cryptography`
pinned        TLS in which both sides show their keys, on MicroPython
pinned_host   the same on CPython
"""
