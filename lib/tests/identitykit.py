# SPDX-License-Identifier: MIT
"""What the tests of layer `identity` share: keys that OpenSSL has written, and helpers.

The keys are for tests only. The P-256 key is that of RFC 6979, A.2.5.
"""

import binascii
import os

from run import skip

SCALAR = "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"
POINT = (
    "04"
    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
# SHA-256 of what `openssl pkey -pubout -outform der` prints.
DIGEST = "5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4"

PKCS8 = b"""-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX
Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth
+mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ
-----END PRIVATE KEY-----
"""

# As `openssl ecparam -genkey` writes it: the parameters first.
SEC1 = b"""-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49
AwEHoUQDQgAEYP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Z5A/4QCLi8
maQa6elWKLxk8vGyDC1+n1F3o8KU1EYimQ==
-----END EC PRIVATE KEY-----
"""

WITHOUT_POINT = b"""-----BEGIN EC PRIVATE KEY-----
MDECAQEEIMmvqdhFunUWa1whV2ex1pNOUMPbNuibEnuKYisSD2choAoGCCqGSM49
AwEH
-----END EC PRIVATE KEY-----
"""

# Of the same key, with another name and with extensions.
CERTIFICATE = b"""-----BEGIN CERTIFICATE-----
MIIBhTCCASugAwIBAgIUdZG9od/8Sro8aBdhyfmxrGikLoMwCgYIKoZIzj0EAwIw
GDEWMBQGA1UEAwwNb3RoZXIuZXhhbXBsZTAeFw0yNjExMjYwNzAyNTNaFw0zNjEx
MjMwNzAyNTNaMBgxFjAUBgNVBAMMDW90aGVyLmV4YW1wbGUwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAARg/tS6JVqdMclh63TGNW1owEm4kjth+mzmaWIuYPKftnkD
/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZo1MwUTAdBgNVHQ4EFgQUGpVp
V5vOMpqULQdpycC1ZDFWNxAwHwYDVR0jBBgwFoAUGpVpV5vOMpqULQdpycC1ZDFW
NxAwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiBuCHNmBeat9K2Y
MZYtTLDyg/cNWoQNHalI+/NYLRY88AIhAKb1x5sWR228FNNTBsc/NSZmLlDVFHtP
yqWY1618c48B
-----END CERTIFICATE-----
"""

RSA_DIGEST = "65a9b205a9732511f9daf9ca503881d9b373322e4bebb26c23cf9a6be9a65e3a"

RSA = b"""-----BEGIN RSA PRIVATE KEY-----
MIIEowIBAAKCAQEA0WtgnK68MCqcym8zqocalH6rjD6hK3CAN5JrgMZUZaGXviV3
XOAjAdLpqT4Ni9bpyin6XXs87me3aneszHKnAxFqCRxm2gZxitdikzqSBduWdEPB
RjOITQs7wdH3Qy8VKXpcABiHPcMI5r2N0r7AwQuu7FlYnwbsoBqSNdZE2q01ZEmC
gh5vH4Uet++qvxpIl9+nABHPojQzRHpwDutC1svOZ4wnCLpYIU4i6UsKnZwzI3D3
nH6Tz7qfOckYUvqczbfJ1fkAWKcDN1TpSG07HY2ssA3PoCGrUGrT3kwoMZicZY+1
2ulpiUuP4Hjq/2Wv3/0AX1bqLkuo+wyt6ZvVFQIDAQABAoIBADUwjiXNlbuwHwml
i9xcm0orEBw7Tgkv9kjnFgnrlcUIcXeYoYQD47BTZwiW267wY4n29oGmyveMfT/7
7HYzCqtTUXjF73Oh3lXS1dUqM6tsNf8KtHzFmvFikIduclxsiXXy/4oAsNzlfA3L
CEoGLAP8GS4rlUAy7IfPp+InrW5SyQDJIUKKB2elW5cV72jeeWAz5H6r2z35zfLU
ObQ/4IVjQBkcHRufMIbzHRvFXZ+/A2yicLcqvKHTxkah939ZLnHF/kv8CHqzahol
FvlmOc9C3jA3SbJjRAt1K+FNxMqgvLo6rLN01nsRdlHrTnIkuSgUzF5294poNLp4
8OPW2pMCgYEA+aEeDnd1MxczbZmSo+sNuME9IIxa/cwmZ3DYYOx7yQZPGgYTH3Ah
pYQSYWV3TZZ95BgUfYXQdi+J57f52rB5a5PPo7cvulbmdN4wAkKMbKu2NSWpKDFL
r6iGSLookQxU0AGhDTkBDk+nGDpB1HUBp16ctONgxruByoywhWRF2u8CgYEA1sOP
U8fNQwzxvjcT8XYiwDJWwUEx1Y2J5wnplMSE4z6lg7D5WG9aCBGEEdAxzxTnbpXk
+vHBLobghMdztxUElTOYMIxEniySBz7tQeiRwpZXniBl1vAIPo+g0n6xAPVVhol7
nvLzEbRrCru2vYBmLobOSj/z/DmOuYxY9CojoDsCgYEAoY/VlCdcgySQ9G5gqhaH
Wvw2Q8qTWY+3i1tNr+1ecEzVBVLJLZ+1JxrDiqXRATZVZDrxiAwDT3qVFpPL8e4l
p6qSyLLXARMdNKZZDB1mJS89TkiBorHE+ntn7coOV1JT0gw74AL02/5Rdyy9TnQs
Ddb+NVS0XesdpapI1QyA6aECgYB9MNRM90yNCG+m/T5P5BiPxwhRcSqWnQJFPr79
rKz2Nt+O68v+JDLsPyGorJ9MYpgiG5i2O9TrxU39uLKYh9T7EG9n5WxedAbP2Hu/
js3hC3iZwbL730I/DcSmz5lowJqRaXU5i8/rgytev1vgDYgDGSwJlkwovHiZatmz
wxivXwKBgGwRhfpkcvhGjOprpbm4rIgeidUsU2IjNWEra/MNzWtro03j7myEoCpr
mLmLNwUyHUUUWIXgQMzpGQCr2uF9IN8K8zgyFMvu0Em4KeQNjZSg3wIHhXhq0Qki
4vyUB2YVQoeXcMOcPfFnqX0Hoe196BcnD+7+HKZZWQpTZhznwnDF
-----END RSA PRIVATE KEY-----
"""

# What is different in another file of the same key: its certificate.
RSA_CERTIFICATE = b"""-----BEGIN CERTIFICATE-----
MIIDATCCAemgAwIBAgIUSfJXQKbrtOSOKVbi2zhY1xWxYhMwDQYJKoZIhvcNAQEL
BQAwEDEOMAwGA1UEAwwFY2FwbnAwHhcNMjYxMTI2MDcwMjUzWhcNMzYxMTIzMDcw
MjUzWjAQMQ4wDAYDVQQDDAVjYXBucDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCC
AQoCggEBANFrYJyuvDAqnMpvM6qHGpR+q4w+oStwgDeSa4DGVGWhl74ld1zgIwHS
6ak+DYvW6cop+l17PO5nt2p3rMxypwMRagkcZtoGcYrXYpM6kgXblnRDwUYziE0L
O8HR90MvFSl6XAAYhz3DCOa9jdK+wMELruxZWJ8G7KAakjXWRNqtNWRJgoIebx+F
Hrfvqr8aSJffpwARz6I0M0R6cA7rQtbLzmeMJwi6WCFOIulLCp2cMyNw95x+k8+6
nznJGFL6nM23ydX5AFinAzdU6UhtOx2NrLANz6Ahq1Bq095MKDGYnGWPtdrpaYlL
j+B46v9lr9/9AF9W6i5LqPsMremb1RUCAwEAAaNTMFEwHQYDVR0OBBYEFFjoTfqm
BsRvIq9N/FXdkJYqSlRTMB8GA1UdIwQYMBaAFFjoTfqmBsRvIq9N/FXdkJYqSlRT
MA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADggEBAFg7T/Kkr5VIv3jo
ngna0w5I2hCQRB/vFIU+VxWLBifWBPZdz+FpEei+zEJQGL7WQZZ/P58W+35iPvLO
nAktZyLBkarDuaZ7a2lJl/L3sNmlIRSY77pNV0aqPsFEnjQrUupdp78DN99tLO+E
XhRmwDEX/oo2+wUxCqKK/yQ9YwpoKuuryNsP7F9VvePZjQybfUBi2Zj7B4EsmFGX
KZyTVDgZiTV4sGXi55rnib6R4feJes1dzJKonBOTRS076kp8zoHuiKxkDHWPwqYI
u/JboaNV+FOvr3dEFcl2Lz/L9m6KE3FMVQVSDA0I6a2hGu/bigXEvkigCcVcRP9k
57+CmWo=
-----END CERTIFICATE-----
"""

P384 = b"""-----BEGIN EC PARAMETERS-----
BgUrgQQAIg==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MIGkAgEBBDDnYiOY0jMNfdJsQzlaMXWO8EqMF5GTUaG7Yw3Za0XXGYwlUhxq96z7
2AEMR/M/lU+gBwYFK4EEACKhZANiAASaVubT85ocyeSIAxyQXEEi7nrHeWpMOg3N
RU6m5otdBGrU0A8z8oGxrfMxnVXx3Suya6ioe9W0lbjvHcfV1nXGcwamSnyIFPZh
SfOc8rai+7ZCrxQ1Yarcuy8OdZ1ydHw=
-----END EC PRIVATE KEY-----
"""

ED25519 = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIETgXdNLCk2VC7UyWnDFDeT77F+8gr2S1gdMdP3zzUds
-----END PRIVATE KEY-----
"""

ENCRYPTED = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjuh18XVb/phwICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEEocPrIK3gKlkOixAyhLL58EgZCp
buEmq7Ok33kmwdmTDwfRlThBdtavQfFAsYOfT/crN/MKEGPfAsB5gdPSNMDmz9w7
x54hybCH2xXnBp1cHhMPibkQZdisJyUfJwQftVu1bGZuoqDh4yXowo4PErUyUd+B
ZEGrl90Zh+koaCDtXF0vsCfptavDK6OAnQbsKPIF3AZl3e788ejUZejjGHpZODA=
-----END ENCRYPTED PRIVATE KEY-----
"""

ENCRYPTED_PKCS1 = b"""-----BEGIN RSA PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,0DCF22A652C0EAC0B0F53E57438EC0ED

gzxjVXoj1pUbZnvJ9Q==
-----END RSA PRIVATE KEY-----
"""


def unhex(text):
    """Bytes from hexadecimal digits."""
    return binascii.unhexlify(text)


def hex(data):
    """Hexadecimal digits of bytes."""
    return binascii.hexlify(data).decode()


def raises(kind, text, fn, *arguments):
    """Calls fn, which must raise exactly this kind of error with text in it. Returns the text."""
    try:
        result = fn(*arguments)
    except kind as error:
        assert type(error) is kind or kind is OSError, repr(error)
        said = str(error)
        assert text in said, said
        return said
    raise AssertionError("expected %s, met %r" % (kind.__name__, result))


def needs_random_numbers():
    """Skips the test where os.urandom() stands still, as on an emulated Pico."""
    if os.urandom(16) == os.urandom(16):
        skip("needs random numbers")


class Random:
    """Numbers that are the same on every interpreter, from a generator that needs 31 bits."""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        """A number of 0..n-1; n is below 2**15."""
        self.state = (self.state * 16807 + 11) % 32749
        return self.state % n


def damaged(random, data):
    """A changed copy of bytes: bytes replaced, cut out, put in, or the end cut off."""
    data = bytearray(data)
    for _ in range(1 + random.below(3)):
        at = random.below(len(data) + 1)
        kind = random.below(8)
        if kind < 4 and at < len(data):
            data[at] = random.below(256)
        elif kind == 4 and at < len(data):
            data[at] ^= 1 << random.below(8)
        elif kind == 5:
            data = data[:at] + data[at + 1 + random.below(4) :]
        elif kind == 6:
            data = data[:at] + bytes([random.below(256)]) + data[at:]
        elif kind == 7:
            data = data[:at]
    return bytes(data)


class Folder:
    """A new folder for a test: `with Folder() as path`. Everything in it goes in the end."""

    def __enter__(self):
        # Boards have no folder for temporary files, and no name for it.
        base = os.getenv("TMPDIR") or "/tmp" if hasattr(os, "getenv") else ""
        self.path = base + "/capnrpc_micro-" + hex(os.urandom(6))
        os.mkdir(self.path)
        return self.path

    def __exit__(self, kind, error, trace):
        for name in os.listdir(self.path):
            os.remove(self.path + "/" + name)
        os.rmdir(self.path)
