"""`argocd-istio probe` at servers on the loopback interface: a healthy one, wrong ones, and hostile ones."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argocd_istio.findings import INFO
from argocd_istio.probe.transport import Limits
from tests.plugin import exposed
from tests.plugin.cases import Called
from tests.plugin.exposed import (
    HOST,
    SETTINGS,
    STATUS,
    Port,
    argocd,
    context,
    frame,
    issued,
    listening,
    redirecting,
    reply,
    request_of,
)
from tests.work import HANG, no_hang

# Each question of a hostile server waits this long.
HASTE = "0.4"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("ca") / "ca"
    issued(folder, [HOST])
    return folder


@pytest.fixture(scope="module")
def right(authority: Path) -> ssl.SSLContext:
    return context(issued(authority, [HOST]))


Probing = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def probing(call: Called, authority: Path) -> Probing:
    """Probe two ports, https and http; the exit code and the JSON."""

    def run(https: Port, http: Port, *options: str) -> tuple[int, dict[str, Any]]:
        with listening(https, http) as (port, http_port), no_hang():
            address = ["--resolve", "127.0.0.1", "--http-port", str(http_port), "--cacert", str(authority / "ca.pem")]
            code, out, error = call("probe", f"https://{HOST}:{port}", *address, "--format", "json", *options)
        assert error == "", error
        return code, json.loads(out)

    return run


def rules(found: dict[str, Any]) -> list[str]:
    """The likeliest rule of each finding above info."""
    return [one["rule"] for one in found["findings"] if one["severity"] != INFO]


def test_a_healthy_exposure_has_nothing_to_fix(probing: Probing, right: ssl.SSLContext) -> None:
    code, found = probing(Port(argocd, right), Port(redirecting), "--strict")
    assert (code, rules(found)) == (0, [])
    assert (found["mode"], found["behind"], found["version"]) == ("grpc-routing", None, "v9.9.9")
    assert found["facts"]["other_name"]["handshake"]["failure"] and found["facts"]["watch"]["open"]
    code, found = probing(Port(argocd, right), Port(redirecting), "--mode", "passthrough")
    assert code == 1 and [one["subject"] for one in found["findings"] if one["severity"] == "error"] == ["mode"]


@pytest.mark.parametrize(
    ("names", "days", "own", "rule", "strict"),
    [
        (["shop.acme.io"], 365, False, "C24", False),
        ([HOST], -1, False, "C25", False),
        ([HOST], 7, False, "C25", True),
        ([HOST], 365, True, "D15", False),
    ],
    ids=["another host", "expired", "expires soon", "self-signed"],
)
def test_a_wrong_certificate_is_named(
    probing: Probing, authority: Path, names: list[str], days: int, own: bool, rule: str, strict: bool
) -> None:
    tls = context(issued(authority, names, days, own=own))
    code, found = probing(Port(argocd, tls), Port(redirecting), *(["--strict"] if strict else []))
    assert (code, rules(found)) == (1, [rule])


def test_an_unknown_ca_and_old_tls_are_named(probing: Probing, tmp_path: Path) -> None:
    tls = context(issued(tmp_path / "other", [HOST]), strict=False)
    with pytest.warns(DeprecationWarning):
        tls.minimum_version = ssl.TLSVersion.TLSv1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    _, found = probing(Port(argocd, tls), Port(redirecting))
    assert rules(found) == ["D09", "A24"]
    assert found["facts"]["tls"] == {"1.0": True, "1.1": True, "1.2": True, "1.3": True}


def test_clear_text_on_port_80_is_named(probing: Probing, right: ssl.SSLContext) -> None:
    assert rules(probing(Port(argocd, right), Port(argocd))[1]) == ["B01"]


def answering(status: int, body: bytes, *headers: str) -> exposed.Handler:
    """Answer everything the same."""

    def handle(client: socket.socket) -> None:
        request_of(client)
        reply(client, status, body, *headers)

    return handle


@pytest.mark.parametrize(
    ("status", "body", "rule"),
    [
        (503, b"no healthy upstream", "D25"),
        (
            503,
            b"upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            "A15",
        ),
        (
            503,
            b"upstream connect error ... transport failure reason: TLS_error:|...WRONG_VERSION_NUMBER:TLS_error_end",
            "A03",
        ),
        (503, b"", "A20"),
        (404, b"", "C04"),
        (403, b"RBAC: access denied", "F12"),
        (504, b"upstream request timeout", "H01"),
        (200, b"<html>a shop</html>", "H07"),
    ],
)
def test_an_error_of_the_gateway_is_one_finding(
    probing: Probing, authority: Path, status: int, body: bytes, rule: str
) -> None:
    only_http1 = context(issued(authority, [HOST]))
    only_http1.set_alpn_protocols(["http/1.1"])
    _, found = probing(Port(answering(status, body), only_http1), Port(redirecting), "--timeout", HASTE)
    assert rules(found) == [rule], found["findings"]


def to_itself(status: int) -> exposed.Handler:
    def handle(client: socket.socket) -> None:
        _, path, headers = request_of(client)
        reply(client, status, b"", f"location: https://{headers['host']}{path}")

    return handle


@pytest.mark.parametrize(("status", "rule"), [(307, "A02"), (301, "B06")])
def test_a_redirect_loop_names_who_redirects(probing: Probing, right: ssl.SSLContext, status: int, rule: str) -> None:
    _, found = probing(Port(to_itself(status), right), Port(redirecting), "--timeout", HASTE)
    assert rules(found) == [rule], found["findings"]


# --- hostile servers


def silent(client: socket.socket) -> None:
    time.sleep(3)


def closing(client: socket.socket) -> None:
    client.close()


def sending(data: bytes, *, after: bytes = b"", pause: float = 0.0, read: bool = True) -> exposed.Handler:
    """Send `data`, then `after` again and again, with pauses, until the client leaves."""

    def handle(client: socket.socket) -> None:
        if read:
            client.recv(4096)
        client.sendall(data)
        while after:
            client.sendall(after)
            time.sleep(pause)

    return handle


def chain(client: socket.socket) -> None:
    """Redirect to the next of endless pages."""
    _, path, headers = request_of(client)
    reply(client, 302, b"", f"location: https://{headers['host']}/{len(path)}{path[1:]}")


OK = b"HTTP/1.1 200 OK\r\n"
RAW: dict[str, exposed.Handler] = {
    "never answers": silent,
    "closes at once": closing,
    "closes in the handshake": sending(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"),
    "stops in the handshake": sending(b"\x16\x03\x03\x00\x7a\x02", after=b"", read=True),
    "speaks plain HTTP": sending(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "speaks something else": sending(b"SSH-2.0-OpenSSH_9.2\r\n", after=b"\0" * 1000, read=False),
    "drips bytes instead of TLS": sending(b"", after=b"\x16", pause=0.05),
}
ENCRYPTED: dict[str, exposed.Handler] = {
    "never answers a request": silent,
    "closes after the handshake": closing,
    "endless headers": sending(OK, after=b"x-more: " + b"a" * 1000 + b"\r\n"),
    "an endless header": sending(OK + b"x: ", after=b"a" * 1000),
    "endless informational answers": sending(b"", after=b"HTTP/1.1 100 Continue\r\n\r\n" * 50),
    "slow bytes": sending(OK, after=b"a", pause=0.05),
    "a body of 100 MB": sending(OK + b"content-length: 104857600\r\n\r\n", after=b"a" * 65536),
    "endless chunks": sending(OK + b"transfer-encoding: chunked\r\n\r\n", after=b"1\r\na\r\n" * 1000),
    "a chunk of a negative size": sending(OK + b"transfer-encoding: chunked\r\n\r\n-1\r\n"),
    "a body that ends early": sending(OK + b"content-length: 100\r\n\r\na"),
    "two lengths": sending(OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\na"),
    "no HTTP": sending(b"\0\xff\r\n\r\n"),
    "a protocol switch": sending(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n"),
    "headers that are not text": sending(OK + b"server: \xff\xfe\x80\r\nset-cookie: \x9b31m\r\n\r\n"),
    "deeply nested JSON": sending(OK + b"content-length: 60000\r\n\r\n" + b"[" * 60000),
    "a version of control characters": answering(200, b'{"Version":"v3\\u001b[31m\\n::error::"}'),
    "endless redirects": chain,
    "a redirect to nowhere": answering(302, b"", "location: http://[::1"),
    "a redirect with an odd port": answering(302, b"", f"location: https://{HOST}:99999999/"),
    "a redirect without an address": answering(302, b""),
    "a status of 999": sending(b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"),
    "gRPC-Web that lies about its length": answering(
        200, b"\0\xff\xff\xff\xff\x80", "content-type: application/grpc-web+proto"
    ),
}
FRAMES: dict[str, exposed.Handler] = {
    "no frames": sending(b"\0\xff" * 100),
    "a frame that is too large": sending(SETTINGS + frame(1, b"", 4, 1, 0xFFFFFF), after=b"\0" * 65536),
    "endless pings": sending(SETTINGS, after=frame(6, b"\0" * 8) * 100),
    "endless settings": sending(b"", after=SETTINGS * 100),
    "endless continuations": sending(SETTINGS + frame(1, STATUS, 0, 1), after=frame(9, b"\0", 0, 1) * 100),
    "a header that unpacks for ever": sending(
        SETTINGS + frame(1, b"\x40\x01a\x7f\x80\x1f" + b"b" * 4063 + b"\xbe" * 12000, 4, 1)
    ),
    "broken HPACK": sending(SETTINGS + frame(1, b"\xff\xff\xff\xff\xff", 4, 1)),
    "a stream of somebody else": sending(SETTINGS + frame(0, b"a" * 100, 0, 7)),
    "a reset": sending(SETTINGS + frame(3, b"\0\0\0\x02", 0, 1)),
    "a farewell": sending(SETTINGS + frame(7, b"\0\0\0\0\0\0\0\x0bslow down")),
    "an endless body": sending(SETTINGS + frame(1, STATUS, 4, 1), after=frame(0, b"a" * 1000, 0, 1)),
    "no end of the answer": sending(SETTINGS + frame(1, STATUS, 4, 1)),
    "never answers": silent,
}


def by_http2(handle: exposed.Handler) -> exposed.Handler:
    """The handler for HTTP/2; HTTP/1.1 is healthy."""

    def chosen(client: socket.socket) -> None:
        http2 = isinstance(client, ssl.SSLSocket) and client.selected_alpn_protocol() == "h2"
        (handle if http2 else argocd)(client)

    return chosen


HOSTILE = [
    *(pytest.param(handle, False, id=name) for name, handle in RAW.items()),
    *(pytest.param(handle, True, id=name) for name, handle in ENCRYPTED.items()),
    *(pytest.param(by_http2(handle), True, id=f"HTTP/2: {name}") for name, handle in FRAMES.items()),
]


@pytest.mark.parametrize(("handle", "encrypted"), HOSTILE)
def test_a_hostile_server_gives_a_finding(
    probing: Probing, right: ssl.SSLContext, handle: exposed.Handler, encrypted: bool
) -> None:
    https = Port(handle, right if encrypted else None)
    code, found = probing(https, Port(handle if encrypted else silent), "--timeout", HASTE, "--stay-open", "0.1")
    assert code == 1 and found["errors"] > 0
    limits = Limits()
    assert found["connections"] <= (60 if encrypted else 4) and found["bytes"] < found["connections"] * (
        limits.connection + limits.body
    )
    assert "\x1b" not in json.dumps(found, ensure_ascii=False)


def test_a_hostile_server_cannot_write_to_a_terminal(call: Called, right: ssl.SSLContext) -> None:
    for name in ("a version of control characters", "headers that are not text"):
        with listening(Port(ENCRYPTED[name], right)) as [port]:
            address = ["--resolve", "127.0.0.1", "--http-port", str(port), "--timeout", HASTE]
            code, out, error = call("probe", f"https://{HOST}:{port}", *address)
        assert code == 1 and error == "" and out.startswith(f"https://{HOST}:{port} at 127.0.0.1: ")
        assert not any((ord(each) < 32 and each != "\n") or 127 <= ord(each) < 160 for each in out)
        assert not any(line.startswith("::") for line in out.splitlines())


# --- usage


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("cd.acme.io", "write https://cd.acme.io"),
        ("http://cd.acme.io", "write https://cd.acme.io"),
        ("https://cd.acme.io/applications", "write https://cd.acme.io"),
        ("https://admin:secret@cd.acme.io", "write https://cd.acme.io"),
        ("https://", "write the host alone"),
        ("https://cd.acme.io:99999", "write https://cd.acme.io"),
        ("https://[::1", "write the host alone"),
        ("https://c d", "write the host alone"),
        ("https://a\r\nb", "write the host alone"),
        ("https://\x1b[31m", "write the host alone"),
        (f"https://{'a' * 300}.io", ""),
    ],
)
def test_another_address_is_refused_with_a_hint(call: Called, url: str, hint: str) -> None:
    code, out, error = call("probe", url)
    assert (code, out) == (2, "") and error.startswith("URL: found ") and hint in error and error.count("\n") == 1


def test_wrong_options_are_refused_in_one_line(call: Called, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing\n")
    for options, code, words in (
        (["--cacert", str(tmp_path / "none.pem")], 2, "none.pem: found no certificate that can be read"),
        (["--cacert", str(tmp_path / "missing.pem")], 3, "missing.pem: No such file"),
        (["--mode", "grpc"], 2, "'grpc' is not one of passthrough, termination, grpc-routing"),
        (["--timeout", "0"], 2, "--timeout"),
        (["--http-port", "0"], 2, "--http-port"),
        (["--watch", "--rounds", "0"], 2, "--rounds"),
        (["--format", "sarif"], 2, "--format"),
    ):
        got, out, error = call("probe", "https://localhost:1", *options)
        assert (got, out) == (code, "") and words in error and error.count("\n") == 1, error
    assert "it is missing" in call("probe")[2]


def test_an_unreachable_host_is_a_finding(call: Called) -> None:
    code, out, error = call("probe", "https://no-such-host.invalid", "--format", "json", "--timeout", "2")
    found = json.loads(out)
    assert (code, error) == (1, "") and [one["subject"] for one in found["findings"]] == ["TLS"]
    code, out, error = call("probe", "https://localhost:1", "--http-port", "1")
    assert (code, error) == (1, "") and "[D16 port-not-in-the-gateways-service, or D23" in " ".join(out.split())


def test_a_missing_extra_is_one_line(tmp_path: Path) -> None:
    """The package without the extra: its other commands work."""
    hide = "import sys, importlib.abc\nclass F(importlib.abc.MetaPathFinder):\n  def find_spec(self, name, *_):\n"
    hide += "    if name.split('.')[0] in ('h2', 'h11', 'cryptography'): raise ModuleNotFoundError(name)\n"
    (tmp_path / "sitecustomize.py").write_text(hide + "sys.meta_path.insert(0, F())\n")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "argocd_istio.cli"]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"PYTHONPATH": path}
        return subprocess.run([*command, *words], capture_output=True, text=True, env=env, check=False, timeout=HANG)

    done = run("probe", "https://localhost:1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "argocd-istio probe: found no module h11, h2, cryptography, expected it to be installed; "
        "install the package with its extra: argocd-istio[probe]\n"
    )
    assert run("--version").returncode == 0
    assert "A31" in run("probe", "--explain", "file checksum validation error").stdout


def test_other_commands_load_no_network_library() -> None:
    code = "import sys, argocd_istio.cli as c; c.run(['--version']); print(NAMES & set(sys.modules))"
    code = code.replace("NAMES", repr({"h2", "h11", "ssl", "asyncio", "cryptography"}))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_watching_prints_outages_as_they_end(call: Called, right: ssl.SSLContext, authority: Path) -> None:
    state = {"count": 0}

    def handle(client: socket.socket) -> None:
        state["count"] += 1
        if 40 < state["count"] < 46:
            request_of(client)
            reply(client, 503, b"no healthy upstream")
        else:
            argocd(client)

    only_http1 = context(issued(authority, [HOST]))
    only_http1.set_alpn_protocols(["http/1.1"])
    with listening(Port(handle, only_http1), Port(redirecting)) as (port, http_port):
        address = ["--resolve", "127.0.0.1", "--http-port", str(http_port), "--cacert", str(authority / "ca.pem")]
        options = ["--watch", "--rounds", "40", "--interval", "0.1", "--timeout", "2", "--format", "json"]
        code, out, _ = call("probe", f"https://{HOST}:{port}", *address, *options)
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 1 and [event.get("state") for event in events] == ["up", "down", "up", None]
    assert events[1]["rules"] == ["D25", "A32"] and events[2]["outage"] >= 0.4
    assert events[3] == {"rounds": 40, "seconds": events[3]["seconds"], "outages": [events[2]["outage"]]}
