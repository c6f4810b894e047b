"""The facts are what Istio makes of the objects."""

from __future__ import annotations

import pytest

from argocd_istio.render import istio
from argocd_istio.render.hosts import Hosts


def index(hosts: list[str]) -> Hosts[str]:
    found: Hosts[str] = Hosts()
    for host in hosts:
        found.add(host, host)
    return found


@pytest.mark.parametrize(
    ("name", "app_protocol", "transport", "port", "protocol"),
    [
        ("http", "", "TCP", 80, "HTTP"),
        ("http-web", "", "TCP", 80, "HTTP"),
        ("HTTP2-x", "", "TCP", 80, "HTTP2"),
        ("grpc", "", "TCP", 443, "GRPC"),
        ("grpc-web", "", "TCP", 443, "GRPC-Web"),
        ("grpc-webber", "", "TCP", 443, "GRPC-Web"),
        ("https", "kubernetes.io/h2c", "TCP", 443, "HTTP2"),
        ("https", "kubernetes.io/ws", "TCP", 443, "HTTP"),
        ("http", "kubernetes.io/wss", "TCP", 443, "HTTPS"),
        ("https", "grpc", "TCP", 443, "GRPC"),
        ("http", "example.com/own", "TCP", 443, istio.UNDECLARED),
        ("web", "", "TCP", 80, istio.UNDECLARED),
        ("", "", "TCP", 80, istio.UNDECLARED),
        ("db", "", "TCP", 3306, "TCP"),
        ("http", "", "UDP", 80, "UDP"),
    ],
)
def test_a_port_has_the_protocol_that_istio_decides(
    name: str, app_protocol: str, transport: str, port: int, protocol: str
) -> None:
    assert istio.protocol(name, app_protocol, transport, port) == protocol


@pytest.mark.parametrize(
    ("one_side", "other", "common"),
    [
        (["a.x.io"], ["a.x.io"], ["a.x.io"]),
        (["a.x.io"], ["b.x.io"], []),
        (["*.x.io"], ["a.x.io", "a.y.io"], ["a.x.io"]),
        (["a.x.io"], ["*.x.io"], ["a.x.io"]),
        (["*.x.io"], ["*.a.x.io"], ["*.a.x.io"]),
        (["*"], ["a.x.io", "*.y.io"], ["a.x.io", "*.y.io"]),
        (["*.x.io"], ["x.io"], []),
    ],
)
def test_hosts_that_two_lists_share_are_the_narrower_ones(
    one_side: list[str], other: list[str], common: list[str]
) -> None:
    assert [narrower for host in one_side for narrower, _ in index(other).common(host)] == common
