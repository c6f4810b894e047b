"""The names and the dates of a certificate in PEM.

The library for it is in the extra argocd-istio[probe]: it is larger than everything else that is installed, and its
import takes as long as a whole command, so it happens when the first certificate is read.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

EXTRA = "argocd-istio[probe]"
_MOST = 100_000


class NoReader(Exception):
    """The extra is not installed."""


@dataclass(frozen=True)
class Decoded:
    """`names` are the DNS names, `begins` and `ends` the time that it is valid, in seconds since 1970."""

    names: tuple[str, ...]
    begins: int
    ends: int


def decode(pem: str) -> Decoded | None:
    """The first certificate of a chain; None if it cannot be read. Raises NoReader."""
    if "-----BEGIN CERTIFICATE-----" not in pem:
        return None
    try:
        from cryptography import x509
    except ImportError as error:
        raise NoReader from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Old encodings that it reads all the same.
        try:
            found = x509.load_pem_x509_certificate(pem[:_MOST].encode())
            begins, ends = (int(each.timestamp()) for each in (found.not_valid_before_utc, found.not_valid_after_utc))
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            return Decoded(tuple(names.get_values_for_type(x509.DNSName)), begins, ends)
        except x509.ExtensionNotFound:
            return Decoded((), begins, ends)
        except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            return None
