"""Where TLS ends, and whether gateway and argocd-server agree on it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from argocd_istio.lint.rule import UNROUTED, Fault, Rule, Severity
from argocd_istio.render.model import ArgocdServer, Behind, Destination, Facts, Listener


def _set(argocd: ArgocdServer, value: str) -> str:
    """The fix for the effective setting."""
    flag = argocd.setting.startswith("--")
    return f"set {argocd.setting}={value}" if flag else f'set {argocd.setting}: "{value}"'


def _plain(facts: Facts) -> Iterator[Fault]:
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        argocd = pods.argocd_server
        if argocd and argocd.tls is False and hop == "the client's TLS":
            message = f"argocd-server speaks plain HTTP ({argocd.because}): the TLS handshake fails"
            yield Fault(pods, argocd.place, message, f"{_set(argocd, 'false')}, or end TLS at the gateway")


def _loop(facts: Facts) -> Iterator[Fault]:
    # A Gateway outside these files may redirect these requests and pass TLS through by another route.
    passing = {listener.gateway for _, listener in facts.listeners() if listener.rules == "tls"}

    def of(listener: Listener, destination: Destination) -> str:
        hidden = destination.hidden
        perhaps = hidden is not None and hidden.tls and hidden.seen is None
        return destination.hop if not perhaps and (listener.here or listener.gateway not in passing) else ""

    for hop, pods in facts.pods(of):
        argocd = pods.argocd_server
        meshed = hop == "mTLS" and pods.mesh in ("sidecar", "ambient")
        if argocd and argocd.tls and (hop == "clear text" or meshed):
            message = f"redirect loop: argocd-server expects TLS ({argocd.because}) and redirects clear text to https"
            yield Fault(pods, argocd.place, message, _set(argocd, "true"))


def _twice(facts: Facts) -> Iterator[Fault]:
    for (hop, policy), pods in facts.pods(lambda _, destination: (destination.hop, destination.policy)):
        argocd = pods.argocd_server
        seen = policy is None or policy.seen is not None
        if argocd and argocd.tls is False and hop == "TLS" and seen:
            message = f"argocd-server speaks plain HTTP ({argocd.because}), but the gateway sends TLS: it answers 503"
            what = f"remove {policy}" if policy and policy.kind != "DestinationRule" else f"remove tls from {policy}"
            yield Fault(pods, argocd.place, message, f"{what}, or {_set(argocd, 'false')}")


def _opaque(facts: Facts) -> Iterator[Fault]:
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        argocd = pods.argocd_server
        if argocd and argocd.tls is False and hop == "the client's bytes":
            message = f"argocd-server speaks plain HTTP ({argocd.because}) to a TCP port: passwords cross in clear text"
            yield Fault(pods, argocd.place, message, "give the Gateway's server protocol HTTPS, and a tls block")


def _no_rule(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.redirect or listener.tls == "AUTO_PASSTHROUGH":
            continue
        rules = listener.rules
        if listener.unrouted == "no match":
            message = f"VirtualService {listener.candidate} has no {rules} route whose match can apply here, by port, "
            fix = "correct match, or add a route without one"
            yield Fault(listener, listener.place, f"{message}gateways or sourceNamespace: {UNROUTED[rules]}", fix)
        elif listener.unrouted == "no rule":
            what = "tls route with this host's SNI" if rules == "tls" else f"{rules} route for this server"
            message = f"VirtualService {listener.candidate} has no {what}: {UNROUTED[rules]}"
            fix = "add one under tls: with sniHosts" if rules == "tls" else f"add one under {rules}:"
            yield Fault(listener, listener.place, message, fix)


def _credential(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if (
            listener.here
            and listener.tls not in ("", "ISTIO_MUTUAL")
            and not listener.passes_through
            and listener.certificate is None
        ):
            istio = listener.api == "Istio"
            field = "credentialName" if istio else "certificateRefs"
            message = f"no {field}: without a certificate the gateway opens no port"
            yield Fault(listener, listener.place, message, f"name the Secret in {field}")


def _tls_block(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.api == "Istio" and listener.protocol in ("HTTPS", "TLS") and not listener.tls:
            message = f"no tls block: Istio refuses a {listener.protocol} server without one"
            yield Fault(listener, listener.place, message, "add tls: with its mode")


def _unverified(facts: Facts) -> Iterator[Fault]:
    secrets = {(given.namespace, given.name) for given in facts.install.secrets}

    @cache
    def self_signed(behind: Behind) -> bool:
        certificates = (pods.certificate for pods in behind.argocd_servers)
        return any(each and (each.namespace, each.secret) not in secrets for each in certificates)

    for _, _, destination in facts.argocd_servers():
        policy = destination.policy
        if not (policy and policy.verifies == "the system's CAs" and destination.hop == "TLS"):
            continue
        if self_signed(destination.pods):
            message = (
                f"{policy} checks argocd-server's certificate against the system's CAs: "
                "a self-signed one is refused, and the gateway answers 503"
            )
            field = "caCertificates" if policy.kind == "DestinationRule" else "caCertificateRefs"
            yield Fault(destination, policy.place, message, f"state {field}, or end TLS at the gateway alone")


def _not_in_mesh(facts: Facts) -> Iterator[Fault]:
    fix = "remove its tls block, or bring the pods into the mesh"

    @cache
    def faults_of(behind: Behind) -> dict[str, tuple[str, Severity]]:
        found: dict[str, tuple[str, Severity]] = {}
        for pods in behind:
            argocd = pods.argocd_server
            if pods.mesh in ("sidecar", "ambient"):
                continue
            if pods.mesh == "none" or not pods.redirected:
                found[", and the pods are not in the mesh: 503"] = fix, "error"
            elif argocd and argocd.tls:
                found[f", and argocd-server has no certificate of the mesh ({argocd.because}): 503"] = fix, "error"
            else:
                unknown = ": if the pods are not in the mesh, which these files do not show, the gateway answers 503"
                found[unknown] = "", "info"
        return found

    for _, _, destination in facts.destinations():
        policy = destination.policy
        if policy and policy.tls == "ISTIO_MUTUAL" and policy.seen is not None:
            for what, (mend, severity) in faults_of(destination.pods).items():
                message = f"DestinationRule {policy.rule} sets ISTIO_MUTUAL{what}"
                yield Fault(destination, policy.place, message, mend, severity)


def _tls_in_tls(facts: Facts) -> Iterator[Fault]:
    for _, _, destination in facts.destinations():
        policy = destination.policy
        if policy and policy.tls in ("SIMPLE", "MUTUAL") and destination.hop == "the client's TLS":
            message = f"{policy} wraps the client's TLS in TLS: the handshake fails"
            yield Fault(
                destination,
                policy.place,
                message,
                "remove its tls block" if policy.kind == "DestinationRule" else "remove it",
            )


RULES = (
    Rule("A01", "plain-server-behind-passthrough", "error", _plain),
    Rule("A02", "redirect-loop", "error", _loop),
    Rule("A03", "tls-to-plain-server", "error", _twice),
    Rule("A05", "plain-server-behind-tcp", "error", _opaque),
    Rule("A06", "no-rule-for-the-server", "error", _no_rule),
    Rule("A09", "no-credential", "error", _credential),
    Rule("A10", "no-tls-block", "error", _tls_block),
    Rule("A28", "certificate-not-trusted", "warning", _unverified),
    Rule("A29", "mutual-tls-outside-the-mesh", "error", _not_in_mesh),
    Rule("A34", "tls-in-tls", "error", _tls_in_tls),
)
