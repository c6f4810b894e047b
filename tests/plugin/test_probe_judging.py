"""What the probe makes of facts, without a network: a healthy exposure in each mode, and one change at a time."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argocd_istio.findings import ERROR, INFO
from argocd_istio.probe import report
from argocd_istio.probe.judging import judge, name_of
from argocd_istio.probe.known import KNOWN, explain
from argocd_istio.probe.observations import (
    GRPC_ROUTING,
    PASSTHROUGH,
    TERMINATION,
    Answer,
    Certificate,
    Facts,
    Hop,
    Meter,
    Name,
    Walk,
)
from argocd_istio.terminal import Terminal
from tests.plugin.cases import Called

HOST = "cd.acme.io"
NOW = datetime(2026, 11, 27, tzinfo=UTC)
ENVOY = (("server", "istio-envoy"), ("x-envoy-upstream-service-time", "1"))
RESET = Answer("reset", "connection reset by peer")
NOT_FOUND = Answer(status=404, headers=ENVOY)
GRPC_OK = Answer(status=200, grpc=0)
OPEN = Answer(status=200, grpc=0, open=True)


def healthy(mode: str) -> Facts:
    """What a healthy exposure in a mode answers."""
    headers = () if mode == PASSTHROUGH else ENVOY
    page, api = Answer(status=200, headers=headers), Answer(status=200, headers=headers, body='{"Version":"v9.9.9"}')
    refused = Answer(status=401, headers=headers)
    not_offered = Answer("not offered", "the server chose HTTP/1.1")
    native = mode != TERMINATION
    missing = Answer(status=404, headers=ENVOY, body="404 page not found\n")
    return Facts(
        host=HOST,
        address="192.0.2.1",
        now=NOW,
        certificate=Certificate(f"CN={HOST}", "CN=CA", (HOST,), NOW, NOW + timedelta(days=90), 2, False),
        alpn="http/1.1" if mode == PASSTHROUGH else "h2",
        tls={"1.0": False, "1.1": None, "1.2": True, "1.3": True},
        other_name=Name(RESET),
        no_name=Name(RESET),
        plain=Walk((Hop(f"http://{HOST}/applications?x=1", redirect(f"https://{HOST}/applications?x=1")),)),
        plain_api=redirect(f"https://{HOST}/api/version"),
        web=Walk((Hop(f"https://{HOST}/", page),)),
        api=api,
        api_http2=not_offered if mode == PASSTHROUGH else api,
        page_http2=not_offered if mode == PASSTHROUGH else page,
        other_host=api if mode == PASSTHROUGH else NOT_FOUND,
        host_with_port=api,
        applications=refused,
        events=refused,
        login=Answer(status=501),
        webhook=Answer(status=400, body="Unknown webhook event\n"),
        health=GRPC_OK if native else missing,
        call=GRPC_OK if native else missing,
        cli_call=GRPC_OK if native else missing,
        upload=Answer(status=200, grpc=16) if native else Answer("not asked", "not asked"),
        watch=OPEN if native else Answer("not asked", "not asked"),
        grpc_web=GRPC_OK,
        cli_grpc_web=GRPC_OK,
        grpc_web_http2=not_offered if mode == PASSTHROUGH else GRPC_OK,
        web_watch=OPEN,
    )


def redirect(location: str, status: int = 301) -> Answer:
    return Answer(status=status, headers=(("location", location),))


def rules(facts: Facts, expected: str = "") -> list[str]:
    """The likeliest rule of each finding above info."""
    return [one.rules[0] if one.rules else "" for one in judge(facts, expected) if one.severity != INFO]


@pytest.mark.parametrize("mode", [PASSTHROUGH, TERMINATION, GRPC_ROUTING])
def test_a_healthy_exposure_shows_its_mode(mode: str) -> None:
    facts = healthy(mode)
    assert (facts.mode, facts.balancer, facts.version) == (mode, "", "v9.9.9")
    assert rules(facts, mode) == []
    infos = {PASSTHROUGH: [], TERMINATION: ["A31", "B05"], GRPC_ROUTING: ["B05"]}
    assert [one.rules[0] for one in judge(facts)] == infos[mode]
    assert "nothing to fix" in report.text(facts, judge(facts), Meter(), 1, Terminal())


def test_another_mode_than_expected_is_an_error() -> None:
    assert rules(healthy(TERMINATION), GRPC_ROUTING) == ["A14"]
    assert rules(healthy(TERMINATION), PASSTHROUGH) == [""]


WEB, PAGE = f"https://{HOST}/", Answer(status=200, headers=ENVOY)
UNSUPPORTED = Answer(status=415, headers=ENVOY)
TERMINATED = Answer(
    status=503,
    headers=ENVOY,
    body="upstream connect error or disconnect/reset before headers. reset reason: connection termination",
)
SHOWN = Certificate(f"CN={HOST}", "CN=CA", (HOST,), NOW, NOW + timedelta(days=90), 2, False)
CLOUD = (("server", "cloudfront"), ("via", "1.1 abc.cloudfront.net (CloudFront)"))


def sign_on(back: str) -> dict[str, Any]:
    """A login that asks the provider to return to the address."""
    return {"login": redirect(f"https://id.acme.io/auth?client_id=argocd&redirect_uri={quote(back, safe='')}", 303)}


UNTRUSTED = 'failed to query provider "https://id.acme.io": x509: certificate signed by unknown authority'
CHANGES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "single sign-on that returns here": (TERMINATION, sign_on(f"https://{HOST}/auth/callback"), []),
    "single sign-on without url": (TERMINATION, sign_on("/auth/callback"), ["G01"]),
    "single sign-on to another host": (TERMINATION, sign_on("https://other.acme.io/auth/callback"), ["G02"]),
    "single sign-on without https": (TERMINATION, sign_on(f"http://{HOST}/auth/callback"), ["G03"]),
    "an address that is none": (TERMINATION, sign_on("https://[/auth/callback"), []),
    "a provider that is not trusted": (TERMINATION, {"login": Answer(status=500, body=UNTRUSTED)}, [""]),
    "a reset handshake": (PASSTHROUGH, {"handshake": RESET, "trusted": RESET, "certificate": None}, ["A01"]),
    "a refused port": (GRPC_ROUTING, {"handshake": Answer("refused", "connection refused")}, ["D16"]),
    "a silent port": (GRPC_ROUTING, {"handshake": Answer("late", "no connection in time")}, ["D16"]),
    "a client certificate": (
        GRPC_ROUTING,
        {"handshake": Answer("tls", "TLSV13 ALERT CERTIFICATE REQUIRED")},
        ["A27"],
    ),
    "clear text on 443": (GRPC_ROUTING, {"handshake": Answer("tls", "WRONG VERSION NUMBER")}, ["A05"]),
    "another host": (
        GRPC_ROUTING,
        {"trusted": Answer("certificate", "Hostname mismatch, certificate is not valid for 'cd.acme.io'.")},
        ["C24"],
    ),
    "an expired certificate": (GRPC_ROUTING, {"trusted": Answer("certificate", "certificate has expired")}, ["C25"]),
    "a self-signed certificate": (
        PASSTHROUGH,
        {"trusted": Answer("certificate", "self-signed certificate"), "certificate": replace(SHOWN, self_signed=True)},
        ["D15"],
    ),
    "a missing intermediate": (
        GRPC_ROUTING,
        {"trusted": Answer("certificate", "unable to get local issuer certificate")},
        ["D09"],
    ),
    "a certificate that ends soon": (
        GRPC_ROUTING,
        {"certificate": replace(SHOWN, ends=NOW + timedelta(days=13))},
        ["C25"],
    ),
    "TLS 1.0": (GRPC_ROUTING, {"tls": {"1.0": True}}, ["A24"]),
    "any SNI": (GRPC_ROUTING, {"other_name": Name(Answer(), None, healthy(GRPC_ROUTING).api)}, ["C01"]),
    "any Host": (TERMINATION, {"other_host": healthy(TERMINATION).api}, ["C01"]),
    "a certificate for any SNI, and 404": (GRPC_ROUTING, {"other_name": Name(Answer(), None, NOT_FOUND)}, []),
    "clear text on 80": (TERMINATION, {"plain_api": healthy(TERMINATION).api}, ["B01"]),
    "404 on 80": (TERMINATION, {"plain": Walk((Hop("http://", NOT_FOUND),))}, ["B01"]),
    "nothing on 80": (TERMINATION, {"plain": Walk((Hop("http://", Answer("refused", "refused")),))}, ["B07"]),
    "a reset on 80": (TERMINATION, {"plain": Walk((Hop("http://", RESET),))}, ["B07"]),
    "a redirect elsewhere": (TERMINATION, {"plain": Walk((Hop("http://", redirect("https://shop.io/")),))}, ["B01"]),
    "a redirect that loses the path": (
        TERMINATION,
        {"plain": Walk((Hop("http://", redirect(f"https://{HOST}/")),))},
        ["B01"],
    ),
    "a redirect to a similar name": (
        TERMINATION,
        {"plain": Walk((Hop("http://", redirect(f"https://{HOST}.evil.io/applications?x=1")),))},
        ["B01"],
    ),
    "a loop on 80": (
        TERMINATION,
        {"plain": Walk((Hop("http://", redirect(f"http://{HOST}/applications?x=1")),), True)},
        ["B06"],
    ),
    "argocd-server's loop": (
        TERMINATION,
        {"web": Walk((Hop(WEB, redirect(WEB, 307)),), True), "api": redirect(f"{WEB}api/version", 307)},
        ["A02"],
    ),
    "the gateway's loop": (
        TERMINATION,
        {"web": Walk((Hop(WEB, redirect(WEB)),), True), "api": redirect(f"{WEB}api/version")},
        ["B06"],
    ),
    "the UI fails": (TERMINATION, {"web": Walk((Hop(WEB, Answer(status=503, body="no healthy upstream")),))}, ["D25"]),
    "no route": (TERMINATION, {"api": NOT_FOUND, "api_http2": NOT_FOUND}, ["C04"]),
    "the browser's route is HTTP/2": (GRPC_ROUTING, {"api": UNSUPPORTED}, ["A15"]),
    "the API by HTTP/2 fails": (GRPC_ROUTING, {"api_http2": TERMINATED}, ["A15"]),
    "something else by HTTP/2": (GRPC_ROUTING, {"api_http2": PAGE}, ["A15"]),
    "the CLI's gRPC-Web is refused": (GRPC_ROUTING, {"cli_grpc_web": UNSUPPORTED}, ["A16"]),
    "gRPC-Web is refused": (GRPC_ROUTING, {"grpc_web": UNSUPPORTED, "cli_grpc_web": UNSUPPORTED}, ["A16"]),
    "gRPC-Web has no route": (TERMINATION, {"grpc_web": NOT_FOUND, "cli_grpc_web": NOT_FOUND}, ["G08"]),
    "gRPC-Web answers something else": (GRPC_ROUTING, {"grpc_web": PAGE}, [""]),
    "only the CLI's gRPC": (GRPC_ROUTING, {"call": NOT_FOUND}, ["A16"]),
    "one call fails": (GRPC_ROUTING, {"cli_call": Answer("late", "no answer in time")}, ["A14"]),
    "native gRPC is closed": (
        PASSTHROUGH,
        dict.fromkeys(("health", "call", "cli_call"), Answer("closed", "closed without an answer")),
        ["A14"],
    ),
    "no HTTP/2 for gRPC": (
        TERMINATION,
        dict.fromkeys(("health", "call", "cli_call"), Answer("not offered", "missing selected ALPN property")),
        ["A14"],
    ),
    "a proxy waits for the end": (GRPC_ROUTING, {"upload": Answer("late", "no answer in time")}, ["A31"]),
    "a stream of gRPC ends": (GRPC_ROUTING, {"watch": GRPC_OK}, ["H01"]),
    "a stream of the browser ends": (TERMINATION, {"web_watch": Answer("protocol", "incomplete")}, ["H01"]),
    "older than 3.6": (
        GRPC_ROUTING,
        dict.fromkeys(("health", "watch", "web_watch"), Answer(status=200, grpc=12)),
        [],
    ),
    "an anonymous list": (
        GRPC_ROUTING,
        {"applications": Answer(status=200, body='{"items":[{"metadata":{"name":"a"}}]}')},
        ["F15"],
    ),
    "events are refused": (GRPC_ROUTING, {"events": Answer(status=504, body="upstream request timeout")}, ["H01"]),
    "events without an event": (GRPC_ROUTING, {"events": Answer("waits", "no answer in time")}, []),
    "a policy refuses webhooks": (GRPC_ROUTING, {"webhook": Answer(status=403, body="RBAC: access denied")}, ["F12"]),
    "no webhook": (GRPC_ROUTING, {"webhook": NOT_FOUND}, ["G08"]),
    "Host with a port": (GRPC_ROUTING, {"host_with_port": NOT_FOUND}, [""]),
    "behind CloudFront": (TERMINATION, {"api": replace(healthy(TERMINATION).api, headers=CLOUD)}, []),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_gives_its_rule(change: str) -> None:
    mode, fields, expected = CHANGES[change]
    facts = replace(healthy(mode), **fields)
    assert rules(facts) == expected, judge(facts)


def test_a_balancer_is_named_by_its_own_words() -> None:
    facts = replace(healthy(TERMINATION), api=replace(healthy(TERMINATION).api, headers=CLOUD))
    assert (facts.mode, facts.balancer) == (TERMINATION, CLOUD[1][1])
    envoy = replace(facts.api, headers=(("server", "envoy"),))
    assert replace(facts, api=envoy).balancer == "envoy"


def test_a_cookie_without_secure_is_a_note() -> None:
    login = Answer(status=303, headers=(("set-cookie", "argocd.oauthstate=secure; HttpOnly; SameSite=Lax"),))
    [cookie] = [one for one in judge(replace(healthy(TERMINATION), login=login)) if one.subject == "cookies"]
    assert (cookie.severity, cookie.rules) == (INFO, ("B01",))
    secure = replace(login, headers=(("set-cookie", "a=b; Secure"),))
    assert not [one for one in judge(replace(healthy(TERMINATION), login=secure)) if one.subject == "cookies"]


# --- error texts

TEXTS = {
    'rpc error: code = Unimplemented desc = unexpected HTTP status code received from server: 404 (Not Found); '
    'transport: received the unexpected content-type "text/plain; charset=utf-8"': "A14",
    'received the unexpected content-type "text/plain"': "A14",
    "Failed to invoke grpc call. Use flag --grpc-web in grpc calls. To avoid this warning message": "A14",
    "rpc error: code = Unknown desc = Post \"https://cd.acme.io:443/...\": failed with status code 415": "A16",
    "rpc error: code = Unknown desc = error receiving manifest file stream: error receiving tgz file: "
    "file checksum validation error": "A31",
    'Get "https://cd.acme.io/api/version": stopped after 10 redirects': "A02",
    "net::ERR_TOO_MANY_REDIRECTS": "A02",
    "transport: authentication handshake failed: credentials: cannot check peer: missing selected ALPN property": "A14",
    "connection error: desc = \"error reading server preface: http2: frame too large\"": "A14",
    "tls: first record does not look like a TLS handshake": "A05",
    "remote error: tls: certificate required": "A27",
    "tls: protocol version not supported": "A24",
    "x509: certificate is valid for shop.acme.io, not cd.acme.io": "C24",
    "x509: certificate has expired or is not yet valid: current time 2026": "C25",
    "x509: certificate signed by unknown authority": "D09",
    "curl: (60) SSL certificate problem: self-signed certificate": "D15",
    "self-signed certificate in certificate chain": "D09",
    "rpc error: code = PermissionDenied desc = RBAC: access denied": "F12",
    "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: remote connection "
    "failure, transport failure reason: TLS_error:|268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER": "A03",
    "upstream connect error or disconnect/reset before headers. retried and the latest reset reason: "
    "remote connection failure": "A03",
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination": "A15",
    "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, transport "
    "failure reason: delayed connect error: Connection refused": "A23",
    "no healthy upstream": "D25",
    "HTTP status 404: 404 page not found": "A23",
    "upstream request timeout": "H01",
    "Invalid redirect URL: the protocol and host (including port) must match": "G02",
    "read tcp 10.0.0.1:4321->192.0.2.1:443: read: connection reset by peer": "A01",
    "dial tcp 192.0.2.1:443: connect: connection refused": "D16",
    "context deadline exceeded": "D16",
    "Uncaught SyntaxError: Unexpected token '<'": "G11",
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_known_error_text_names_its_rule(text: str, call: Called) -> None:
    code, out, error = call("probe", "--explain", text, "--format", "json")
    assert (code, error) == (0, "") and json.loads(out)["rules"][0]["rule"] == TEXTS[text]


def test_an_unknown_error_text_is_refused(call: Called) -> None:
    code, out, error = call("probe", "--explain", 'received the unexpected content-type "text/plain"')
    assert (code, error) == (0, "") and "rules: A14 grpc-to-http1-port, A17" in out and "\nfix: " in out
    code, out, error = call("probe", "--explain", "it does not work")
    assert (code, out) == (2, "") and error.startswith("--explain: found an error text that is not known")
    assert "the name does not resolve" in call("probe", "--explain", "lookup cd.acme.io: no such host")[1]


def test_every_error_text_is_reached_by_a_test() -> None:
    short = ["no such host", "no answer in time", "HTTP status 404", "HTTP status 500", "HTTP status 503"]
    reached = {explain(text) for text in [*TEXTS, *short]}
    assert reached == set(KNOWN)


def test_every_rule_has_a_name() -> None:
    ids = {rule for known in KNOWN for rule in known.rules}
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name_of(rule)) for rule in ids)


# --- any answers at all

TEXT = st.text(max_size=20) | st.sampled_from(
    ["", "no healthy upstream", '{"Version":"v1"}', '{"Version":[]}', "[" * 9999]
)
ANSWERS = st.builds(
    Answer,
    failure=st.sampled_from(["", "", "reset", "late", "waits", "certificate", "not offered", "name"]),
    text=TEXT,
    status=st.sampled_from([0, 200, 301, 307, 400, 401, 403, 404, 415, 500, 503, 999]),
    headers=st.lists(st.tuples(st.sampled_from(["server", "via", "location", "set-cookie"]), TEXT), max_size=3).map(
        tuple
    ),
    body=TEXT,
    grpc=st.sampled_from([None, 0, 12, 14, 16]),
    message=st.binary(max_size=5),
    open=st.booleans(),
)
WALKS = st.builds(Walk, st.lists(st.builds(Hop, TEXT, ANSWERS), max_size=3).map(tuple), st.booleans())
SINGLE = [name for name, field in Facts.__dataclass_fields__.items() if field.type == "Answer"]
ANY = st.builds(
    Facts,
    host=st.just(HOST),
    now=st.just(NOW),
    certificate=st.sampled_from([None, SHOWN, replace(SHOWN, self_signed=True, names=(), ends=NOW)]),
    alpn=st.sampled_from(["", "h2", "http/1.1"]),
    tls=st.dictionaries(st.sampled_from(["1.0", "1.2"]), st.none() | st.booleans()),
    other_name=st.builds(Name, ANSWERS, st.sampled_from([None, SHOWN]), ANSWERS),
    plain=WALKS,
    web=WALKS,
    **dict.fromkeys(SINGLE, ANSWERS),
)


@given(ANY, st.sampled_from(["", PASSTHROUGH, TERMINATION, GRPC_ROUTING]), st.booleans())
@settings(max_examples=100)
def test_any_facts_are_judged_and_printed(facts: Facts, expected: str, unicode: bool) -> None:
    findings = judge(facts, expected)
    drawn = report.text(facts, findings, Meter(), 1.0, Terminal(unicode=unicode))
    assert not any(ord(each) < 32 and each != "\n" for each in drawn)
    assert unicode or drawn.isascii()
    found = json.loads(report.as_json(facts, findings, Meter(), 1.0))
    assert found["errors"] == sum(one.severity == ERROR for one in findings)
    # Either Argo CD's version was seen, or something is an error.
    assert facts.version or found["errors"]
