"""The names and the dates of a certificate in PEM: the fields of DER that this needs, and no more.

https://www.rfc-editor.org/rfc/rfc5280#section-4.1
"""

from __future__ import annotations

import base64
import binascii
import re
from calendar import timegm
from collections.abc import Iterator
from dataclasses import dataclass
from time import strptime

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_MOST = 100_000
_SEQUENCE, _EXTENSIONS, _OBJECT_ID, _DNS, _UTC = 0x30, 0xA3, 0x06, 0x82, 0x17
_ALTERNATIVE_NAME = bytes((0x55, 0x1D, 0x11))


@dataclass(frozen=True)
class Decoded:
    """`names` are the DNS names, `begins` and `ends` the time that it is valid, in seconds since 1970."""

    names: tuple[str, ...]
    begins: int
    ends: int


def decode(pem: str) -> Decoded | None:
    """The first certificate of a chain; None if it cannot be read."""
    found = _PEM.search(pem[:_MOST])
    try:
        whole = base64.b64decode("".join(found[1].split()), validate=True) if found else b""
        [(_, certificate)] = _parts(whole)
        fields = list(_parts(next(_parts(certificate))[1]))
        dates = next(at for at, (tag, _) in enumerate(fields[3:], 3) if tag == _SEQUENCE and _is_dates(fields[at][1]))
        begins, ends = (_time(tag, value) for tag, value in _parts(fields[dates][1]))
        extensions = next((value for tag, value in fields if tag == _EXTENSIONS), b"")
        return Decoded(tuple(_names(extensions)), begins, ends)
    except (ValueError, IndexError, StopIteration, binascii.Error):
        return None


def _is_dates(value: bytes) -> bool:
    return value[:1] in (b"\x17", b"\x18")


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and the value of each element. Raises ValueError or IndexError."""
    at = 0
    while at < len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("cut off")
        yield tag, data[at : at + length]
        at += length


def _time(tag: int, value: bytes) -> int:
    text = value.decode("ascii")
    if tag == _UTC:  # years from 1950 to 2049
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return timegm(strptime(text, "%Y%m%d%H%M%SZ"))


def _names(extensions: bytes) -> Iterator[str]:
    for _, listed in _parts(extensions):
        for _, extension in _parts(listed):
            parts = list(_parts(extension))
            if parts and parts[0] == (_OBJECT_ID, _ALTERNATIVE_NAME):
                for _, names in _parts(parts[-1][1]):
                    yield from (value.decode("ascii") for tag, value in _parts(names) if tag == _DNS)
