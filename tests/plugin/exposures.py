"""Exposures as text, and `set` with typed arguments."""

from __future__ import annotations

from typing import cast

from argocd_istio.exposure import edit

HEAD = """apiVersion: argocd-istio.github.io/v1alpha1
kind: Exposure
metadata:
  name: argocd
spec:
"""


def set_field(data: bytes, what: str) -> bytes:
    """The file after `argocd-istio set WHAT`, such as `host a.x.io b.x.io`, or after `unset FIELD`."""
    field, *values = what.split(" ")
    values = [value for value in values if value]
    host = None
    if "--host" in values:
        at = values.index("--host")
        host = values[at + 1]
        del values[at : at + 2]
    if field == "unset":
        return edit.unset(data, cast(edit.Field, values[0]), host=host, file="f").data
    if field == "host":
        return edit.set_hosts(data, values, file="f").data
    if field == "selector":
        return edit.set_selector(data, values, file="f").data
    if field == "url":
        return edit.set_url(data, values[0], file="f").data
    assert field == "secret-name"
    return edit.set_secret_name(data, values[0], host=host, file="f").data
