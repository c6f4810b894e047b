"""What the facts mean: each judge yields findings, with the rule that explains them and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from argocd_istio.findings import ERROR, INFO, WARNING
from argocd_istio.probe.known import explain
from argocd_istio.probe.observations import (
    GRPC_ROUTING,
    PASSTHROUGH,
    SHOWN,
    TERMINATION,
    UNAUTHENTICATED,
    UNIMPLEMENTED,
    Answer,
    Facts,
)
from argocd_istio.syntax.source import visible

SOON = timedelta(days=14)
"""A certificate that ends within this time should have been renewed."""


def name_of(rule: str) -> str:
    """The readable name of a rule."""
    from argocd_istio.lint.catalogue import BY_ID

    return BY_ID[rule].name


@dataclass(frozen=True)
class Finding:
    """What is wrong. `subject` is what was asked about; `rules`: the likeliest comes first, none if no rule fits."""

    severity: str
    rules: tuple[str, ...]
    subject: str
    message: str
    fix: str = ""


def _explained(facts: Answer, subject: str, severity: str = ERROR, first: tuple[str, ...] = ()) -> Finding:
    """The finding of an answer that is an error; `first` are the rules that the question itself makes likely."""
    known = explain(facts.words)
    rules = tuple(dict.fromkeys((*first, *(known.rules if known else ()))))
    meaning, fix = (known.meaning, known.fix) if known else ("not what Argo CD answers", "see what answers there")
    return Finding(severity, rules, subject, f"{facts.words or 'no answer'}: {meaning}", fix)


def _redirected(answer: Answer) -> bool:
    return answer.status in (301, 302, 303, 307, 308)


def _handshake(facts: Facts) -> Iterator[Finding]:
    if facts.handshake.failure:
        yield _explained(facts.handshake, "TLS")


def _certificate(facts: Facts) -> Iterator[Finding]:
    shown, trusted = facts.certificate, facts.trusted
    if trusted.failure == "certificate":
        lone = shown is not None and shown.self_signed
        if lone and "C24" not in (known.rules if (known := explain(trusted.words)) else ()):
            trusted = Answer("certificate", f"self-signed certificate ({trusted.text})")
        found = _explained(trusted, "certificate")
        names = f"; it names {', '.join(shown.names[:5]) or shown.subject}" if shown and "C24" in found.rules else ""
        yield Finding(ERROR, found.rules, "certificate", found.message + names, found.fix)
    elif trusted.failure and not facts.handshake.failure:
        yield _explained(trusted, "certificate", WARNING)
    elif shown and facts.now < shown.ends < facts.now + SOON:
        days = (shown.ends - facts.now).days
        yield Finding(WARNING, ("C25",), "certificate", f"it expires in {days} days", "renew it")


def _versions(facts: Facts) -> Iterator[Finding]:
    old = [version for version in ("1.0", "1.1") if facts.tls.get(version)]
    if old:
        message = f"TLS {' and '.join(old)} is accepted, which browsers refuse and attackers break"
        fix = "remove minProtocolVersion from the Gateway; in passthrough, remove --tlsminversion from argocd-server"
        yield Finding(ERROR, ("A24", "A25"), "TLS versions", message, fix)


def _names(facts: Facts) -> Iterator[Finding]:
    # Passthrough shows no other Host to the gateway: only another SNI.
    other_host = facts.proxied and facts.other_host.version
    if other_host or facts.other_name.answer.version:
        what = "Host" if other_host else "SNI"
        message = f"Argo CD answers for every name (asked with another {what}): other applications' requests reach it"
        yield Finding(ERROR, ("C01", "C02"), "SNI", message, "name the host in Gateway and route, not *")


def _leads_to(location: str, host: str) -> bool:
    """Whether an address is the host's, by https."""
    try:
        parts = urlsplit(location)
        return parts.scheme == "https" and (parts.hostname or "") == host.lower()
    except ValueError:
        return False


def _plain(facts: Facts) -> Iterator[Finding]:
    first, walk = facts.plain.first, facts.plain
    if first.failure == "name":
        return
    encrypt = "set tls: {httpsRedirect: true} on the Gateway's server for port 80"
    if facts.plain_api.version:
        message = "Argo CD answers in clear text: passwords and tokens cross the network readable"
        yield Finding(ERROR, ("B01",), "port 80", message, encrypt)
    elif first.failure in ("refused", "unreachable", "late"):
        message = f"{first.text}: http:// addresses do not lead to https://"
        yield Finding(WARNING, ("B07", "D16"), "port 80", message, "add a server for port 80 that redirects")
    elif first.failure:
        yield Finding(WARNING, ("B07",), "port 80", f"{first.text}, expected a redirect to https", encrypt)
    elif _redirected(first):
        location = first.header("location")
        if walk.loop and not facts.web.loop:
            message = (
                f"redirect loop from http://: {len(walk.hops)} redirects, the last to {walk.last.header('location')}"
            )
            yield Finding(ERROR, ("B06", "A02"), "port 80", message, "redirect once, to https")
        elif not _leads_to(location, facts.host):
            yield Finding(
                WARNING, ("B01",), "port 80", f"it redirects to {location or 'nothing'}, not to https", encrypt
            )
        elif not location.endswith("/applications?x=1"):
            message = f"the redirect to {location} loses the path: links break"
            yield Finding(WARNING, ("B01",), "port 80", message, encrypt)
    else:
        yield Finding(
            ERROR, ("B01", "B08"), "port 80", f"HTTP status {first.status}, expected a redirect to https", encrypt
        )


