"""The gateway's certificates, as far as these files show them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain

from argocd_istio.exposure.hosts import host_problem, normal
from argocd_istio.lint.rule import Fault, Rule, Unchecked, named_few
from argocd_istio.render.model import Facts, Given, Listener, Way
from argocd_istio.render.x509 import EXTRA

Name = tuple[str, str]


def _shown(facts: Facts) -> Iterator[tuple[Way, Listener, Name]]:
    """The ways to argocd-server whose TLS ends at a gateway with a certificate in a Secret of a known namespace."""
    for way, listener in facts.listeners():
        found = listener.certificate
        if found and found.secret and found.namespace and listener.here and way.to_argocd_server:
            yield way, listener, (found.namespace, found.secret)


def _passed(facts: Facts) -> Iterator[tuple[Way, Listener, Name]]:
    """The ways whose TLS argocd-server ends, with the Secret of its certificate."""
    for way, listener in facts.listeners():
        for each in (
            each for route in listener.routes for each in route.destinations if each.hop == "the client's TLS"
        ):
            for found in (pods.certificate for pods in each.pods):
                if found:
                    yield way, listener, (found.namespace, found.secret)


def _given(facts: Facts) -> dict[Name, Given]:
    """What these files say about each Secret; a Secret itself before an object that creates it."""
    found: dict[Name, Given] = {}
    for each in sorted(facts.install.secrets, key=lambda one: one.place.object.kind == "Secret"):
        if each.names is not None:
            found[each.namespace, each.name] = each
    return found


def covers(pattern: str, host: str) -> bool:
    """Whether a name in a certificate is that of a host: a wildcard stands for one label."""
    one, other = pattern.lower(), host.lower()
    return one == other or (one.startswith("*.") and one[2:] == other.partition(".")[2] and not other.startswith("*"))


def named(hosts: Iterable[str]) -> list[str]:
    """The hosts that clients can ask for, as they ask. Rules for hosts report the others."""
    usual = map(normal, hosts)
    return [each for each in usual if host_problem(each.removeprefix("*.")) is None or each == "*"]


def _not_covered(facts: Facts) -> Iterator[Fault]:
    given = _given(facts)
    for way, listener, name in chain(_shown(facts), _passed(facts)):
        found = given.get(name)
        names = found.names if found else None
        lost = [
            host for host in named(way.hosts) if names is not None and not any(covers(each, host) for each in names)
        ]
        if found and names is not None and lost:
            shown = named_few(names) or "no host"
            message = f"the certificate in Secret {'/'.join(name)} names {shown}, not {named_few(lost)}"
            place = found.place.at("spec", "dnsNames") if found.place.object.kind == "Certificate" else found.place
            yield Fault(
                listener, place, f"{message}: browsers and the CLI refuse it", f"issue it for {named_few(lost)}"
            )


def _expired(facts: Facts) -> Iterator[Fault | Unchecked]:
    yield from _unread(facts)
    given, now = _given(facts), facts.stated.now
    for _, listener, name in chain(_shown(facts), _passed(facts)):
        found = given.get(name)
        if not found or found.begins is None or found.ends is None or not now:
            continue
        if not found.begins <= now <= found.ends:
            ended = found.ends < now
            date = datetime.fromtimestamp(found.ends if ended else found.begins, UTC).date()
            what = f"expired on {date}" if ended else f"is valid from {date} on"
            message = f"the certificate in Secret {'/'.join(name)} {what}: browsers and the CLI refuse it"
            yield Fault(listener, found.place, message, "renew it" if ended else "issue it again, or wait")


def _shared(facts: Facts) -> Iterator[Fault]:
    """Browsers send requests for both hosts through one connection; the second Gateway's server never sees them."""
    first: dict[tuple[object, ...], Listener] = {}
    for way, listener in facts.listeners():
        if not (listener.api == "Istio" and listener.here and listener.selector and listener.certificate):
            continue
        for secret in listener.settings.credentials if listener.settings else ():
            other = first.setdefault((tuple(sorted(listener.selector)), listener.port, secret), listener)
            if other.gateway != listener.gateway and (way.to_argocd_server or _ours(other)):
                message = f"Gateways {other.gateway} and {listener.gateway} share certificate {secret} on the same pods"
                fix = "put the hosts into one Gateway, or give each a certificate for its own names"
                yield Fault(listener, listener.place, f"{message}: browsers reuse a connection and get 404", fix)