def _api(facts: Facts) -> Iterator[Finding]:
    """Whether a browser gets anything: one finding, for what else fails has the same cause."""
    if facts.version and not facts.web.loop and facts.api.version:
        first = facts.web.last
        if first.failure or first.status >= 400:
            yield _explained(first, "UI")
        return
    if facts.web.loop or _redirected(facts.api):
        status = facts.web.first.status or facts.api.status
        # argocd-server answers 307, a gateway 301.
        rules = ("A02", "B06", "A11") if status == 307 else ("B06", "A02")
        what = "argocd-server expects TLS and gets clear text" if status == 307 else "who ends TLS sends it clear text"
        fix = 'set server.insecure: "true" and restart argocd-server'
        fix = fix if status == 307 else "remove httpsRedirect, and redirect at the load balancer"
        yield Finding(ERROR, rules, "UI", f"redirect loop, HTTP status {status}: {what}", fix)
    elif facts.api.status == 200:
        yield Finding(
            ERROR, ("H07", "G06"), "UI", "/api/version is not Argo CD's: something else answers", "check the route"
        )
    else:
        # Nothing but the browser's own route can mistake its requests for gRPC.
        yield _explained(facts.api, "UI", first=("A15",) if facts.api.status == 415 else ())


def _http2(facts: Facts) -> Iterator[Finding]:
    for answer, what in ((facts.page_http2, "UI by HTTP/2"), (facts.api_http2, "API by HTTP/2")):
        right = answer.well if answer is facts.page_http2 else answer.version
        if facts.api.version and answer.failure != "not offered" and not right and not facts.web.loop:
            known = explain(answer.words)
            yield _explained(answer, what, first=() if known and known.rules else ("A15",))
            return
    if facts.api.version and facts.proxied and facts.alpn != "h2":
        message = "whoever ends TLS does not offer HTTP/2: the UI is slower, and native gRPC may fail"
        yield Finding(INFO, ("A14",), "UI by HTTP/2", message, "switch on HTTP/2 where TLS ends")


def _grpc(facts: Facts) -> Iterator[Finding]:
    cli, other = facts.cli_call, facts.call
    failing, what = (other, "other clients than the CLI") if cli.called else (cli, "the CLI")
    if cli.called is not other.called and failing.status in (404, 415):
        message = f"native gRPC fails for {what} ({failing.words}): the route matches by user agent"
        yield Finding(ERROR, ("A16",), "native gRPC", message, "match content-type exactly application/grpc")
    elif not facts.native_grpc:
        plain = other.status in (404, 415) and facts.mode == TERMINATION
        if plain:
            message = (
                "native gRPC does not arrive: the CLI falls back to gRPC-Web and warns, "
                "and app diff --local --server-side-generate fails"
            )
            yield Finding(INFO, ("A31", "A14"), "native gRPC", message, "use mode grpc-routing, or --grpc-web")
        elif facts.api.version:
            yield _explained(other, "native gRPC", first=("A14",))
    elif not (cli.called and other.called):
        yield _explained(failing, "native gRPC", first=("A14",))
    else:
        if facts.upload.grpc != UNAUTHENTICATED:
            got = facts.upload.words or "no answer"
            message = f"a stream of messages gets {got} before it ends: a proxy waits for the end"
            yield Finding(WARNING, ("A31",), "client streaming", message, "let the proxy stream requests")
        if facts.health.called and not (facts.watch.called and facts.watch.open):
            yield _stream(facts.watch, "gRPC stream")


def _stream(answer: Answer, subject: str) -> Finding:
    message = f"a stream does not stay open ({answer.words or 'it ended'}): watches and logs break off"
    return Finding(WARNING, ("H01",), subject, message, "remove timeout from the route, and buffering from proxies")


def _grpc_web(facts: Facts) -> Iterator[Finding]:
    if not facts.api.version:
        return
    calls = [("gRPC-Web", facts.grpc_web), ("gRPC-Web of the CLI", facts.cli_grpc_web)]
    if facts.grpc_web_http2.failure != "not offered":
        calls.append(("gRPC-Web by HTTP/2", facts.grpc_web_http2))
    for what, answer in calls:
        if not answer.called:
            # Other paths arrive.
            yield _explained(answer, what, first=("G08",) if answer.status == 404 else ())
            return
    # The browser's streams take the same route; this one needs no login, from Argo CD 3.6 on.
    older = facts.web_watch.grpc == UNIMPLEMENTED
    if not older and not (facts.web_watch.called and facts.web_watch.open):
        yield _stream(facts.web_watch, "stream on the browser's route")


def _login(facts: Facts) -> Iterator[Finding]:
    if not facts.api.version:
        return
    if facts.applications.status == 200:
        some = '"name"' in facts.applications.body
        message = f"Argo CD {'lists its Applications' if some else 'answers'} without login"
        fix = 'set users.anonymous.enabled: "false" in argocd-cm, and never --disable-auth'
        yield Finding(ERROR if some else WARNING, ("F15", "F14"), "login", message, fix)
    for answer, what in ((facts.applications, "API"), (facts.events, "event stream")):
        refused = answer.status == 401 or answer.failure == "waits" or answer.status == 200
        if not refused:
            yield _explained(answer, what, first=("G08",) if answer.status == 404 else ())


def _sign_on(facts: Facts) -> Iterator[Finding]:
    """Argo CD refuses a login for a page of an address that neither url nor additionalUrls names."""
    if facts.login.status == 500 and "failed to query provider" in facts.login.body:
        message = f"{facts.login.words}: argocd-server does not reach the provider, or does not trust it"
        fix = "resolve the provider's host in the cluster, and set issuer and rootCA in oidc.config"
        yield Finding(ERROR, (), "single sign-on", message, fix)
    try:
        address = parse_qs(urlsplit(facts.login.header("location")).query).get("redirect_uri", [""])[0]
        back = urlsplit(address)
    except ValueError:
        return
    if not address or (back.scheme, back.hostname) == ("https", facts.host):
        return
    rules = ("G02", "G04") if back.hostname != facts.host else ("G03",)
    message = f"single sign-on returns to {visible(address)[:SHOWN]}: the login page leads to 400 Invalid redirect URL"
    fix = f"set url to https://{facts.host} in argocd-cm, or list it in additionalUrls"
    yield Finding(ERROR, rules if back.hostname else ("G01",), "single sign-on", message, fix)


def _cookies(facts: Facts) -> Iterator[Finding]:
    if facts.version and facts.mode and facts.mode != PASSTHROUGH:
        if not any(each.header("strict-transport-security") for each in (facts.api, facts.web.last)):
            message = "no Strict-Transport-Security: the first request of a browser may be in clear text"
            fix = "set the header on the route (headers.response.set)"
            yield Finding(INFO, ("B05",), "HSTS", message, fix)
        if any("secure" not in flags for flags in facts.cookie_flags):
            message = "a cookie has no flag Secure, because argocd-server sees no TLS: only the redirect protects it"
            yield Finding(INFO, ("B01",), "cookies", message, "keep port 80 redirecting, and add HSTS")


def _paths(facts: Facts) -> Iterator[Finding]:
    if not facts.api.version:
        return
    hook = facts.webhook
    if not (hook.status == 400 and "webhook" in hook.body.lower()):
        known = explain(hook.words)
        rules = known.rules if known and known.rules and hook.status != 404 else ("G08",)
        message = f"{hook.words or 'no answer'}, expected 400 of argocd-server: events of git providers do not arrive"
        yield Finding(WARNING, rules, "webhook", message, "route /api/webhook, or ignore this if you use none")
    if not facts.host_with_port.version:
        message = (
            f"{facts.host_with_port.words or 'no answer'} for Host {facts.host}:{facts.port}, which clients may send"
        )
        yield Finding(WARNING, (), "Host with a port", message, "match host and host:* where something matches by Host")


def _old(facts: Facts) -> Iterator[Finding]:
    if facts.version and facts.health.grpc == UNIMPLEMENTED and facts.call.called:
        message = "no health service: Argo CD is older than 3.6, and streams were not checked"
        yield Finding(INFO, (), "version", message)


_ALWAYS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (_handshake, _plain)
_BY_TLS: tuple[Callable[[Facts], Iterator[Finding]], ...] = (
    _certificate,
    _versions,
    _names,
    _api,
    _http2,
    _grpc,
    _grpc_web,
    _login,
    _sign_on,
    _cookies,
    _paths,
    _old,
)


def judge(facts: Facts, expected: str = "") -> list[Finding]:
    """All findings, errors first. `expected` is the mode that it should be, empty for any."""
    judges = _ALWAYS if facts.handshake.failure else (*_ALWAYS, *_BY_TLS)
    found = [finding for each in judges for finding in each(facts)]
    if expected and facts.mode and facts.mode != expected:
        rules = ("A14", "A17", "E15") if (expected, facts.mode) == (GRPC_ROUTING, TERMINATION) else ()
        message = f"found {facts.mode}, expected {expected}"
        fix = f"compare what is applied: argocd-istio explain DIR, and list components/{expected}"
        found.append(Finding(ERROR, rules, "mode", message, fix))
    order = (ERROR, WARNING, INFO)
    return sorted(dict.fromkeys(found), key=lambda each: order.index(each.severity))