def _ours(listener: Listener) -> bool:
    return any(each.to_argocd_server for route in listener.routes for each in route.destinations)


def _reused(facts: Facts) -> Iterator[Fault]:
    given = _given(facts)
    hosts: dict[tuple[object, ...], list[tuple[Way, Listener]]] = {}
    for way, listener in facts.listeners():
        if listener.api == "Istio" and listener.here and listener.selector and listener.tls in ("SIMPLE", "MUTUAL"):
            hosts.setdefault((tuple(sorted(listener.selector)), listener.port), []).append((way, listener))
    for way, listener, name in _shown(facts):
        found = given.get(name)
        if not found or not found.names or listener.api != "Istio":
            continue
        for _, other in hosts.get((tuple(sorted(listener.selector)), listener.port), []):
            if other.gateway == listener.gateway or other.certificate == listener.certificate:
                continue
            meant = [host for host in other.hosts if any(covers(each, host) for each in found.names)]
            if meant and not set(meant) & set(way.hosts):
                message = (
                    f"the certificate in Secret {'/'.join(name)} also covers {meant[0]} of Gateway {other.gateway}"
                )
                fix = "put the hosts into one Gateway, or issue certificates without a wildcard"
                yield Fault(listener, found.place, f"{message}: browsers reuse a connection and get 404", fix)
                break


def _unknown(facts: Facts) -> Iterator[Fault | Unchecked]:
    yield from _not_covered(facts)
    yield from _unread(facts)
    given = _given(facts)
    unread = {(each.namespace, each.name) for each in facts.install.secrets if each.unread}
    for _, _, name in _shown(facts):
        if name not in given and name not in unread:
            yield Unchecked("", f"the certificate in Secret {'/'.join(name)}, which these files do not show")


def _unread(facts: Facts) -> Iterator[Unchecked]:
    shown = {name for _, _, name in _shown(facts)}
    for each in facts.install.secrets:
        if each.unread and (each.namespace, each.name) in shown:
            yield Unchecked("", f"the certificate in Secret {each.namespace}/{each.name}: install {EXTRA} to read it")


_CERTIFICATE = """
            apiVersion: cert-manager.io/v1
            kind: Certificate
            metadata: {{name: cd, namespace: istio-system}}
            spec: {{secretName: argocd-certificate, dnsNames: [{name}]}}
"""
_OTHER = """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {{name: shop, namespace: shop}}
            spec:
              selector: {{istio: ingressgateway}}
              servers:
              - port: {{number: 443, name: https, protocol: HTTPS}}
                hosts: [./shop.example.com]
                tls: {{mode: SIMPLE, credentialName: {secret}}}
"""
_PEM = """
            apiVersion: v1
            kind: Secret
            metadata: {{name: argocd-certificate, namespace: istio-system}}
            stringData:
              tls.key: a
              tls.crt: |
{pem}
"""

RULES = (
    Rule(
        "C22",
        "certificate-of-two-gateways",
        "warning",
        _shared,
        effect="A browser that has the other application open sends the requests for Argo CD through that "
        "connection, and the gateway answers 404.",
        decided="Two Gateways with the same selector and port name the same credential, and one leads to "
        "argocd-server.",
        source="https://istio.io/latest/docs/ops/common-problems/network-issues/",
        istioctl="IST0138",
        wrong=_OTHER.format(secret="argocd-certificate"),
        right=_OTHER.format(secret="shop-certificate"),
    ),
    Rule(
        "C23",
        "certificate-covers-another-gateway",
        "warning",
        _reused,
        effect="As C22: browsers reuse a connection for every host in the certificate.",
        decided="A certificate in these files, or a Certificate of cert-manager, names a host of another Gateway "
        "with the same selector and port.",
        source="https://www.rfc-editor.org/rfc/rfc9113#name-connection-reuse",
        wrong=_CERTIFICATE.format(name='"*.example.com"') + "            ---" + _OTHER.format(secret="shop"),
        right=_CERTIFICATE.format(name="argocd.example.com") + "            ---" + _OTHER.format(secret="shop"),
    ),
    Rule(
        "C24",
        "certificate-of-another-host",
        "error",
        _unknown,
        effect="Browsers warn, and the CLI refuses the connection.",
        decided="The names in tls.crt of the Secret in these files, or dnsNames of cert-manager's Certificate, do not "
        "include the host: that of the gateway, or argocd-server-tls for passthrough. Not checked if the files do not "
        "have the gateway's. Of a Secret only tls.crt is read, if the extra "
        "argocd-istio[probe] is installed.",
        source="https://www.rfc-editor.org/rfc/rfc9525",
        wrong=_CERTIFICATE.format(name="argo.example.com"),
        right=_CERTIFICATE.format(name='"*.example.com"'),
    ),
    Rule(
        "C25",
        "certificate-not-valid-now",
        "error",
        _expired,
        effect="Browsers warn, and the CLI refuses the connection.",
        decided="The dates of tls.crt of the Secret in these files. Whether the key belongs to it is not checked: "
        "no key is read.",
        istioctl="IST0161",
        source="https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
        wrong=_PEM.format(
            pem="""
                -----BEGIN CERTIFICATE-----
                MIIBjTCCATSgAwIBAgIUSJyKAS+49w8kI2am+bEZ8p0SbswwCgYIKoZIzj0EAwIw
                DTELMAkGA1UEAwwCY2QwHhcNMjYxMTI3MDE0MzMwWhcNMjYxMTI4MDE0MzMwWjAN
                MQswCQYDVQQDDAJjZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGhqVD3zk8P1
                F688/TwNoB+AUoLvyyk5tdiMz4FaT3FYQ0MsMUsC/qbSDPMiQ4SzIQ+vNotEcRHq
                ZvP3qlzjIM+jcjBwMB0GA1UdDgQWBBQjWs/TN1JPcOs3+j+ABWLRJeztpjAfBgNV
                HSMEGDAWgBQjWs/TN1JPcOs3+j+ABWLRJeztpjAPBgNVHRMBAf8EBTADAQH/MB0G
                A1UdEQQWMBSCEmFyZ29jZC5leGFtcGxlLmNvbTAKBggqhkjOPQQDAgNHADBEAiAk
                Zt0VPe84a/5N7c2sCbisFK9S/d4JnmEp3LnX9rBQvwIgdJc7DRLaWyNDNczNcQ7J
                YR9Vc4ckYvO/SEfL/CE3hG4=
                -----END CERTIFICATE-----""".strip("\n")
        ),
        right=_PEM.format(
            pem="""
                -----BEGIN CERTIFICATE-----
                MIIBkDCCATagAwIBAgIUP6X18AVjYsXOboyQmkve3/7/Em0wCgYIKoZIzj0EAwIw
                DTELMAkGA1UEAwwCY2QwIBcNMjYxMTI3MDE0MjI0WhgPMjEyNjExMDMwMTQyMjRa
                MA0xCzAJBgNVBAMMAmNkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaGpUPfOT
                w/UXrzz9PA2gH4BSgu/LKTm12IzPgVpPcVhDQywxSwL+ptIM8yJDhLMhD682i0Rx
                Eepm8/eqXOMgz6NyMHAwHQYDVR0OBBYEFCNaz9M3Uk9w6zf6P4AFYtEl7O2mMB8G
                A1UdIwQYMBaAFCNaz9M3Uk9w6zf6P4AFYtEl7O2mMA8GA1UdEwEB/wQFMAMBAf8w
                HQYDVR0RBBYwFIISYXJnb2NkLmV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUC
                IQDkkk/ivNoy+3fYYa5049uRLTzD9grTigsOxnlz0zZ2HgIgGXfxm47dQ3/2XvMK
                1JCPeDapIRjw/eZi8ZQdavMqPyk=
                -----END CERTIFICATE-----""".strip("\n")
        ),
    ),
)
